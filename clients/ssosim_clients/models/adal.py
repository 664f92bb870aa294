"""A program on ADAL, the library before MSAL."""

from __future__ import annotations

from typing import Final

from ssosim_clients.flows import AdalPassword
from ssosim_clients.models.client import Client
from ssosim_clients.policies import FailFast

__all__ = ["ADAL_LIKE"]

ADAL_LIKE: Final = Client(
    name="adal-like",
    description="ADAL with a user name and password: without MEX it uses the URL in the realm response",
    sources=("adal 1.2.7 user_realm.py, mex.py, wstrust_request.py, token_request.py (read, run)",),
    policy=FailFast(),
    flow=AdalPassword(),
    can_prompt=False,
)
"""Its fallback helps if only MEX fails. It does not help if the host has no address: both URLs have the same host."""

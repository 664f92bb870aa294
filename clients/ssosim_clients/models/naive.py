"""What people write by hand: the happy path, and a loop around it."""

from __future__ import annotations

from typing import Final

from ssosim_clients.models.client import Client
from ssosim_clients.policies import RetryHot
from ssosim_clients.spn import RULES

__all__ = ["NAIVE"]

NAIVE: Final = Client(
    name="naive",
    description="hand-written client without a policy: three tries without a pause, then it raises",
    sources=("seed row 004-107: a library's client against a hand-written one", RULES["requests-gssapi"].source),
    spn=RULES["requests-gssapi"],
    policy=RetryHot(),
    can_prompt=False,
)

"""Office on Windows (Outlook, Word, OneDrive): swallows errors and tries again in the background."""

from __future__ import annotations

from typing import Final

from ssosim_clients.models.client import Client
from ssosim_clients.policies import SwallowAndRetry
from ssosim_clients.spn import RULES

__all__ = ["OFFICE"]

OFFICE: Final = Client(
    name="office",
    description="native client that swallows errors and retries in the background; it asks only when told to",
    sources=(
        "public account of the incident of 25 February 2025: native clients treat a network error as passing",
        RULES["wininet"].source,
        "unconfirmed: number and spacing of retries, and the background period",
    ),
    spn=RULES["wininet"],
    policy=SwallowAndRetry(),
)
"""With a CNAME in place of the alias, its SPN is one that the KDC does not know; Negotiate then carries NTLM, which the
service refuses with 403. That is an answer and no network error, and it stays so at every background round."""

"""Office on Windows (Outlook, Word, OneDrive): swallows errors and tries again in the background."""

from __future__ import annotations

from typing import Final

from ssosim_clients.models.client import Client
from ssosim_clients.policies import SwallowAndRetry
from ssosim_clients.spn import RULES

__all__ = ["OFFICE", "ONEDRIVE", "OUTLOOK", "WORD", "office_client"]

_SOURCES: Final = (
    "Azure Incident Retrospective TMS9-J_8: native clients treat a network error as passing",
    RULES["wininet"].source,
    "unconfirmed: number and spacing of retries, and the background period",
)


def office_client(name: str, what: str, round_interval: float) -> Client:
    """A member of the family that begins a background round every ``round_interval`` seconds (unconfirmed for each).

    With a CNAME in place of the alias, its SPN is one that the KDC does not know; Negotiate then carries NTLM, which
    the service refuses with 403. That is an answer and no network error, and it stays so at every background round.
    """
    return Client(
        name=name,
        description=f"{what}: swallows errors and retries in the background; it asks only when told to",
        sources=_SOURCES,
        spn=RULES["wininet"],
        policy=SwallowAndRetry(round_interval=round_interval),
    )


OFFICE: Final = office_client("office", "any Office program", 300.0)
OUTLOOK: Final = office_client("outlook", "Outlook, which polls its mailbox", 240.0)
WORD: Final = office_client("word", "Word, which signs in for its licence and for shared files", 600.0)
ONEDRIVE: Final = office_client("onedrive", "OneDrive, which synchronises all the time", 240.0)

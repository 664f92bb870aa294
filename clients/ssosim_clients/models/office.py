"""Office on Windows (Outlook, Word, OneDrive): swallows errors and retries in the background."""

from __future__ import annotations

from typing import Final

from ssosim_clients.models.client import Client
from ssosim_clients.policies import SwallowAndRetry
from ssosim_clients.spn import RULES

__all__ = ["OFFICE", "ONEDRIVE", "OUTLOOK", "WORD", "build_office_client"]

_SOURCES: Final = (
    "Azure Incident Retrospective TMS9-J_8: native clients treat a network error as transient",
    RULES["wininet"].source,
    "unconfirmed: number and spacing of retries, and the background period",
)


def build_office_client(name: str, program: str, round_interval: float) -> Client:
    """An Office program that begins a background round every ``round_interval`` seconds (unconfirmed for each).

    With a CNAME in place of the alias record, the KDC does not know its SPN. It then sends NTLM inside Negotiate, which
    the service refuses with 403. That is a response and no network error, and it is the same in every background round.
    """
    return Client(
        name=name,
        description=f"{program}: swallows errors, retries in the background; prompts only if the service requires it",
        sources=_SOURCES,
        spn=RULES["wininet"],
        policy=SwallowAndRetry(round_interval=round_interval),
    )


OFFICE: Final = build_office_client("office", "any Office program", 300.0)
OUTLOOK: Final = build_office_client("outlook", "Outlook, which polls its mailbox", 240.0)
WORD: Final = build_office_client("word", "Word, which signs in for its licence and for shared files", 600.0)
ONEDRIVE: Final = build_office_client("onedrive", "OneDrive, which synchronises all the time", 240.0)

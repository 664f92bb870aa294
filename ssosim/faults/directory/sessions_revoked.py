"""The fault ``sessions-revoked``."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from functools import partial
from typing import ClassVar

from msgspec.structs import replace

from ssosim.estate import Estate
from ssosim.faults.core.estate_fault import EstateFault, change_user
from ssosim.faults.core.fault import Applied, FaultState

__all__ = ["SessionsRevoked"]


class SessionsRevoked(EstateFault, frozen=True, kw_only=True, tag="sessions-revoked"):
    """The sessions of ``user`` are revoked: what was signed in before is AADSTS50173, and a new sign-in is good.

    Source: Microsoft Graph, user: revokeSignInSessions (``signInSessionsValidFromDateTime``); azure-cli issue 242.
    """

    CODES: ClassVar[tuple[int, ...]] = (50173,)

    user: str

    def fold(self, state: FaultState, applied: Applied) -> FaultState:
        """Return ``state`` with the sessions revoked that began before the fault was applied."""
        return dataclasses.replace(state, estate=(*state.estate, partial(self._revoke, applied.at)))

    def _revoke(self, moment: float, estate: Estate) -> Estate:
        since = datetime.fromtimestamp(moment, UTC)
        return change_user(estate, self.user, lambda user: replace(user, sign_in_sessions_valid_from=since))

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"the sessions of {self.user} are revoked"

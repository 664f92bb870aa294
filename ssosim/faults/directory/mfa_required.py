"""The fault ``mfa-required``."""

from __future__ import annotations

from typing import ClassVar

from msgspec.structs import replace

from ssosim.estate import Estate
from ssosim.faults.core.estate_fault import EstateFault, change_user

__all__ = ["MfaRequired"]


class MfaRequired(EstateFault, frozen=True, kw_only=True, tag="mfa-required"):
    """``user`` must use two factors from now on: AADSTS50076 for programs, also at refresh, and 50074 at the page.

    ``registered`` False: the user has no second factor (50079, 50072). Source: azure-cli issue 5566.
    """

    CODES: ClassVar[tuple[int, ...]] = (50074, 50072, 50076, 50079)

    user: str
    registered: bool = True

    def change(self, estate: Estate) -> Estate:
        """Return ``estate`` with the user changed."""
        return change_user(
            estate,
            self.user,
            lambda user: replace(user, mfa_required=True, mfa_registered=self.registered and user.mfa_registered),
        )

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"{self.user} must use two factors"

"""The fault ``user-locked``."""

from __future__ import annotations

from typing import ClassVar

from msgspec.structs import replace

from ssosim.estate import Estate
from ssosim.faults.core.estate_fault import EstateFault, change_user

__all__ = ["UserLocked"]


class UserLocked(EstateFault, frozen=True, kw_only=True, tag="user-locked"):
    """The account of ``user`` is locked: AADSTS50053 for every use of the password. Refresh tokens stay good.

    Source: Entra document "Smart lockout".
    """

    CODES: ClassVar[tuple[int, ...]] = (50053,)

    user: str

    def change(self, estate: Estate) -> Estate:
        """Return ``estate`` with the user changed."""
        return change_user(estate, self.user, lambda user: replace(user, locked=True))

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"the account of {self.user} is locked"

"""The fault ``user-locked``."""

from __future__ import annotations

from typing import ClassVar

from msgspec.structs import replace

from ssosim.estate import Estate
from ssosim.faults.core.estate_fault import EstateFault, change_user

__all__ = ["UserLocked"]


class UserLocked(EstateFault, frozen=True, kw_only=True, tag="user-locked"):
    """The account of ``user`` is locked: AADSTS50053 for every use of the password. Refresh tokens stay good.

    The KDC refuses the sign-on with KDC_ERR_CLIENT_REVOKED, and service tickets from 20 minutes after it. Source: Entra
    document "Smart lockout"; MS-KILE sections 3.3.5.6.3 and 3.3.5.7.1.
    """

    CODES: ClassVar[tuple[int, ...]] = (50053,)

    user: str

    def change(self, estate: Estate) -> Estate:
        """Return ``estate`` with the user changed."""
        return change_user(estate, self.user, lambda user: replace(user, locked=True))

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"the account of {self.user} is locked"

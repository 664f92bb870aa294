"""The fault ``password-expired``."""

from __future__ import annotations

from typing import ClassVar

from msgspec.structs import replace

from ssosim.estate import Estate
from ssosim.faults.core.estate_fault import EstateFault, change_user

__all__ = ["PasswordExpired"]


class PasswordExpired(EstateFault, frozen=True, kw_only=True, tag="password-expired"):
    """The password of ``user`` has expired: AADSTS50055 for every use of it. Refresh tokens stay good.

    The KDC refuses the sign-on with KDC_ERR_KEY_EXPIRED; tickets of before stay good. Source: Entra document "Refresh
    tokens"; MS-KILE section 3.3.5.6.3.
    """

    CODES: ClassVar[tuple[int, ...]] = (50055,)

    user: str

    def change(self, estate: Estate) -> Estate:
        """Return ``estate`` with the user changed."""
        return change_user(estate, self.user, lambda user: replace(user, password_expired=True))

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"the password of {self.user} has expired"

"""The fault ``password-changed``."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from ssosim.estate import Estate
from ssosim.faults.core.estate_fault import EstateFault, change_user

__all__ = ["PasswordChanged"]


class PasswordChanged(EstateFault, frozen=True, kw_only=True, tag="password-changed"):
    """``user`` has a new ``password`` in Entra: what the old one gave is revoked (AADSTS50173).

    The user types the new one; programs that have stored the old one get AADSTS50126. Source: Entra document
    "Refresh tokens".
    """

    user: str
    password: Annotated[str, Meta(min_length=1)] = "A-new-lab-password-1"  # noqa: S105 - of a lab

    def change(self, estate: Estate) -> Estate:
        """Return ``estate`` with the user changed."""
        return change_user(estate, self.user, lambda user: replace(user, password=self.password))

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"the password of {self.user} is changed"

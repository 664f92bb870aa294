"""The fault ``password-changed``."""

from __future__ import annotations

from html import escape
from typing import Annotated, ClassVar
from urllib.parse import quote_plus

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

    CODES: ClassVar[tuple[int, ...]] = (50126,)

    user: str
    password: Annotated[str, Meta(min_length=1)] = "A-new-lab-password-1"  # noqa: S105 - of a lab

    def change(self, estate: Estate) -> Estate:
        """Return ``estate`` with the user changed."""
        return change_user(estate, self.user, lambda user: replace(user, password=self.password))

    def explains(self, text: str, code: int, healthy: Estate) -> bool:
        """Whether the request has the password of before, which was right without the fault."""
        user = healthy.user(self.user)
        if user is None or not super().explains(text, code, healthy):
            return False
        return any(each in text for each in (user.password, quote_plus(user.password), escape(user.password)))

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"the password of {self.user} is changed"

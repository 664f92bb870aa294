"""The attributes of a principal of an MIT KDC for the state of a user's account.

A disabled or locked account gets the attribute DISALLOW_ALL_TIX, for which an MIT KDC answers KDC_ERR_CLIENT_REVOKED as
a domain controller does; an expired password gets a date in the past, for KDC_ERR_KEY_EXPIRED. An MIT KDC looks at the
date first, a domain controller at the account: so a disabled account has no date. Source: krb5 1.20, man kadmin
(``-allow_tix``, ``-pwexpire``) and ``kdc/kdc_util.c``; MS-KILE section 3.3.5.6.3.
"""

from __future__ import annotations

from typing import NamedTuple, Self

from ssosim.estate import User
from ssosim.kerberos.account_policy import is_shut, must_change_password

__all__ = ["AccountAttributes", "build_account_options"]

_PAST = '"2000-01-01 00:00:00 UTC"'


class AccountAttributes(NamedTuple):
    """Whether the KDC issues no ticket to the principal, and whether its password has expired."""

    shut: bool
    password_expired: bool

    @classmethod
    def of(cls, user: User) -> Self:
        """The attributes for the account of ``user``."""
        return cls(is_shut(user), must_change_password(user) and not is_shut(user))

    def format_options(self) -> str:
        """The options of kadmin's ``modprinc``."""
        return f"{'-' if self.shut else '+'}allow_tix -pwexpire {_PAST if self.password_expired else 'never'}"


def build_account_options(user: User) -> str:
    """Return the options of kadmin's ``addprinc`` for the state of the account, with a space at the end, or ``""``."""
    attributes = AccountAttributes.of(user)
    return f"{attributes.format_options()} " if any(attributes) else ""

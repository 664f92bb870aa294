"""Whether a KDC gives tickets to a user, by the state of the user's account, as a domain controller decides it.

A domain controller checks the account at every request for a ticket-granting ticket. For a service ticket it checks it
only if the ticket-granting ticket is older than 20 minutes, and only in the account's own domain. Whether the password
has expired is checked at the sign-on alone.

Source: MS-KILE, sections 3.3.5.6.3 (TGT requests) and 3.3.5.7.1 (session ticket requests). An MIT KDC checks the
account at the sign-on alone (krb5 1.20, ``kdc/kdc_util.c``, ``validate_as_request``).
"""

from __future__ import annotations

from collections.abc import Sequence

from ssosim.estate import User
from ssosim.kerberos.codes import KrbCode

__all__ = [
    "TICKET_AGE_S",
    "check_enctypes",
    "check_sign_on",
    "check_ticket_request",
    "is_fresh",
    "is_shut",
    "must_change_password",
]

TICKET_AGE_S = 1200.0
"""The age of a ticket-granting ticket, in seconds, after which the account is checked again.

Source: MS-KILE, note to section 3.3.5.7.1.
"""


def is_shut(user: User) -> bool:
    """Return whether the account is disabled or locked out."""
    return not user.enabled or user.locked


def must_change_password(user: User) -> bool:
    """Return whether the password has expired, or has to be changed at the next sign-on."""
    return user.password_expired or user.force_change_password_next_sign_in


def check_sign_on(user: User, now: float) -> KrbCode | None:
    """Return the error of a request for a ticket-granting ticket at ``now``; None where it is issued."""
    if is_shut(user) or user.has_expired(now):
        return KrbCode.KDC_ERR_CLIENT_REVOKED
    return KrbCode.KDC_ERR_KEY_EXPIRED if must_change_password(user) else None


def check_enctypes(user: User, offered: Sequence[str], supported: Sequence[str], sessions: Sequence[str]) -> bool:
    """Return whether a sign-on finds a key of the user and a type of session key that client and KDC have in common.

    ``offered``: the types of the client; ``supported``: those of the KDC; ``sessions``: those of the session keys of
    ticket-granting tickets. Without one the error is KDC_ERR_ETYPE_NOSUPP. Source: RFC 4120, section 3.1.3.
    """
    has_key = any(each in offered and each in supported for each in user.enctypes)
    return has_key and any(each in sessions and each in supported for each in offered)


def is_fresh(age: float) -> bool:
    """Return whether the KDC does not look at the account, since the sign-on was ``age`` seconds ago only."""
    return age <= TICKET_AGE_S


def check_ticket_request(user: User, age: float, now: float) -> KrbCode | None:
    """Return the error of a request for a service ticket; None where the account is no reason to refuse it.

    ``age`` is that of the ticket-granting ticket, in seconds since the sign-on.
    """
    if is_fresh(age):
        return None
    return KrbCode.KDC_ERR_CLIENT_REVOKED if is_shut(user) or user.has_expired(now) else None

"""Extended DNS errors: why an answer is an error, or an old one. Source: RFC 8914.

A server sends the number in an EDNS option to clients whose query has EDNS. The trace has number and name.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

__all__ = ["ExtendedError", "describe_extended_error"]


class ExtendedError(IntEnum):
    """The INFO-CODEs that servers of the lab send. Source: RFC 8914 section 4."""

    OTHER = 0
    STALE_ANSWER = 3
    DNSSEC_BOGUS = 6
    STALE_NXDOMAIN_ANSWER = 19
    NOT_AUTHORITATIVE = 20
    NO_REACHABLE_AUTHORITY = 22


_NAMES: Mapping[ExtendedError, str] = {
    ExtendedError.OTHER: "Other Error",
    ExtendedError.STALE_ANSWER: "Stale Answer",
    ExtendedError.DNSSEC_BOGUS: "DNSSEC Bogus",
    ExtendedError.STALE_NXDOMAIN_ANSWER: "Stale NXDOMAIN Answer",
    ExtendedError.NOT_AUTHORITATIVE: "Not Authoritative",
    ExtendedError.NO_REACHABLE_AUTHORITY: "No Reachable Authority",
}


def describe_extended_error(error: ExtendedError | None) -> str:
    """Return number and name, as ``22 No Reachable Authority``; empty for None."""
    return "" if error is None else f"{error.value} {_NAMES[error]}"

"""Reading a GSS-API error: the number of libkrb5 behind it, and its words."""

from __future__ import annotations

from gssapi.raw.misc import GSSError

__all__ = ["krb5_code", "minor_text"]

# Protocol errors are this base plus the code of RFC 4120; libkrb5's own follow from 128. Source: krb5_err.et.
KRB5_ERROR_BASE = 0x96C73A00


def krb5_code(error: GSSError) -> int | None:
    """libkrb5's error number without its base; None if the minor code is not one of libkrb5's."""
    code = (error.min_code & 0xFFFFFFFF) - KRB5_ERROR_BASE
    return code if 0 <= code < 256 else None


def minor_text(error: GSSError) -> str:
    """What the mechanism says of ``error``, in one line."""
    statuses = error.get_all_statuses(error.min_code, False)
    text = statuses[0] if statuses else ""
    return text.strip() or type(error).__name__

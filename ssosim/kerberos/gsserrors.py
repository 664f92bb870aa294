"""Read a GSS-API error: the error number of libkrb5 behind it, and its text."""

from __future__ import annotations

from gssapi.raw.misc import GSSError

__all__ = ["format_minor_error", "read_krb5_code"]

# A protocol error is this base plus the code of RFC 4120; libkrb5's own errors begin at base + 128. Source:
# krb5_err.et.
KRB5_ERROR_BASE = 0x96C73A00


def read_krb5_code(error: GSSError) -> int | None:
    """The error number of libkrb5 without its base; None if the minor status is not one of libkrb5's."""
    code = (error.min_code & 0xFFFFFFFF) - KRB5_ERROR_BASE
    return code if 0 <= code < 256 else None


def format_minor_error(error: GSSError) -> str:
    """The mechanism's text for ``error``, in one line; the name of the exception class where there is no text."""
    statuses = error.get_all_statuses(error.min_code, False)
    text = statuses[0] if statuses else ""
    return text.strip() or type(error).__name__

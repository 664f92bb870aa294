"""Read a GSS-API error: the error number of libkrb5 behind it, and its text."""

from __future__ import annotations

from gssapi.raw.misc import GSSError

__all__ = ["format_minor_error", "read_krb5_code"]

# A protocol error is this base plus the code of RFC 4120; libkrb5's own errors begin at base + 128. Source:
# krb5_err.et.
KRB5_ERROR_BASE = 0x96C73A00
_NO_ERROR = "Success"


def read_krb5_code(error: GSSError) -> int | None:
    """The error number of libkrb5 without its base; None if the minor status is not one of libkrb5's."""
    code = (error.min_code & 0xFFFFFFFF) - KRB5_ERROR_BASE
    return code if 0 <= code < 256 else None


def format_minor_error(error: GSSError) -> str:
    """The mechanism's text for ``error``, in one line; that of GSS-API where the mechanism has none.

    Where GSS-API itself refuses a token, libgssapi_krb5 says "Success" for the mechanism (krb5 1.20.1).
    """
    for code, is_major in ((error.min_code, False), (error.maj_code, True)):
        text = next(iter(error.get_all_statuses(code, is_major)), "").strip()
        if text and text != _NO_ERROR:
            return text
    return type(error).__name__

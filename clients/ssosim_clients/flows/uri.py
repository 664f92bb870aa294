"""Addresses that a stranger sent."""

from __future__ import annotations

from urllib.parse import urlsplit

__all__ = ["is_absolute"]


def is_absolute(address: str) -> bool:
    """Whether ``address`` is an HTTP URI with a host that can be dialled.

    No host is checked against a list and http is as good as https: none of the real libraries is stricter about where
    the MEX document is, and MSAL.NET about where it points (source: MSAL.NET WsTrust/MexDocument.cs).
    """
    try:
        parts = urlsplit(address)
        dialled = bool(parts.scheme in ("http", "https") and parts.hostname and parts.port != 0)
    except ValueError:
        return False
    return dialled and address.isascii() and address.isprintable() and " " not in address

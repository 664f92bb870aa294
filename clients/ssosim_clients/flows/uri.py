"""Check a URL that a service sent."""

from __future__ import annotations

from urllib.parse import urlsplit

__all__ = ["is_absolute"]


def is_absolute(url: str) -> bool:
    """Whether ``url`` is an absolute HTTP URL with a host to which a client can connect.

    The host is not checked against a list, and http is accepted: no real library is stricter about the URL of the MEX
    document, and MSAL.NET is not about the URLs in it (source: MSAL.NET WsTrust/MexDocument.cs).
    """
    try:
        parts = urlsplit(url)
        can_connect = bool(parts.scheme in ("http", "https") and parts.hostname and parts.port != 0)
    except ValueError:
        return False
    return can_connect and url.isascii() and url.isprintable() and " " not in url

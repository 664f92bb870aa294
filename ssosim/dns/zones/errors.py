"""The error of all changes to zones."""

from __future__ import annotations

__all__ = ["DnsChangeError"]


class DnsChangeError(ValueError):
    """A change is not allowed. The text says what is wrong, where, and what to do; nothing was changed."""

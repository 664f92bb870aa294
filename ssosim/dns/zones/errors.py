"""The one error that a change to zones raises."""

from __future__ import annotations

__all__ = ["DnsChangeError"]


class DnsChangeError(ValueError):
    """A change that cannot be made. The text says what, where, and what to do; nothing was changed."""

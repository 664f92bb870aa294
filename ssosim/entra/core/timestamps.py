"""Moments in the spellings of the protocols. All UTC, from seconds since the Unix epoch."""

from __future__ import annotations

import time
from functools import lru_cache

__all__ = ["format_oauth_time", "format_xml_time"]


@lru_cache(maxsize=4096)
def _format(second: int, pattern: str) -> str:
    return time.strftime(pattern, time.gmtime(second))


def format_xml_time(moment: float) -> str:
    """``2025-02-25T16:42:00.000Z``, as in WS-Trust and SAML."""
    return _format(int(moment), "%Y-%m-%dT%H:%M:%S.000Z")


def format_oauth_time(moment: float) -> str:
    """``2025-02-25 16:42:00Z``, as in OAuth error bodies (a blank, not T)."""
    return _format(int(moment), "%Y-%m-%d %H:%M:%SZ")

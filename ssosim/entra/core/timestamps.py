"""Times in the formats of the protocols: UTC, from seconds since the Unix epoch."""

from __future__ import annotations

import time
from functools import lru_cache

__all__ = ["format_oauth_time", "format_xml_time"]


@lru_cache(maxsize=4096)
def _format(second: int, pattern: str) -> str:
    return time.strftime(pattern, time.gmtime(second))


def format_xml_time(moment: float) -> str:
    """Format a time as in WS-Trust and SAML: ``2025-02-25T16:42:00.000Z``."""
    return _format(int(moment), "%Y-%m-%dT%H:%M:%S.000Z")


def format_oauth_time(moment: float) -> str:
    """Format a time as in OAuth error bodies, with a blank and no T: ``2025-02-25 16:42:00Z``."""
    return _format(int(moment), "%Y-%m-%d %H:%M:%SZ")

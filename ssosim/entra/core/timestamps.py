"""Times in the formats of the protocols: UTC, from seconds since the Unix epoch."""

from __future__ import annotations

import re
import time
from datetime import datetime
from functools import lru_cache

__all__ = ["format_oauth_time", "format_xml_time", "read_xml_time"]

_XML_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?)[0-9]{0,3}(Z|[+-][0-9]{2}:[0-9]{2})?"
)


@lru_cache(maxsize=4096)
def _format(second: int, pattern: str) -> str:
    return time.strftime(pattern, time.gmtime(second))


def format_xml_time(moment: float) -> str:
    """Format a time as in WS-Trust and SAML: ``2025-02-25T16:42:00.000Z``."""
    return _format(int(moment), "%Y-%m-%dT%H:%M:%S.000Z")


def format_oauth_time(moment: float) -> str:
    """Format a time as in OAuth error bodies, with a blank and no T: ``2025-02-25 16:42:00Z``."""
    return _format(int(moment), "%Y-%m-%d %H:%M:%SZ")


def read_xml_time(text: str) -> float:
    """Read a ``dateTime`` of XML Schema in seconds since the Unix epoch; without a zone it is UTC.

    Up to nine digits of a second are read (.NET writes seven), the last three of them are dropped. Other forms of ISO
    8601 are refused, as by readers of XML (XML Schema 1.0, part 2, section 3.2.7). Raises ValueError.
    """
    found = _XML_TIME.fullmatch(text.strip(" \t\r\n"))
    try:
        if found:
            return datetime.fromisoformat(found[1] + (found[2] or "Z")).timestamp()
    except (ValueError, OverflowError):
        pass  # a month 13, or a year that no date has
    raise ValueError("the text is no dateTime of XML Schema")

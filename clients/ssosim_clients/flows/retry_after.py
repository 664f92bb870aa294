"""How libraries read the header ``Retry-After``: seconds, or a date (RFC 9110, section 10.2.3)."""

from __future__ import annotations

import math
from email.utils import mktime_tz, parsedate_tz
from typing import Final

from msgspec import Struct

from ssosim_clients.ports import HttpResponse

__all__ = ["AS_WRITTEN", "RetryAfterReading", "has_retry_after", "read_retry_after"]

_MOST_SECONDS: Final = 2.0**31
"""No library waits longer; so a number with hundreds of digits is a number too."""


class RetryAfterReading(Struct, frozen=True, kw_only=True):
    """How a library reads the header.

    ``dates``: it reads a date as well as seconds. ``zero``: no time at all counts; else it is as if there were no
    header. ``longest``: a longer time, in seconds, is cut to this if ``cuts``; else it is as if there were no header.
    """

    dates: bool = True
    zero: bool = True
    longest: float = math.inf
    cuts: bool = True

    def read(self, response: HttpResponse, date: float) -> float | None:
        """The seconds to wait; None if there is no header that the library reads. ``date`` as in the function."""
        seconds = read_retry_after(response, date if self.dates else None)
        if seconds is None or (not seconds and not self.zero):
            return None
        if seconds > self.longest:
            return self.longest if self.cuts else None
        return seconds


AS_WRITTEN: Final = RetryAfterReading()
"""Every time counts, as the standard says."""


def has_retry_after(response: HttpResponse) -> bool:
    """Whether there is a Retry-After header, whatever it says."""
    return "Retry-After" in response.headers


def read_retry_after(response: HttpResponse, date: float | None) -> float | None:
    """The seconds in the Retry-After header, or until its date, not below zero; None if it is neither, or missing.

    ``date`` is the present date of the device in seconds since the Unix epoch; None: dates are not read.
    """
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), _MOST_SECONDS)
    moment = None if date is None else parsedate_tz(value)
    if date is None or moment is None:
        return None
    try:
        return min(max(0.0, mktime_tz(moment) - date), _MOST_SECONDS)
    except (OverflowError, ValueError):  # a day or an hour that no calendar has
        return None

"""What a client process stores between attempts.

Real libraries cache responses and remember failures, which changes the next attempt. So this state is an explicit part
of a client. Source: measured, MSAL Python (GET responses for 24 h) and the JDK (a failed Negotiate, for each host).
"""

from __future__ import annotations

import math
from typing import TypeVar

__all__ = ["Memory"]

T = TypeVar("T")


class Memory:
    """Values by key, each with an expiry time. A new client process has a new, empty ``Memory``."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[str, tuple[object, float]] = {}

    def keep(self, key: str, value: object, until: float = math.inf) -> None:
        """Store ``value`` until ``until``, in seconds since the Unix epoch. By default it does not expire."""
        self._kept[key] = (value, until)

    def recall(self, key: str, kind: type[T], now: float) -> T | None:
        """The value stored under ``key`` if it is a ``kind`` and has not expired at ``now``; None otherwise."""
        value, until = self._kept.get(key, (None, -math.inf))
        return value if isinstance(value, kind) and now < until else None

"""What a client's process keeps between attempts.

Caches and grudges outlive a call and change what the next one does, so they are an explicit part of a client.
Source: measured, MSAL Python (GET answers for 24 h) and of the JDK (a failed Negotiate is remembered per host).
"""

from __future__ import annotations

import math
from typing import TypeVar

__all__ = ["Memory"]

T = TypeVar("T")


class Memory:
    """Values under keys, each with the moment at which it is forgotten. A new process has a new, empty one."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[str, tuple[object, float]] = {}

    def keep(self, key: str, value: object, until: float = math.inf) -> None:
        """Keep ``value`` until the moment ``until``, in seconds since the epoch; the default is the process's end."""
        self._kept[key] = (value, until)

    def recall(self, key: str, kind: type[T], now: float) -> T | None:
        """What was kept under ``key``, if it is a ``kind`` and not yet forgotten at ``now``."""
        value, until = self._kept.get(key, (None, -math.inf))
        return value if isinstance(value, kind) and now < until else None

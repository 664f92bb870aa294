"""What is to happen when, in virtual time: the core that both of its drivers share.

There are two drivers. ``VirtualClock`` drives asyncio tasks that talk over real sockets: it has to wait until none of
them is busy before it may jump. ``ssosim.memory.clock.Engine`` drives bare coroutines, none of which is ever busy with
anything but itself, so it needs no event loop and takes a tenth of the time. Where two moments are equal, both take
first what was asked for first.
"""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

__all__ = ["Agenda"]

T = TypeVar("T")


class Agenda(Generic[T]):
    """A heap of moments. ``now`` and all moments are in seconds since the Unix epoch; ``now`` never goes back."""

    __slots__ = ("_entries", "_number", "now")

    def __init__(self, now: float) -> None:
        self.now = now
        self._entries: list[tuple[float, int, T]] = []
        self._number = 0

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, moment: float, what: T) -> None:
        """Have ``what`` come up at ``moment``."""
        self._number += 1
        heapq.heappush(self._entries, (moment, self._number, what))

    def has(self, until: float) -> bool:
        """Whether something comes up at ``until`` or before."""
        return bool(self._entries) and self._entries[0][0] <= until

    def take(self) -> T:
        """What comes up next; ``now`` is its moment then. Raises IndexError where nothing does."""
        moment, _, what = heapq.heappop(self._entries)
        self.reach(moment)
        return what

    def reach(self, moment: float) -> None:
        """Move ``now`` to ``moment``, unless it is past that."""
        self.now = max(self.now, moment)

"""Which single-use things have been used."""

from __future__ import annotations

import heapq

__all__ = ["ReplayCache"]


class ReplayCache:
    """Remembers identifiers until they expire; at most ``capacity`` of them, the soonest to expire is forgotten first.

    That the store is bounded means that more than ``capacity`` live assertions open a window; ``forgotten`` counts
    them.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = max(1, capacity)
        self._known: set[str] = set()
        self._queue: list[tuple[float, str]] = []
        self.evictions = 0

    def record_use(self, identifier: str, expires: float, now: float) -> bool:
        """Record the use of ``identifier``; False when it was used before and has not expired. Times in seconds."""
        while self._queue and self._queue[0][0] <= now:
            self._known.discard(heapq.heappop(self._queue)[1])
        if identifier in self._known:
            return False
        if len(self._queue) >= self._capacity:
            self._known.discard(heapq.heappop(self._queue)[1])
            self.evictions += 1
        self._known.add(identifier)
        heapq.heappush(self._queue, (expires, identifier))
        return True

    def __len__(self) -> int:
        return len(self._queue)

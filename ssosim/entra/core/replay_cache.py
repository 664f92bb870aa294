"""The ids of single-use tokens that have been used."""

from __future__ import annotations

import hashlib
import heapq

__all__ = ["ReplayCache"]

_LONG = 64  # as many characters as a SHA-256 digest in hexadecimal


class ReplayCache:
    """Stores at most ``capacity`` ids until they expire. When it is full, the id that expires first is removed.

    A removed id could be used a second time, so ``capacity`` must exceed the number of valid tokens in use;
    ``evictions`` counts the removed ids.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = max(1, capacity)
        self._known: set[str] = set()
        self._queue: list[tuple[float, str]] = []
        self.evictions = 0

    def record_use(self, identifier: str, expires: float, now: float) -> bool:
        """Record the use of ``identifier``.

        Returns False if it was used before and has not expired. Times in seconds.
        """
        identifier = _shorten(identifier)
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

    def __contains__(self, identifier: str) -> bool:
        return _shorten(identifier) in self._known

    def __len__(self) -> int:
        return len(self._queue)


def _shorten(identifier: str) -> str:
    """The identifier, or its digest if it is long: its client chose it, and the store is bounded in octets too."""
    return identifier if len(identifier) <= _LONG else hashlib.sha256(identifier.encode("utf-8", "replace")).hexdigest()

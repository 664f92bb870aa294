"""Detection of request loops: a client that sends the same token request over and over.

Sources: Entra error-code reference (AADSTS50196, LoopDetected), MSAL.NET issue 1788 and MSAL.PS issue 28 (users),
azure-sdk-for-net issue 23324 (applications: status 429 with Retry-After). The limit is unconfirmed, so it is a setting
of the cloud, and off by default.
"""

from __future__ import annotations

from collections import OrderedDict, deque

__all__ = ["LoopDetector"]

_CAPACITY = 10_000  # requests that are remembered at once


class LoopDetector:
    """Counts equal requests within a time window. At most ``capacity`` kinds of requests are remembered."""

    def __init__(self, capacity: int = _CAPACITY) -> None:
        self._capacity = capacity
        self._seen: OrderedDict[tuple[str, ...], deque[float]] = OrderedDict()

    def is_loop(self, request: tuple[str, ...], now: float, *, limit: int, window: float) -> bool:
        """Record one more ``request`` at ``now`` (seconds); return whether it is one more than ``limit`` in ``window``.

        A refused request counts too: a client that does not stop does not get through.
        """
        times = self._seen.pop(request, None) or deque(maxlen=limit + 1)
        if times.maxlen != limit + 1:  # the limit has changed
            times = deque(times, maxlen=limit + 1)
        times.append(now)
        self._seen[request] = times
        if len(self._seen) > self._capacity:
            self._seen.popitem(last=False)
        return len(times) > limit and now - times[0] < window

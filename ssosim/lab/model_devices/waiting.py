"""Time limits for responses of the network, in real time and in virtual time.

Theory of operation
-------------------
A device waits for a DNS answer or an HTTP response, and gives up after a limit of some seconds. It has to do so with
either kind of clock.

Real time: ``asyncio.timeout`` is sufficient.

Virtual time: the clock advances only when every client waits on the clock (``VirtualClock.sleep``). A client that waits
for a socket counts as busy, so the clock stands still. This is right while the response is on its way, because the
servers are real and take real microseconds. But if a fault suppresses the response, the client would wait for ever, and
the clock with it: no limit measured on that clock could expire.

The lab knows when a response is suppressed. The server that suppresses it records this at once as an event of the
client: a DNS answer with rcode ``DROPPED``, or an HTTP exchange with status 0. So in virtual time ``ResponseTimer``
subscribes to the trace. On such an event it

1. cancels the task that waits for the socket,
2. sleeps on the virtual clock for the rest of the limit, which takes no real time, and
3. raises TimeoutError, as in real time.

The block ``async with timer.limit(...)`` therefore takes the same time by the lab's clock in both cases: ``seconds``.

Rules that always hold:

- A device performs one request at a time, so one ``ResponseTimer`` per device is sufficient. Blocks must not be nested
  in one task: an inner block would replace the predicate of the outer one. An HTTP client resolves the host name before
  it opens its own block.
- Only the cancellation that this class has requested becomes a TimeoutError. A cancellation from outside (the end of a
  scenario, for example) passes on, even if both come together: ``Task.uncancel`` then returns more than 0.
- An event counts only if it is of this client and the block's predicate accepts it. The predicate must compare the name
  that was requested, because a late event of an earlier request may arrive during a later one.
- Without a virtual clock the class does not subscribe to the trace, and costs nothing.

What can go wrong: a response is lost, and no part of the lab records it. In virtual time the client then waits for
ever, and so does the run. A new fault that suppresses responses must record an event for each of them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from weakref import WeakKeyDictionary

from ssosim.clock import Clock, VirtualClock
from ssosim.trace import Event, Record, Trace

__all__ = ["CountingClock", "ResponseTimer", "skips_time"]


class CountingClock:
    """A client's clock that counts waits and does not wait: for the question how long a client would wait.

    It starts at the present time of ``clock`` and advances only by the waits that it counts, so that the machine's own
    time is no part of a result. ``waited`` is in seconds. ``is_late``: an answer would have come after the time limit
    of its query.
    """

    def __init__(self, clock: Clock) -> None:
        self._start = clock.now()
        self.waited = 0.0
        self.is_late = False

    def now(self) -> float:
        """Seconds since the Unix epoch: the start and the waits that were counted."""
        return self._start + self.waited

    async def sleep(self, seconds: float) -> None:
        """Count ``seconds``."""
        self.waited += max(0.0, seconds)

    def hold(self, seconds: float, limit_s: float) -> None:
        """Count the delay of an answer, at most ``limit_s``."""
        self.waited += min(seconds, limit_s)
        self.is_late = self.is_late or seconds >= limit_s


def skips_time(clock: object) -> bool:
    """Whether waits on ``clock`` take no real time, so that nobody may wait for a suppressed response."""
    return isinstance(clock, VirtualClock | CountingClock)


class _Listeners:
    """The timers of all clients of one trace. A record is passed to those of its client, and not to all."""

    def __init__(self, trace: Trace) -> None:
        self._of_client: dict[str, tuple[Callable[[Record], None], ...]] = {}
        trace.subscribe(self._pass_on)

    def add(self, client: str, examine: Callable[[Record], None]) -> Callable[[], None]:
        """Call ``examine`` with every later record of ``client``; returns the function that ends this."""
        self._of_client[client] = (*self._of_client.get(client, ()), examine)

        def remove() -> None:
            left = tuple(each for each in self._of_client[client] if each != examine)
            if left:
                self._of_client[client] = left
            else:
                del self._of_client[client]

        return remove

    def _pass_on(self, record: Record) -> None:
        for examine in self._of_client.get(record.client, ()):
            examine(record)


_LISTENERS: WeakKeyDictionary[Trace, _Listeners] = WeakKeyDictionary()


def _listen(trace: Trace, client: str, examine: Callable[[Record], None]) -> Callable[[], None]:
    listeners = _LISTENERS.get(trace)
    if listeners is None:
        listeners = _LISTENERS[trace] = _Listeners(trace)
    return listeners.add(client, examine)


class ResponseTimer:
    """The time limits of one device. Without a virtual ``clock`` and a ``trace``, limits are in real time.

    ``client`` is the device's name in ``trace``.
    """

    def __init__(self, trace: Trace | None = None, client: str = "", clock: object = None) -> None:
        self._clock = clock if trace is not None and isinstance(clock, VirtualClock | CountingClock) else None
        self._means_no_response: Callable[[Event], bool] | None = None
        self._response_is_lost = False
        self._task: asyncio.Task[object] | None = None
        self._unsubscribe = (
            _listen(trace, client, self.examine) if trace is not None and self._clock is not None else None
        )

    def close(self) -> None:
        """Unsubscribe from the trace. May be called twice."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def limit(
        self, seconds: float, means_no_response: Callable[[Event], bool]
    ) -> contextlib.AbstractAsyncContextManager[object]:
        """Limit a block to ``seconds`` of the device's clock; raise TimeoutError after that.

        ``means_no_response`` returns whether an event of this client means that no response will come.
        """
        if self._clock is None:
            return asyncio.timeout(seconds)
        return _VirtualLimit(self, self._clock, seconds, means_no_response)

    def begin_wait(self, means_no_response: Callable[[Event], bool]) -> None:
        """Watch the client's events from now on, in behalf of the task that runs."""
        self._means_no_response, self._response_is_lost, self._task = means_no_response, False, asyncio.current_task()

    def end_wait(self) -> None:
        """Watch no longer."""
        self._means_no_response = self._task = None

    def takes_back_cancellation(self) -> bool:
        """Whether the cancellation of the task that waits is the timer's own, and no other one came with it."""
        return self._response_is_lost and self._task is not None and self._task.uncancel() <= 0

    def examine(self, record: Record) -> None:
        """End the wait for a response if ``record``, of this client, means that none will come."""
        if self._means_no_response is None or self._response_is_lost or self._task is None:
            return
        if self._means_no_response(record.event):
            self._response_is_lost = True
            self._task.cancel()


class _VirtualLimit:
    """A block with a limit in virtual time. A class, since there are thousands, and a generator costs twice as much."""

    __slots__ = ("_began", "_clock", "_means_no_response", "_seconds", "_timer")

    def __init__(
        self,
        timer: ResponseTimer,
        clock: VirtualClock | CountingClock,
        seconds: float,
        means_no_response: Callable[[Event], bool],
    ) -> None:
        self._timer, self._clock, self._seconds, self._means_no_response = timer, clock, seconds, means_no_response
        self._began = 0.0

    async def __aenter__(self) -> None:
        self._began = self._clock.now()
        self._timer.begin_wait(self._means_no_response)

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        try:
            if isinstance(error, asyncio.CancelledError) and self._timer.takes_back_cancellation():
                await self._clock.sleep(self._began + self._seconds - self._clock.now())
                raise TimeoutError from None
        finally:
            self._timer.end_wait()

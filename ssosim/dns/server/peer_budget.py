"""Whose query is answered next, so that no peer takes the server from the others.

A peer is an IP address. As long as nobody waits, a query is answered as it arrives. A peer that has had its share of
this turn of the event loop waits for the next one, behind everybody who waits there already; each gets its share in
turn. So one peer alone gets all that the machine can do, and among several each gets as much as any other.

Nothing is refused for that: over TCP a peer over its share is not read from until its queries are answered; over UDP
up to ``MOST_WAITING`` of its queries wait, and more are lost, as in a socket's full buffer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import thread_time

__all__ = ["MOST_WAITING", "SHARE_S", "Turns"]

SHARE_S = 0.025
"""What one peer may take before the next is heard, in seconds of CPU time: some 200 queries never asked before."""

TURN_S = 0.05
"""What all peers may take together before sockets are looked at again, in seconds of CPU time."""

MOST_WAITING = 256
"""Queries over UDP of one peer that wait."""

MOST_PEERS = 4096
"""Peers that wait; queries of others are lost until it is fewer."""

Work = Callable[[], None]


class Turns:
    """Runs pieces of work at once, or in turn where a peer has had its share."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Work]] = {}
        self._taken: dict[str, float] = {}
        self._handle: asyncio.Handle | None = None

    def is_free(self, peer: str) -> bool:
        """Whether work of ``peer`` may run now: nobody waits, and it has not had its share of this turn."""
        return not self._waiting and self._taken.get(peer, 0.0) < SHARE_S

    def took(self, peer: str, seconds: float) -> None:
        """``peer`` has been worked for."""
        if not self._taken and self._handle is None:
            self._handle = asyncio.get_running_loop().call_soon(self._turn)
        self._taken[peer] = self._taken.get(peer, 0.0) + seconds

    def wait(self, peer: str, work: Work, *, always: bool = False) -> None:
        """Have ``work`` run in turn. Where too much waits already, it never is, unless it ``always`` must be."""
        queue = self._waiting.get(peer)
        if queue is None:
            if len(self._waiting) >= MOST_PEERS and not always:
                return
            queue = self._waiting[peer] = deque()
        elif len(queue) >= MOST_WAITING and not always:
            return
        queue.append(work)
        if self._handle is None:
            self._handle = asyncio.get_running_loop().call_soon(self._turn)

    def forget(self) -> None:
        """Drop what waits."""
        self._waiting.clear()
        self._taken.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _turn(self) -> None:
        """A new turn: one share for each peer in order, as far as the turn goes."""
        self._handle = None
        self._taken.clear()
        began = now = thread_time()
        for _ in range(len(self._waiting)):
            if now - began > TURN_S:
                break
            peer, queue = next(iter(self._waiting.items()))
            ends = now + SHARE_S
            while queue and now < ends:
                queue.popleft()()
                now = thread_time()
            # Behind the others; it may have come back meanwhile by what its work has done.
            if self._waiting.pop(peer, None) is queue and queue:
                self._waiting[peer] = queue
        if self._waiting and self._handle is None:
            self._handle = asyncio.get_running_loop().call_soon(self._turn)

"""Fair scheduling of queries between peers, so that one peer cannot block the others.

A peer is an IP address. While no query waits, a query is processed when it arrives. A peer that has used its share of
CPU time in this round of the event loop waits for the next round, behind all peers that wait already. So a single peer
gets all of the CPU, and several peers get equal shares.

No query is refused for this reason. Over TCP, the server stops reading from a peer above its share until its queries
are processed. Over UDP, up to ``MAX_WAITING`` queries of a peer wait; more are lost, as in a full socket buffer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import thread_time

__all__ = ["MAX_WAITING", "SHARE_S", "PeerScheduler"]

SHARE_S = 0.025
"""CPU time that one peer may use before the next peer, in seconds: about 200 queries that are not cached."""

ROUND_S = 0.05
"""CPU time that all peers may use together before the sockets are read again, in seconds."""

MAX_WAITING = 256
"""The most UDP queries of one peer that may wait."""

MAX_PEERS = 4096
"""The most peers that may wait; UDP queries of further peers are lost."""

MAX_ALL_WAITING = 8192
"""The most UDP queries of all peers together that may wait."""

Work = Callable[[], None]


class PeerScheduler:
    """Decides when the work of a peer runs: at once, or in turn with the other peers."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Work]] = {}
        self._used: dict[str, float] = {}
        self._number_waiting = 0
        self._handle: asyncio.Handle | None = None

    def may_run(self, peer: str) -> bool:
        """Whether work of ``peer`` may run now: no peer waits, and it has not used its share of this round."""
        return not self._waiting and self._used.get(peer, 0.0) < SHARE_S

    def charge(self, peer: str, seconds: float) -> None:
        """Add ``seconds`` of CPU time to the use of ``peer`` in this round."""
        if not self._used and self._handle is None:
            self._handle = asyncio.get_running_loop().call_soon(self._run_round)
        self._used[peer] = self._used.get(peer, 0.0) + seconds

    def enqueue(self, peer: str, work: Work, *, always: bool = False) -> None:
        """Run ``work`` in turn. If too much waits already, drop it unless ``always`` is set."""
        if self._number_waiting >= MAX_ALL_WAITING and not always:
            return
        queue = self._waiting.get(peer)
        if queue is None:
            if len(self._waiting) >= MAX_PEERS and not always:
                return
            queue = self._waiting[peer] = deque()
        elif len(queue) >= MAX_WAITING and not always:
            return
        queue.append(work)
        self._number_waiting += 1
        if self._handle is None:
            self._handle = asyncio.get_running_loop().call_soon(self._run_round)

    def clear(self) -> None:
        """Drop all waiting work."""
        self._waiting.clear()
        self._number_waiting = 0
        self._used.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _run_round(self) -> None:
        """Run one round: one share for each waiting peer in order, until ``ROUND_S`` is used."""
        self._handle = None
        self._used.clear()
        began = now = thread_time()
        for _ in range(len(self._waiting)):
            if now - began > ROUND_S:
                break
            peer, queue = next(iter(self._waiting.items()))
            ends = now + SHARE_S
            while queue and now < ends:
                self._number_waiting -= 1
                queue.popleft()()
                now = thread_time()
            # Move the peer behind the others. Its work may have enqueued more meanwhile, under a new queue.
            if self._waiting.pop(peer, None) is queue and queue:
                self._waiting[peer] = queue
        if self._waiting and self._handle is None:
            self._handle = asyncio.get_running_loop().call_soon(self._run_round)

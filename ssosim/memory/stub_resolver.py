"""The stub resolver of a device in memory: it queries name servers, and keeps replies that would be the same again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ssosim.dns.zones.stub import LookupResult
from ssosim.memory.clock import pause
from ssosim.memory.resolution import NameServer, SentReply, query_as_stub
from ssosim.trace import ClientEvent, Trace

__all__ = ["StubResolver"]

_MOST_KNOWN = 1024


class _KnownLookup(NamedTuple):
    """The trace events of a look-up that took no time, and what was read."""

    events: tuple[ClientEvent, ...]
    reads: tuple[LookupResult, ...]


class StubResolver:
    """The stub resolver of a device of ``client``, which queries ``servers``. It has no cache, as that of glibc.

    A client that tries for hours looks the same names up again and again. What was read is kept for as long as the
    first server says that its replies are the same (``NameServer.state``): zones and health have not changed, and no
    fault changes answers. So only work is saved: each query is recorded, and no answer is older than the zones.
    """

    def __init__(self, servers: Sequence[NameServer], trace: Trace, client: str) -> None:
        self._servers = servers
        self._trace = trace
        self._client = client
        self._state: object = None
        self._known: dict[tuple[str, tuple[str, ...]], _KnownLookup] = {}

    async def query(self, name: str, kinds: tuple[str, ...]) -> tuple[LookupResult, ...]:
        """Query ``name`` for each of the record types ``kinds``, one after the other, and return what is read.

        For the same replies it may be the same tuple.
        """
        server = self._servers[0] if self._servers else None
        if server is not None and self._state is not None and server.state is self._state:
            known = self._known.get((name, kinds))
            if known is not None:
                self._trace.record_all(known.events)
                return known.reads
        ended: list[SentReply] = []
        reads = tuple([await self._query_once(name, kind, ended) for kind in kinds])
        if server is not None and len(ended) == len(kinds):
            self._keep(server, name, kinds, ended, reads)
        return reads

    def _keep(
        self,
        server: NameServer,
        name: str,
        kinds: tuple[str, ...],
        replies: Sequence[SentReply],
        reads: tuple[LookupResult, ...],
    ) -> None:
        """Keep what was read from ``replies``, if ``server`` would send them again now."""
        state = server.state
        if state is None or not all(server.repeats(reply) for reply in replies):
            return
        if state is not self._state or len(self._known) >= _MOST_KNOWN:
            self._known.clear()
            self._state = state
        self._known[name, kinds] = _KnownLookup(tuple(ClientEvent(self._client, each.event) for each in replies), reads)

    async def _query_once(self, name: str, kind: str, ended: list[SentReply]) -> LookupResult:
        read = query_as_stub(self._servers, self._trace, self._client, name, kind, ended)
        if isinstance(read, LookupResult):
            return read
        try:
            while True:
                await pause(next(read))
        except StopIteration as end:
            found: LookupResult = end.value
            return found

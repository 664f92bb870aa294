"""Zones, and a server to ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from ssosim.dns import DnsServer, ZoneSet, ZoneStore
from ssosim.estate import default_estate
from ssosim.trace import DnsAnswered, Trace


@pytest.fixture(scope="session")
def contoso() -> ZoneSet:
    """The default estate's zones."""
    return ZoneSet.from_estate(default_estate())


@dataclass
class Served:
    """A running server with what it serves and what it recorded."""

    server: DnsServer
    store: ZoneStore
    trace: Trace
    port: int

    def events(self) -> list[tuple[str, DnsAnswered]]:
        """(client, event) of every answer so far."""
        return [(r.client, r.event) for r in self.trace if isinstance(r.event, DnsAnswered)]


@pytest.fixture
async def served(contoso: ZoneSet) -> AsyncIterator[Served]:
    """A server of the default estate on 127.0.0.1."""
    store, trace = ZoneStore(contoso), Trace()
    server = DnsServer(store, trace, lambda remote, local: f"{remote}>{local}")
    port = await server.start("127.0.0.1", 0)
    try:
        yield Served(server, store, trace, port)
    finally:
        await server.stop()

"""The DNS server over real sockets, queried with dnspython's resolver, dig and raw bytes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import dns.asyncquery
import dns.asyncresolver
import dns.flags
import dns.message
import dns.resolver
import pytest
from dns.rcode import SERVFAIL

from ssosim.dns import DnsServer, Effect, ListenError, ZoneSet, ZoneStore, answer, delete_profile, put_rrset
from ssosim.trace import DnsAnswered, Trace
from tests.dns.retries import ask_again

AUTOLOGON = "autologon.microsoftazuread-sso.com"
HERE = "127.0.0.1"

pytestmark = pytest.mark.usefixtures("both_ways")


@dataclass
class Served:
    """A running server with what it serves and what it recorded."""

    server: DnsServer
    store: ZoneStore
    trace: Trace
    port: int

    @property
    def events(self) -> list[DnsAnswered]:
        """Every answer so far."""
        return [record.event for record in self.trace if isinstance(record.event, DnsAnswered)]

    async def dig(self, *words: str) -> str:
        """What dig prints."""
        command = ("dig", f"@{HERE}", "-p", str(self.port), "+tries=1", "+time=30", *words)
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        out, _ = await process.communicate()
        return out.decode()


@contextlib.asynccontextmanager
async def serving(zones: ZoneSet) -> AsyncIterator[Served]:
    """A server on 127.0.0.1."""
    store, trace = ZoneStore(zones), Trace()
    server = DnsServer(store, trace, lambda remote, local: f"{remote}>{local}")
    port = await server.start(HERE, 0)
    try:
        yield Served(server, store, trace, port)
    finally:
        await server.stop()


@pytest.fixture
async def served(contoso: ZoneSet) -> AsyncIterator[Served]:
    """A server of the default estate."""
    async with serving(contoso) as running:
        yield running


def query(name: str = AUTOLOGON, kind: str = "A") -> dns.message.Message:
    """A question."""
    return dns.message.make_query(name, kind)


async def tcp_ask(port: int, *queries: dns.message.Message) -> list[dns.message.Message]:
    """UpstreamQuery several questions in one go over one connection."""
    reader, writer = await asyncio.open_connection(HERE, port)
    try:
        wires = [message.to_wire() for message in queries]
        writer.write(b"".join(len(wire).to_bytes(2, "big") + wire for wire in wires))
        replies = []
        for _ in wires:
            size = int.from_bytes(await reader.readexactly(2), "big")
            replies.append(dns.message.from_wire(await reader.readexactly(size)))
        return replies
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("tcp", [False, True])
async def test_a_resolver_sees_the_pure_answer(served: Served, tcp: bool) -> None:
    """Over UDP and TCP a real stub resolver gets what the pure function says."""
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [HERE], served.port
    asked = [
        ("login.microsoftonline.com", "A"),
        (AUTOLOGON, "A"),
        (AUTOLOGON, "AAAA"),
        ("nope.example.org", "A"),
        ("_kerberos._udp.corp.contoso.com", "SRV"),
    ]
    for name, kind in asked:
        seen = await resolver.resolve(name, kind, raise_on_no_answer=False, tcp=tcp) if "nope" not in name else None
        if seen is None:
            with pytest.raises(dns.resolver.NXDOMAIN):
                await resolver.resolve(name, kind, tcp=tcp)
        else:
            pure = answer(served.store.current, seen.qname, seen.rdtype)
            assert [frozenset(rrset) for rrset in seen.response.answer] == [rrset.content for rrset in pure.answer]
    assert [(event.name, event.type) for event in served.events] == asked
    assert {event.transport for event in served.events} == {"tcp" if tcp else "udp"}


async def test_dig_sees_every_flag(served: Served) -> None:
    """With dig: AA and RA, no warning, and the SOA in a negative answer."""
    positive = await served.dig(AUTOLOGON)
    assert "flags: qr aa rd ra;" in positive
    assert "WARNING" not in positive
    assert "192.0.2.20" in positive
    served.store.change(lambda zones: delete_profile(zones, "aadg-autologon"))
    negative = await served.dig(AUTOLOGON)
    assert "status: NOERROR" in negative
    assert "ANSWER: 0, AUTHORITY: 1" in negative
    assert "\tSOA\t" in negative
    assert "status: NXDOMAIN" in await served.dig("www.tm.a.prd.aadg.trafficmanager.net")
    assert "RFC8482" in await served.dig("login.microsoft.com", "ANY")
    assert "Transfer failed" in await served.dig("fabrikam.com", "AXFR")


async def test_a_long_answer_comes_over_tcp(served: Served) -> None:
    """Dig gets a truncated answer over UDP and the complete one over TCP."""
    wide = put_rrset(served.store.current, "wide.fabrikam.com", "A", [f"10.1.1.{n}" for n in range(200)])
    served.store.change(lambda _: wide)
    out = await served.dig("wide.fabrikam.com", "+short")
    assert len([line for line in out.splitlines() if line.startswith("10.1.1.")]) == 200
    assert [event.transport for event in served.events] == ["udp", "tcp"]


async def test_a_change_is_answered_at_once(served: Served) -> None:
    """The query after a change sees the change, although the query before it was remembered."""
    for outcome in ("NOERROR", "NOERROR"):
        await dns.asyncquery.udp(query(), HERE, port=served.port, timeout=30)
        assert served.events[-1].rcode == outcome
    served.store.change(lambda zones: delete_profile(zones, "aadg-autologon"))
    await dns.asyncquery.udp(query(), HERE, port=served.port, timeout=30)
    assert served.events[-1].rcode == "NODATA"
    assert len(served.events) == 3


async def test_the_client_is_told_by_both_addresses(contoso: ZoneSet) -> None:
    """Each query is attributed by its source address and its destination address."""
    async with serving(contoso) as running:
        other = await running.server.start("127.0.0.2", 0)
        assert running.server.addresses == ((HERE, running.port), ("127.0.0.2", other))
        await dns.asyncquery.udp(query(), "127.0.0.2", port=other, source="127.0.0.9", timeout=30)
        await dns.asyncquery.tcp(query(), HERE, port=running.port, timeout=30)
        assert [record.client for record in running.trace] == ["127.0.0.9>127.0.0.2", f"{HERE}>{HERE}"]


async def test_many_queries_on_one_connection(served: Served) -> None:
    """RFC 7766: queries sent together over one connection are all answered."""
    sent = [query(f"n{number}.fabrikam.com") for number in range(50)]
    replies = await tcp_ask(served.port, *sent)
    assert all(one.is_response(other) for one, other in zip(sent, replies, strict=True))


async def test_two_servers_do_not_share_a_port(contoso: ZoneSet) -> None:
    """Two servers answer from their own zones; a port that is taken is refused with a way out."""
    changed = put_rrset(contoso, AUTOLOGON, "A", ["192.0.2.99"])
    async with serving(contoso) as one, serving(changed) as two:
        assert one.port != two.port
        seen = [await dns.asyncquery.udp(query(), HERE, port=each.port, timeout=30) for each in (one, two)]
        assert [str(reply.answer[0][0]) for reply in seen] == ["192.0.2.20", "192.0.2.99"]
        with pytest.raises(ListenError, match="another program uses this port"):
            await two.server.start(HERE, one.port)


@pytest.mark.parametrize(
    ("host", "port", "words"),
    [("localhost", 0, "not an IP address"), ("192.0.2.1", 0, "no such address"), (HERE, 70000, "0 to 65535")],
)
async def test_an_impossible_address_is_explained(contoso: ZoneSet, host: str, port: int, words: str) -> None:
    """ListenError says which address, why, and what to do."""
    server = DnsServer(ZoneStore(contoso), Trace(), lambda *_: "")
    with pytest.raises(ListenError, match=words):
        await server.start(host, port)


async def test_ipv6(contoso: ZoneSet) -> None:
    """The server listens on an IPv6 address too."""
    async with serving(contoso) as running:
        port = await running.server.start("::1", 0)
        reply = await dns.asyncquery.udp(query(), "::1", port=port, timeout=30)
        assert len(reply.answer) == 1


def open_sockets() -> int:
    """Sockets that this process has open, without those of objects that earlier tests left to the collector."""
    gc.collect()
    names = []
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            names.append(str(entry.readlink()))
    return sum(name.startswith("socket:") for name in names)


async def test_stop_leaves_no_socket(contoso: ZoneSet) -> None:
    """After stop the port is free, connections are closed, delayed answers are forgotten; start works again."""
    before = open_sockets()
    server = DnsServer(ZoneStore(contoso), Trace(), lambda *_: "", find_effect=lambda *_: Effect(delay=60))
    port = await server.start(HERE, 0)
    reader, writer = await asyncio.open_connection(HERE, port)
    wire = query().to_wire()
    writer.write(len(wire).to_bytes(2, "big") + wire)
    await writer.drain()
    await asyncio.sleep(0.05)
    await server.stop()
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.close()
    with contextlib.suppress(ConnectionResetError):
        await writer.wait_closed()
    assert server.addresses == ()
    assert await server.start(HERE, port) == port
    await server.stop()
    assert open_sockets() == before


async def test_noise_is_survived(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Thousands of random and damaged datagrams, and noise over TCP: nothing is logged, and the server answers."""
    good = query().to_wire()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect((HERE, served.port))
        for number in range(3000):
            noise = os.urandom(number % 90)
            sender.send(noise if number % 2 else good[: number % len(good)] + noise)
            if number % 50 == 0:
                await asyncio.sleep(0)
    for noise in (
        b"\x00",
        b"\x00\x00" * 50,
        b"\xff\xff" + os.urandom(70000),
        b"\x00\x05abcde",
        b"\x00\x0c" + bytes(12),
    ):
        _, writer = await asyncio.open_connection(HERE, served.port)
        writer.write(noise)
        writer.close()
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            await writer.wait_closed()
    reply = await ask_again(
        lambda: dns.asyncquery.udp(query(), HERE, port=served.port, timeout=2, ignore_unexpected=True)
    )
    assert len(reply.answer) == 1
    assert caplog.records == []


async def test_idle_and_surplus_connections_are_closed(contoso: ZoneSet) -> None:
    """A connection without a query ends after the idle time; one more than the limit ends at once."""
    patient = DnsServer(ZoneStore(contoso), Trace(), lambda *_: "", tcp_idle=600, tcp_limit=2)
    hasty = DnsServer(ZoneStore(contoso), Trace(), lambda *_: "", tcp_idle=0.1, tcp_limit=2)
    try:
        port = await patient.start(HERE, 0)
        held = [await asyncio.open_connection(HERE, port) for _ in range(2)]
        await asyncio.sleep(0)
        surplus, writer = await asyncio.open_connection(HERE, port)
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(surplus.read(), 60) == b""
        assert not any(reader.at_eof() for reader, _ in held), "the others are still there"
        idle = await asyncio.open_connection(HERE, await hasty.start(HERE, 0))
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(idle[0].read(), 60) == b""
        for each in (writer, *(writer for _, writer in (*held, idle))):
            each.close()
            with contextlib.suppress(ConnectionResetError):
                await each.wait_closed()
    finally:
        await patient.stop()
        await hasty.stop()


async def test_a_fault_may_keep_delay_or_replace_an_answer(served: Served) -> None:
    """A find_effect function: one answer is dropped, one is SERVFAIL, one is late; the trace has what was sent."""
    effects = {"a": Effect(drop=True), "b": Effect(rcode=SERVFAIL), "c": Effect(delay=0.2)}
    served.server.find_effect = lambda asked, _client: effects.get(asked.name[0])
    with pytest.raises(dns.exception.Timeout):
        await dns.asyncquery.udp(query("a.fabrikam.com"), HERE, port=served.port, timeout=0.2)
    reply = await dns.asyncquery.udp(query("b.fabrikam.com"), HERE, port=served.port, timeout=30)
    assert reply.rcode() == SERVFAIL
    for ask in (dns.asyncquery.udp, dns.asyncquery.tcp):
        began = asyncio.get_running_loop().time()
        await ask(query("c.fabrikam.com"), HERE, port=served.port, timeout=30)
        assert asyncio.get_running_loop().time() - began >= 0.19
    await dns.asyncquery.udp(query("d.fabrikam.com"), HERE, port=served.port, timeout=30)
    assert [event.rcode for event in served.events] == ["DROPPED", "SERVFAIL", "NXDOMAIN", "NXDOMAIN", "NXDOMAIN"]

"""Hostile DNS messages: refused before parsing, or parsed within limits; and no peer blocks others."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from unittest import mock

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rrset
import dns.tsigkeyring
import pytest
from dns.rcode import FORMERR, NOERROR, NOTAUTH, NOTIMP, REFUSED, SERVFAIL, Rcode
from dns.rdatatype import A

from ssosim.dns import Answer, DnsServer, ZoneSet, ZoneStore
from ssosim.dns.recursion import Question, UpstreamQuery
from ssosim.dns.recursion.message import Truncated, build_query, read_response
from ssosim.dns.recursion.settings import ResolverSettings
from ssosim.dns.server import fast_path
from ssosim.dns.server.peer_budget import SHARE_S, PeerScheduler
from ssosim.dns.server.wire_format import respond
from ssosim.trace import Trace

NAME = "login.microsoftonline.com"


def record(number: int) -> dns.rrset.RRset:
    """An A record of its own name."""
    return dns.rrset.from_text(f"h{number}.example.", 60, "IN", "A", "192.0.2.1")


def with_records(section: str, count: int = 1) -> bytes:
    """A query with records where none belong."""
    query = dns.message.make_query(NAME, "A")
    getattr(query, section).extend(record(number) for number in range(count))
    return query.to_wire()


def rcode_of(zones: ZoneSet, query: bytes, *, may_parse: bool = True) -> Rcode:
    """The code of the answer; unless it ``may_parse``, dnspython must not be asked."""
    fast_path.state()  # its self-check parses messages
    with mock.patch("dns.message.from_wire", wraps=dns.message.from_wire) as parse:
        reply = respond(zones, query, "tcp")
    assert may_parse or not parse.called
    assert reply is not None
    return Rcode(reply.tail[1] & 0x0F)


@pytest.mark.parametrize("section", ["answer", "authority", "additional"])
def test_a_query_with_records_is_formerr_unparsed(contoso: ZoneSet, section: str) -> None:
    """One record or thousands in any section: FORMERR without parsing."""
    for count in (1, 1500):
        assert rcode_of(contoso, with_records(section, count), may_parse=False) == FORMERR


@pytest.mark.parametrize("opcode", [1, 2, 4, 5])
def test_other_opcodes_are_not_parsed(contoso: ZoneSet, opcode: int) -> None:
    """IQUERY, STATUS, NOTIFY and UPDATE are NOTIMP, whatever follows the header."""
    query = bytearray(with_records("answer", 50))
    query[2] = query[2] & 0x87 | opcode << 3
    assert rcode_of(contoso, bytes(query), may_parse=False) == NOTIMP


def test_a_transfer_may_show_its_soa(contoso: ZoneSet) -> None:
    """IXFR is refused by name with its one SOA in the authority section; no other query may have one."""
    soa = dns.rrset.from_text("fabrikam.com.", 60, "IN", "SOA", "ns1.fabrikam.com. h.fabrikam.com. 1 2 3 4 5")
    for kind, expected in (("IXFR", REFUSED), ("A", FORMERR)):
        query = dns.message.make_query("fabrikam.com", kind)
        query.authority.append(soa)
        assert rcode_of(contoso, query.to_wire()) == expected


def test_what_real_clients_send_is_answered(contoso: ZoneSet) -> None:
    """Cookie, subnet, padding of 4 KB, NSID, keepalive and expire in one OPT; more than 20 options are FORMERR."""
    codes = [(10, b"12345678"), (12, b"\x00" * 4000), (3, b""), (11, b""), (9, b"")]
    options: list[dns.edns.Option] = [dns.edns.GenericOption(code, data) for code, data in codes]
    options.append(dns.edns.ECSOption("192.0.2.0", 24))
    query = dns.message.make_query(NAME, "A", use_edns=0, payload=4096, options=options)
    assert rcode_of(contoso, query.to_wire()) == NOERROR
    many = [dns.edns.GenericOption(65_001, b"") for _ in range(21)]
    query = dns.message.make_query(NAME, "A", use_edns=0, options=many)
    assert rcode_of(contoso, query.to_wire(), may_parse=False) == FORMERR


def test_signed_queries(contoso: ZoneSet) -> None:
    """TSIG beside OPT is NOTAUTH without parsing: the server has no keys."""
    query = dns.message.make_query(NAME, "A", use_edns=0)
    query.use_tsig(dns.tsigkeyring.from_text({"k.": "c2VjcmV0"}))
    assert rcode_of(contoso, query.to_wire(), may_parse=False) == NOTAUTH


def test_a_name_of_pointers_is_not_followed(contoso: ZoneSet) -> None:
    """A chain of more pointers than a name has labels is FORMERR."""
    question = b"\x03www\x07example\x03com\x00\x00\xfb\x00\x01"
    at = 12 + len(question) + 11
    chain = b"\xc0\x0c" + b"".join(struct.pack("!H", 0xC000 | at + 2 * hop) for hop in range(4000))
    rdata = chain + struct.pack("!H", 0xC000 | at + 8000)
    query = (
        struct.pack("!6H", 1, 0, 1, 0, 1, 0) + question + b"\x00" + struct.pack("!HHIH", 6, 1, 0, len(rdata)) + rdata
    )
    short = struct.pack("!6H", 1, 0, 1, 0, 1, 0) + question + struct.pack("!H", 0xC000 | at + 8000)
    assert rcode_of(contoso, query + short) == FORMERR


def response(kind: str, *rrsets: dns.rrset.RRset) -> Answer | Truncated | None:
    """A server's response to our query, with the same id and name."""
    ask = UpstreamQuery("192.0.2.1", Question(dns.name.from_text("www.example."), A), recursive=False)
    sent = build_query(ask, ResolverSettings(randomise_case=False))
    made = dns.message.make_response(dns.message.from_wire(sent.wire))
    getattr(made, kind).extend(rrsets)
    return read_response(made.to_wire(max_size=65_535), sent)


def test_a_reply_of_thousands_of_records_is_a_failure() -> None:
    """A response above the limit is a server failure, so the next server is queried; 200 addresses are accepted."""
    said = response("answer", *(dns.rrset.from_text("www.example.", 60, "IN", "A", f"10.0.{n >> 8}.{n & 255}")
                                for n in range(1500)))  # fmt: skip
    assert said.rcode == SERVFAIL  # type: ignore[union-attr]
    addresses = [f"10.0.0.{n}" for n in range(200)]
    said = response("answer", dns.rrset.from_text("www.example.", 60, "IN", "A", *addresses))
    assert said.rcode == NOERROR  # type: ignore[union-attr]
    assert {rdata.to_text() for rdata in said.answer[0].rdatas} == set(addresses)  # type: ignore[union-attr]


def test_a_reply_is_read_where_it_matters() -> None:
    """Records of other types are passed over; glue beyond the budget is left unread, and the referral still holds."""
    servers = dns.rrset.from_text("example.", 60, "IN", "NS", "ns1.example.")
    said = response("authority", servers, dns.rrset.from_text("example.", 60, "IN", "TXT", '"x"'))
    assert [rrset.type.name for rrset in said.authority] == ["NS"]  # type: ignore[union-attr]
    said = response("additional", *(record(number) for number in range(500)))
    assert said.rcode == NOERROR  # type: ignore[union-attr]
    assert 50 < len(said.additional) < 300  # type: ignore[union-attr]


async def test_peers_take_turns() -> None:
    """A peer that has had its share waits behind one that has not; nothing is lost, and its own order is kept."""
    scheduler, done = PeerScheduler(), []
    assert scheduler.may_run("greedy")
    scheduler.charge("greedy", 2 * SHARE_S)
    assert not scheduler.may_run("greedy")
    assert scheduler.may_run("modest")
    finished = asyncio.Event()
    for number in range(3):
        scheduler.enqueue("greedy", lambda number=number: done.append(f"greedy {number}"))  # type: ignore[misc]
    scheduler.enqueue("modest", finished.set)
    assert not scheduler.may_run("modest"), "who comes now waits as well"
    await finished.wait()
    assert done == ["greedy 0", "greedy 1", "greedy 2"]
    assert scheduler.may_run("greedy")


@asynccontextmanager
async def serving(zones: ZoneSet, **options: int) -> AsyncIterator[tuple[DnsServer, int]]:
    """A server for the time of the body."""
    server = DnsServer(ZoneStore(zones), Trace(), lambda *_: "", **options)  # type: ignore[arg-type]
    try:
        yield server, await server.start("127.0.0.1", 0)
    finally:
        await server.stop()


MANY = 12_000
"""Queries of the busy peer: they take many shares of CPU time, also on a fast machine."""


async def test_one_peer_does_not_keep_another_waiting(contoso: ZoneSet) -> None:
    """While one peer's thousands of queries over TCP are worked off, another's is answered before most of them."""
    order: list[str] = []
    begun = asyncio.Event()
    async with serving(contoso) as (server, port):
        inner = server._listener._handle_query

        def slow(query: bytes, peer: tuple[str, int], *rest: object) -> None:
            order.append(peer[0])
            begun.set()
            inner(query, peer, *rest)  # type: ignore[arg-type]

        server._listener._handle_query = slow
        server._listener._connections.handle_query = slow  # type: ignore[assignment]
        many = b"".join(
            struct.pack("!H", len(wire)) + wire
            for wire in (dns.message.make_query(f"n{number}.example", "A").to_wire() for number in range(MANY))
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(many)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.setblocking(False)
            other.bind(("127.0.0.2", 0))
            await asyncio.wait_for(begun.wait(), 30)
            other.sendto(dns.message.make_query("other.example", "A").to_wire(), ("127.0.0.1", port))
            await asyncio.wait_for(asyncio.get_running_loop().sock_recv(other, 4096), 30)
        before = order.index("127.0.0.2")
        for _ in range(MANY):
            await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        writer.close()
    assert order.count("127.0.0.1") == MANY, "nothing is lost"
    assert before < MANY * 2 / 3


async def test_a_new_peer_gets_a_connection(contoso: ZoneSet) -> None:
    """With all connections taken by one peer, another's first one takes the place of the oldest."""
    async with serving(contoso, tcp_limit=3) as (_, port):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        query = dns.message.make_query(NAME, "A").to_wire()
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
        writer.write(struct.pack("!H", len(query)) + query)
        assert len(await asyncio.wait_for(reader.readexactly(2), 60)) == 2
        assert await asyncio.wait_for(held[0][0].read(), 60) == b""
        assert not held[2][0].at_eof()
        for _, each in (*held, (reader, writer)):
            each.close()

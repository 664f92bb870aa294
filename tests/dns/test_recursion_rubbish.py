"""A hundred thousand malformed packets."""

from __future__ import annotations

import asyncio
import random
import socket
import time

import dns.asyncquery
import dns.edns
import dns.message
import dns.rrset
import pytest
from dns.rdatatype import A

from ssosim.dns import Answer, DnsServer, ZoneSet, ZoneStore
from ssosim.dns.recursion import (
    Question,
    RecursiveServer,
    Resolver,
    ResolverSettings,
    Upstream,
    UpstreamQuery,
    run_resolution,
)
from ssosim.dns.recursion.message import build_query, read_response
from ssosim.dns.server.wire_format import Responder
from ssosim.dns.zones.rrset import to_name
from ssosim.faults import ActiveFaults, Delay, NxDomain, TruncationLoop
from ssosim.trace import Trace

LOGIN = "login.microsoftonline.com"
HERE = "127.0.0.1"
PACKETS = 100_000


def seeds() -> list[bytes]:
    """Good queries of many kinds, to be damaged."""
    subnet = dns.edns.ECSOption("192.0.2.0", 24)
    made = [
        dns.message.make_query(LOGIN, "A"),
        dns.message.make_query(LOGIN, "ANY", use_edns=0, payload=4096, options=[subnet]),
        dns.message.make_query("nope.example", "AAAA", want_dnssec=True),
        dns.message.make_query("_kerberos._udp.corp.contoso.com", "SRV"),
        dns.message.make_query("fabrikam.com", "AXFR"),
        dns.message.make_query("x" * 63 + ".fabrikam.com", "TXT"),
    ]
    return [message.to_wire() for message in made] + [dns.message.make_response(made[0]).to_wire()]


def rubbish(count: int) -> list[bytes]:
    """Random bytes, and queries with bytes flipped, cut off, doubled and put together; the same at every run."""
    dice = random.Random(20250225)  # noqa: S311 - the same at every run
    good = seeds()
    packets = []
    for number in range(count):
        if number % 3 == 0:
            packets.append(dice.randbytes(dice.randrange(120)))
            continue
        packet = bytearray(dice.choice(good))
        for _ in range(dice.randrange(1, 6)):
            packet[dice.randrange(len(packet))] = dice.randrange(256)
        if number % 3 == 1:
            del packet[dice.randrange(len(packet)) :]
        packets.append(bytes(packet) + (dice.choice(good) if number % 7 == 0 else b""))
    return packets


def test_no_packet_breaks_the_responder(contoso: ZoneSet) -> None:
    """A hundred thousand malformed or random packets: each is answered or ignored, none raises, none is slow."""
    responder, answered = Responder(), 0
    sound, began = seeds()[0], time.process_time()
    for _ in range(PACKETS // 20):
        dns.message.from_wire(sound)
    reference, began = 20 * (time.process_time() - began), time.process_time()
    for packet in rubbish(PACKETS):
        reply = responder.reply(contoso, packet, "udp")
        answered += reply is not None
        if reply is not None:
            assert len(reply.tail) >= 10
            assert reply.tail[0] & 0x80
    assert PACKETS / 10 < answered < PACKETS
    assert responder.reply(contoso, seeds()[0], "udp") is not None
    assert time.process_time() - began < 20 * reference


def test_no_response_breaks_the_resolver() -> None:
    """Damaged responses to our own query: each is accepted or ignored, none raises, and accepted ones are usable."""
    dice = random.Random(1)  # noqa: S311 - the same at every run
    ask = UpstreamQuery("198.18.0.1", Question(to_name(LOGIN), A), recursive=False)
    resolver = Resolver(ResolverSettings(max_queries=5), ("198.18.0.1",))
    believed = 0
    for _ in range(4000):
        sent = build_query(ask, ResolverSettings())
        good = dns.message.make_response(dns.message.from_wire(sent.wire))
        good.answer = [dns.rrset.from_text(sent.name, 300, "IN", "CNAME", "other.example.")]
        good.authority = [dns.rrset.from_text("com.", 300, "IN", "NS", "ns1.com.")]
        good.additional = [dns.rrset.from_text("ns1.com.", 300, "IN", "A", "198.18.0.2")]
        packet = bytearray(good.to_wire())
        for _ in range(dice.randrange(1, 5)):
            packet[dice.randrange(2, len(packet))] = dice.randrange(256)
        said = read_response(bytes(packet), sent)
        if isinstance(said, Answer):
            believed += 1
            run_resolution(resolver.resolve(ask.question, 0.0), lambda _ask, said=said: said, 0.0)  # type: ignore[misc]
    assert 100 < believed < 4000


@pytest.mark.parametrize("recursive", [False, True])
async def test_servers_answer_after_the_rubbish(
    contoso: ZoneSet, recursive: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Server with faults in force, and resolver: malformed packets give no log line; good ones are answered after."""
    store, trace = ZoneStore(contoso), Trace(limit=10_000)
    board = ActiveFaults(store, trace)
    server = DnsServer(store, trace, lambda remote, _local: remote)
    upstream_port = await server.start(HERE, 0)
    resolver = RecursiveServer(
        ResolverSettings(forward_to=("10.0.0.1",), timeout=0.5),
        trace,
        lambda remote, _local: remote,
        upstream=Upstream(dial=lambda *_: (HERE, upstream_port)),
    )
    port = await resolver.start(HERE, 0) if recursive else upstream_port
    board.attach(server, "lab")
    for fault in (NxDomain(names=("*.example",)), TruncationLoop(types=("TXT",)), Delay(seconds=0.01, types=("SRV",))):
        fault.apply(board)
    try:
        packets = rubbish(4000)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.connect((HERE, port))
            for number, packet in enumerate(packets):
                sender.send(packet)
                if number % 20 == 0:
                    await asyncio.sleep(0)
        for packet in packets[:200]:
            _, writer = await asyncio.open_connection(HERE, port)
            writer.write(len(packet).to_bytes(2, "big") + packet)
            writer.close()
        query = dns.message.make_query(LOGIN, "A")
        reply = await dns.asyncquery.udp(query, HERE, port=port, timeout=60, ignore_unexpected=True)
        assert len(reply.answer) == 1
        assert caplog.records == []
    finally:
        await resolver.stop()
        await server.stop()

"""Client subnets on the wire, and which answers the cache may share between clients."""

from __future__ import annotations

import dataclasses
import socket
from collections import Counter

import dns.edns
import dns.message
import pytest
from dns.rcode import FORMERR, NOERROR
from dns.rdatatype import A

from ssosim.dns import DnsServer, ZoneSet, ZoneStore, answer, point_alias, put_profile, zones_of
from ssosim.dns.server.query_counts import QueryCounts, Use
from ssosim.dns.server.wire_format import Reply, Responder, _size_of_entry, respond
from ssosim.dns.zones.query_context import Locations, QueryContext, Status, network
from ssosim.estate import Location, TrafficManager, TrafficManagerEndpoint, default_estate
from ssosim.trace import Trace

AUTOLOGON = "autologon.microsoftazuread-sso.com"
PROFILE = "aadg-autologon"
LOCATIONS = Locations(
    (
        Location(name="weu", subnets=("10.1.0.0/16", "127.0.0.0/8"), latency={"weu": 1, "neu": 9}),
        Location(name="neu", subnets=("10.2.0.0/16", "2001:db8::/32"), latency={"weu": 9, "neu": 1}),
    )
)
WEU, NEU = "192.0.2.20", "192.0.2.21"


def routed_by(routing: str) -> ZoneSet:
    """The default estate with its profile routed in another way."""
    zones = zones_of(default_estate())
    ends = tuple(
        TrafficManagerEndpoint(name=name, address=address, location=name)
        for name, address in (("weu", WEU), ("neu", NEU))
    )
    profile = TrafficManager(name=PROFILE, dns_name=zones.profiles[PROFILE].dns_name, routing=routing, endpoints=ends)  # type: ignore[arg-type]
    return dataclasses.replace(put_profile(zones, profile), locations=LOCATIONS)


NEAREST, WEIGHTED = routed_by("performance"), routed_by("weighted")


def query(subnet: str | None = None, scope: int = 0, name: str = AUTOLOGON) -> bytes:
    """A query, with a client subnet perhaps."""
    if subnet is None:
        return dns.message.make_query(name, A, id=1).to_wire()
    address, _, bits = subnet.partition("/")
    option = dns.edns.ECSOption(address, int(bits), scope)
    return dns.message.make_query(name, A, id=1, use_edns=0, options=[option]).to_wire()


def read(reply: Reply | None) -> dns.message.Message:
    """The message of a reply."""
    assert reply is not None
    return dns.message.from_wire(b"\0\1" + reply.tail)


def address_in(reply: Reply | None) -> str:
    """The one address that was answered."""
    return str(read(reply).answer[0][0])


def echoed(message: dns.message.Message) -> tuple[str, int, int] | None:
    """Address, source and scope prefix of the client subnet in an answer."""
    for option in message.options:
        if isinstance(option, dns.edns.ECSOption):
            return option.address, option.srclen, option.scopelen
    return None


@pytest.mark.parametrize(
    ("subnet", "address", "echo"),
    [
        ("10.1.2.0/24", WEU, ("10.1.2.0", 24, 16)),
        ("10.2.2.0/24", NEU, ("10.2.2.0", 24, 16)),
        ("2001:db8:1::/56", NEU, ("2001:db8:1::", 56, 32)),
        ("203.0.113.0/24", WEU, ("203.0.113.0", 24, 1)),
        ("10.0.0.0/8", WEU, ("10.0.0.0", 8, 9)),
        ("0.0.0.0/0", NEU, ("0.0.0.0", 0, 0)),
    ],
)
def test_a_client_subnet_decides_and_comes_back_with_its_scope(
    subnet: str, address: str, echo: tuple[str, int, int]
) -> None:
    """TMS9-060, RFC 7871: the subnet goes before the resolver's address; with /0 the resolver's own counts."""
    context = QueryContext(network("10.2.9.9"))
    reply = respond(NEAREST, query(subnet), "udp", context)
    assert address_in(reply) == address
    assert echoed(read(reply)) == echo


def test_an_answer_that_is_the_same_for_all_has_scope_zero() -> None:
    """RFC 7871 section 7.2.1: scope 0 says that the answer suits everybody; without the option there is no echo."""
    zones = zones_of(default_estate())
    assert echoed(read(respond(zones, query("10.1.2.0/24"), "udp"))) == ("10.1.2.0", 24, 0)
    assert echoed(read(respond(NEAREST, query(), "udp"))) is None


def test_a_malformed_client_subnet_is_formerr() -> None:
    """RFC 7871 sections 6 and 7.1.2: bits beyond the prefix, a family not known, a scope in a query."""
    good = query("10.1.2.0/20")
    assert good[-3:] == bytes((10, 1, 0))
    for bad in (
        query("10.1.2.0/24", scope=8),
        good[:-1] + b"\x01",
        good[:-7] + b"\0\3" + good[-5:],
        good[:-5] + b"\x40" + good[-4:],
    ):
        reply = respond(NEAREST, bad, "udp")
        assert reply is not None
        assert (dns.message.from_wire(b"\0\1" + reply.tail).rcode(), len(bad)) == (FORMERR, len(bad))
    assert read(respond(NEAREST, good, "udp")).rcode() == NOERROR


def test_the_cache_tells_askers_apart_where_place_decides() -> None:
    """An answer for one place is never given to another, whoever asked first; memory serves the same asker."""
    responder = Responder()
    for _ in range(2):
        for asker, address in (("10.1.0.1", WEU), ("10.2.0.1", NEU), ("10.1.0.2", WEU), ("2001:db8::1", NEU)):
            assert address_in(responder.reply(NEAREST, query(), "udp", asker)) == address
    first = responder.reply(NEAREST, query(), "udp", "10.1.0.1")
    assert responder.reply(NEAREST, query(), "udp", "10.1.0.1") is first
    assert address_in(responder.reply(NEAREST, query("10.2.0.0/16"), "udp", "10.1.0.1")) == NEU
    assert address_in(responder.reply(NEAREST, query("10.1.0.0/16"), "udp", "10.1.0.1")) == WEU


def test_a_cache_full_of_askers_stays_bounded_and_right() -> None:
    """More askers than fit push each other out."""
    responder = Responder(limit=5)
    for number in range(40):
        asker = f"10.{1 + number % 2}.0.{number}"
        assert address_in(responder.reply(NEAREST, query(), "udp", asker)) == (WEU, NEU)[number % 2]
    assert len(responder._kept["udp"]) <= 5


def test_what_was_drawn_is_drawn_anew() -> None:
    """A weighted answer is not remembered: the shares hold over many questions, and a seed repeats them."""
    shares = []
    for _ in range(2):
        store = ZoneStore(WEIGHTED, seed=3)
        responder = Responder(draw=store.draw)
        shares.append([address_in(responder.reply(WEIGHTED, query(), "udp", "10.1.0.1")) for _ in range(200)])
    assert shares[0] == shares[1]
    assert 70 < Counter(shares[0])[WEU] < 130


def test_a_change_of_health_is_answered_at_once() -> None:
    """TMS9-062: what the probes find goes into the very next answer, remembered or not."""
    store = ZoneStore(zones_of(default_estate()))
    responder = Responder()

    def now() -> str:
        return address_in(responder.reply(store.current, query(), "udp", "10.1.0.1", store.health.current))

    states: list[tuple[Status, str]] = [("degraded", NEU), ("online", WEU), ("stopped", NEU), ("checking", WEU)]
    assert now() == WEU
    for status, address in states:
        store.health.record_probe(PROFILE, "weu", status)
        assert now() == address


def test_an_answer_counts_for_all_that_it_used() -> None:
    """TMS9-041: the name asked for, the CNAMEs and aliases it led through, and the profiles that chose."""
    zones = zones_of(default_estate())
    reply = respond(zones, query(name="AUTOLOGON.microsoftazuread-sso.com"), "udp")
    assert reply is not None
    assert reply.use == Use((AUTOLOGON,), "A", (PROFILE,))
    led = point_alias(zones, "www.fabrikam.com", "CNAME", PROFILE)
    reply = respond(led, query(name="www.fabrikam.com"), "udp")
    assert reply is not None
    assert reply.use == Use(("www.fabrikam.com", "www.tm.a.prd.aadg.trafficmanager.net"), "A", (PROFILE,))


def test_the_wire_says_what_the_pure_answer_says_to_every_asker() -> None:
    """The server layer adds nothing: for each place and draw, the bytes hold the pure answer."""
    name = dns.message.from_wire(query()).question[0].name
    for zones in (NEAREST, WEIGHTED):
        for asker in ("10.1.0.1", "10.2.0.1", "203.0.113.1"):
            for draw in (0.1, 0.6):
                context = QueryContext(network(asker), draw=draw)
                said = answer(zones, name, A, context).event("udp").answers
                assert said == (f"A {address_in(respond(zones, query(), 'udp', context))}",)


async def test_the_server_routes_counts_and_follows_health() -> None:
    """Through real sockets: the asker's address reaches the profile, the query is counted, health is followed."""
    import asyncio  # noqa: PLC0415 - only here

    store = ZoneStore(NEAREST)
    server = DnsServer(store, Trace(), lambda _remote, _local: "desk-1")
    server.counts = QueryCounts()
    port = await server.start("127.0.0.1", 0)
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", port))
        answers = []
        for health in (None, "degraded", None):
            if health is not None:
                store.health.record_probe(PROFILE, "weu", "degraded")
            await loop.sock_sendall(client, query())
            answers.append(str(dns.message.from_wire(await loop.sock_recv(client, 4096)).answer[0][0]))
    await server.stop()
    assert answers == [WEU, NEU, NEU]
    import time  # noqa: PLC0415 - only here

    usage = server.counts.profile_in_window(PROFILE, time.time(), 60)
    assert (usage.count, usage.clients, usage.types) == (3, {"desk-1": 3}, {"A": 3})


def test_a_cache_of_ever_new_questions_stays_bounded() -> None:
    """Ever new questions drop the oldest replies, never the newest; the size that is noted is that of what is kept."""
    responder = Responder(limit=20)
    zones, before = zones_of(default_estate()), b""
    for number in range(200):
        asked = dns.message.make_query(f"n{number}.contoso.com", "A").to_wire()
        assert responder.reply(zones, asked, "udp", "10.1.0.1") is responder.reply(zones, asked, "udp", "10.1.0.1")
        kept = responder._kept["udp"]
        assert len(kept) <= 20
        assert not before or before in kept
        before = asked[2:]
        assert responder._octets["udp"] == sum(_size_of_entry(*entry) for entry in kept.items())

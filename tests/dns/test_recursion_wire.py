"""The resolver over real sockets: real name servers behind it, dig in front."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from random import Random

import dns.asyncquery
import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.rrset
import pytest
from dns.rcode import NOERROR, SERVFAIL
from dns.rdatatype import AAAA, PTR, SOA, SRV, TXT, A, RdataType

from ssosim.clock import ManualClock
from ssosim.dns import ZoneSet, ZoneStore, delete_profile, put_rrset
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
from ssosim.dns.server.authority_servers import AuthorityServers, start_authority_servers
from ssosim.dns.zones.rrset import to_name
from ssosim.faults import ActiveFaults, Delay, Drop, NameServerDead, ServFail, StaleCache, TruncationLoop
from ssosim.trace import DnsAnswered, Trace
from tests.dns.retries import ask_again

AUTOLOGON = "autologon.microsoftazuread-sso.com"
LOGIN = "login.microsoftonline.com"
HERE = "127.0.0.1"


@dataclass
class Net:
    """Name servers on loopback and the resolvers in front of them."""

    board: ActiveFaults
    store: ZoneStore
    trace: Trace
    served: AuthorityServers
    clock: ManualClock
    resolvers: list[RecursiveServer] = field(default_factory=list)

    async def resolver(
        self, name: str = "corp", forward: int | None = None, timeout_s: float = 60, **options: object
    ) -> tuple[RecursiveServer, int]:
        """A resolver that walks from the root, or forwards to one of ours on that port; and its own port.

        ``timeout_s`` is short only where a server does not answer: on a loaded machine a healthy one would be too late.
        """
        chosen = ResolverSettings(
            forward_to=("10.0.0.1",) if forward else (),
            timeout=timeout_s,
            **options,  # type: ignore[arg-type]
        )
        dial = (lambda *_: (HERE, forward)) if forward else (lambda *to: self.served.endpoints[to])
        roots = self.board.authorities.hierarchy.root_addresses
        started = RecursiveServer(
            chosen,
            self.trace,
            lambda remote, _local: remote,
            name=name,
            upstream=Upstream(roots=roots, dial=dial, source=HERE, is_bogus=self.board.is_bogus),
            clock=self.clock,
            random=Random(1),  # noqa: S311 - a seed
        )
        port = await started.start(HERE, 0)
        self.board.attach(started, "resolver")
        self.resolvers.append(started)
        return started, port

    def events(self, by: str) -> list[DnsAnswered]:
        """Answers of one server or resolver."""
        return [r.event for r in self.trace if isinstance(r.event, DnsAnswered) and r.event.by == by]


@pytest.fixture
async def net(contoso: ZoneSet) -> AsyncIterator[Net]:
    """The default estate on the standard hierarchy."""
    store, trace = ZoneStore(contoso), Trace()
    board = ActiveFaults(store, trace)
    async with start_authority_servers(
        board.authorities, trace, lambda remote, _: remote, lambda *_: (HERE, 0)
    ) as served:
        for name, server in served.servers.items():
            board.attach(server, "authority", name)
        made = Net(board, store, trace, served, ManualClock(1_740_000_000.0))
        try:
            yield made
        finally:
            for resolver in made.resolvers:
                await resolver.stop()


async def ask(
    port: int, name: str = LOGIN, kind: str = "A", wait: float = 60, **options: object
) -> dns.message.Message:
    """UpstreamQuery over UDP, and over TCP if the answer was cut."""
    query = dns.message.make_query(name, kind, use_edns=0, **options)  # type: ignore[arg-type]
    said, _ = await dns.asyncquery.udp_with_fallback(query, HERE, port=port, timeout=wait)
    return said


async def dig(port: int, *words: str) -> str:
    """What dig prints."""
    command = ("dig", f"@{HERE}", "-p", str(port), "+tries=1", "+time=30", *words)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    return out.decode()


CASES: list[tuple[str, RdataType]] = [
    (AUTOLOGON, A),
    (AUTOLOGON, AAAA),
    ("sso.fabrikam.com", A),
    ("nope.fabrikam.com", A),
    ("contoso.com", A),
    ("www.example.org", AAAA),
    ("wide.fabrikam.com", A),
    ("_kerberos._udp.corp.contoso.com", SRV),
    ("_kerberos.corp.contoso.com", TXT),
    ("88.0.10.10.in-addr.arpa", PTR),
]


async def test_the_core_and_the_wire_agree(net: Net) -> None:
    """What the pure core answers in memory is what comes over UDP and TCP from the server round it, TTLs included."""
    zones = put_rrset(net.store.current, "sso.fabrikam.com", "CNAME", [f"{AUTOLOGON}."])
    net.store.change(lambda _: put_rrset(zones, "wide.fabrikam.com", "A", [f"10.1.1.{n}" for n in range(200)]))
    authorities = net.board.authorities
    names = {address: name for name, address in authorities.hierarchy.addresses.items()}

    def upstream(asked: UpstreamQuery):
        return authorities.answer_as(names[asked.server], asked.question.name, asked.question.type)

    core = Resolver(ResolverSettings(), authorities.hierarchy.root_addresses)
    _, port = await net.resolver()
    for name, kind in CASES:
        pure = run_resolution(core.resolve(Question(to_name(name), kind), net.clock.now()), upstream, net.clock.now())
        for _ in range(2):
            seen = await ask(port, name, kind.name)
            assert seen.rcode() == pure.rcode
            assert [(str(r.name), r.rdtype, r.ttl, set(r)) for r in seen.answer] == [
                (str(r.name), r.type, r.ttl, set(r.rdatas)) for r in pure.answer
            ]
            assert [(str(r.name), r.rdtype, r.ttl) for r in seen.authority] == [
                (str(r.name), r.type, r.ttl) for r in pure.authority
            ]
            assert not seen.flags & dns.flags.AA
            assert seen.flags & dns.flags.RA


async def test_dig_sees_a_resolver(net: Net) -> None:
    """With dig: RA and no AA, no warning, the SOA in negatives, our letters' case, nothing for odd questions."""
    _, port = await net.resolver()
    positive = await dig(port, "LoGiN.MicrosoftOnline.com")
    assert "flags: qr rd ra;" in positive
    assert "WARNING" not in positive
    assert "LoGiN.MicrosoftOnline.com. 300\tIN\tA\t192.0.2.10" in positive
    negative = await dig(port, "nope.microsoftonline.com")
    assert "status: NXDOMAIN" in negative
    assert "\tSOA\t" in negative
    assert "status: NOTIMP" in await dig(port, LOGIN, "ANY")
    assert "status: REFUSED" in await dig(port, "-c", "CH", "version.bind", "TXT")
    assert "status: BADVERS" in await dig(port, LOGIN, "+edns=1", "+noednsneg")
    assert "status: NOERROR" in await dig(port, LOGIN, "+tcp")


async def test_memory_spares_the_servers(net: Net) -> None:
    """The second question costs no upstream query, ages by the clock, and the trace says where the answer is from."""
    resolver, port = await net.resolver()
    await ask(port)
    walked = resolver.stats.upstream
    net.clock.advance(100)
    assert (await ask(port)).answer[0].ttl == 200
    assert resolver.stats.upstream == walked
    assert [event.origin for event in net.events("corp")] == ["upstream", "cache"]
    assert (resolver.stats.queries, resolver.stats.hits) == (2, 1)
    net.clock.advance(200)
    await ask(port)
    assert resolver.stats.upstream == walked + 1
    resolver.flush()
    await ask(port)
    assert resolver.stats.upstream > walked + 2


async def test_one_question_at_a_time(net: Net) -> None:
    """Fifty clients with the same question cause one resolution."""
    Delay(seconds=0.05).apply(net.board)
    resolver, port = await net.resolver()
    seen = await asyncio.gather(*(ask(port) for _ in range(50)))
    assert all(each.answer for each in seen)
    assert resolver.stats.queries == 50
    assert len([e for e in net.trace if isinstance(e.event, DnsAnswered) and e.event.by == "a.root.dns.example"]) < 6


async def test_a_chain_of_three(net: Net) -> None:
    """Device cache, company resolver, name servers: a change is seen by each when its own copy has expired."""
    _, company = await net.resolver("corp")
    _, device = await net.resolver("device", forward=company)
    assert (await ask(device)).answer[0].ttl == 300
    net.store.change(lambda zones: put_rrset(zones, LOGIN, "A", ["192.0.2.99"]))
    net.clock.advance(299)
    assert "192.0.2.10" in (await ask(device)).to_text()
    net.clock.advance(1)
    assert "192.0.2.99" in (await ask(device)).to_text()
    assert [event.origin for event in net.events("device")] == ["upstream", "cache", "upstream"]
    # A resolver below that repeats its query, as it does on a slow machine, is answered from the cache.
    assert [event.origin for event in net.events("corp") if event.origin != "cache"] == ["upstream", "upstream"]


async def test_the_incident_through_a_resolver(net: Net) -> None:
    """TMS9-020, TMS9-081: the empty set is seen when the TTL ends, the repair when the SOA minimum has passed."""
    _, port = await net.resolver()
    healthy = net.store.current
    assert (await ask(port, AUTOLOGON)).answer
    net.store.change(lambda _: delete_profile(healthy, "aadg-autologon"))
    net.clock.advance(299)
    assert (await ask(port, AUTOLOGON)).answer
    net.clock.advance(1)
    empty = await ask(port, AUTOLOGON)
    assert (empty.rcode(), empty.answer, [r.rdtype for r in empty.authority]) == (NOERROR, [], [SOA])
    net.store.change(lambda _: healthy)
    net.clock.advance(59)
    assert not (await ask(port, AUTOLOGON)).answer
    net.clock.advance(1)
    assert (await ask(port, AUTOLOGON)).answer


async def test_retries_make_one_lost_or_failed_answer_harmless(net: Net) -> None:
    """After a dropped answer or a SERVFAIL the next server answers; truncation leads to TCP."""
    for fault in (Drop(names=(LOGIN,), first=1), ServFail(names=(LOGIN,), first=1), TruncationLoop(tcp="answer")):
        undo = fault.apply(net.board)
        _, port = await net.resolver(timeout_s=0.3)
        assert (await ask(port)).answer
        undo()
    outcomes = {r.event.rcode for r in net.trace if isinstance(r.event, DnsAnswered)}
    assert outcomes >= {"DROPPED", "SERVFAIL", "TRUNCATED"}
    assert any(isinstance(r.event, DnsAnswered) and r.event.transport == "tcp" for r in net.trace)


@pytest.mark.parametrize("stale", [False, True])
async def test_serve_stale_hides_dead_servers(net: Net, stale: bool) -> None:
    """azure-dns-2021, de-2026: serve-stale gives an expired answer within the client timer, TTL 30; else SERVFAIL."""
    resolver, port = await net.resolver(serve_stale=stale, client_timer=0.2, timeout_s=0.3)
    await ask(port)
    NameServerDead(zone="microsoftonline.com", servers=(1, 2, 3, 4)).apply(net.board)
    net.clock.advance(301)
    said = await ask(port)
    if stale:
        assert said.answer[0].ttl == 30
        assert resolver._in_flight, "the answer did not wait for the dead servers"
        assert net.events("corp")[-1].origin == "stale"
        await asyncio.wait({*resolver._in_flight.values()}, timeout=60)
        assert not resolver._in_flight
        asked = resolver.stats.upstream
        assert (await ask(port)).answer[0].ttl == 30
        assert resolver.stats.upstream == asked, "the failure is remembered: nobody is asked again so soon"
    else:
        assert said.rcode() == SERVFAIL
        assert not said.answer


async def test_views_by_location(net: Net) -> None:
    """TMS9-060: a resolver names its clients' subnet to the servers, and nothing if it has no location."""
    got: list[tuple[str, int] | None] = []
    for location in ("192.0.2.0/24", None):
        sent = build_query(
            UpstreamQuery("198.18.0.1", Question(to_name(LOGIN), A), recursive=False),
            ResolverSettings(location=location),
        )
        query = dns.message.from_wire(sent.wire)
        options = [option for option in query.options if isinstance(option, dns.edns.ECSOption)]
        got.append((options[0].address, options[0].srclen) if options else None)
    assert got == [("192.0.2.0", 24), None]
    _, port = await net.resolver(location="192.0.2.0/24")
    assert (await ask(port)).answer


async def test_one_stale_resolver_among_three(net: Net) -> None:
    """TMS9-053: one of three resolvers gives old answers; the other two give the new ones."""
    ports = [(await net.resolver(name))[1] for name in ("one", "two", "three")]
    StaleCache(servers=("two",)).apply(net.board)
    net.store.change(lambda zones: put_rrset(zones, LOGIN, "A", ["192.0.2.99"]))
    seen = [(await ask(port)).answer[0][0].to_text() for port in ports]
    assert seen == ["192.0.2.99", "192.0.2.10", "192.0.2.99"]


def forge(change: Callable[[dns.message.Message], None]) -> Callable[[bytes], bytes]:
    """A response with one mistake."""

    def made(wire: bytes) -> bytes:
        response = dns.message.make_response(dns.message.from_wire(wire))
        response.flags |= dns.flags.AA
        name = response.question[0].name
        response.answer = [dns.rrset.from_text(name, 300, "IN", "A", "203.0.113.66")]
        change(response)
        return response.to_wire()

    return made


def wrong_id(message: dns.message.Message) -> None:
    """Another id."""
    message.id ^= 1


def wrong_case(message: dns.message.Message) -> None:
    """The question in lower case."""
    message.question = [dns.rrset.RRset(to_name(LOGIN), message.question[0].rdclass, A)]


def wrong_name(message: dns.message.Message) -> None:
    """Another question."""
    message.question = [dns.rrset.RRset(to_name(AUTOLOGON), message.question[0].rdclass, A)]


@pytest.mark.parametrize(
    "forged",
    [
        forge(wrong_id),
        forge(wrong_case),
        forge(wrong_name),
        lambda wire: wire,
        lambda _wire: b"\x00" * 5,
        lambda wire: wire[:2] + b"\x84\x00" + wire[4:20],
    ],
    ids=["id", "case", "name", "own query", "short", "cut"],
)
def test_a_forged_response_is_not_believed(forged: Callable[[bytes], bytes]) -> None:
    """RFC 5452: the id, and the question to the letter (0x20), must be ours; else it is as if nothing had come."""
    ask_login = UpstreamQuery("198.18.0.1", Question(to_name(LOGIN), A), recursive=False)
    sent = next(
        s
        for s in (build_query(ask_login, ResolverSettings()) for _ in range(50))
        if s.name.labels != to_name(LOGIN).labels
    )
    assert read_response(forge(lambda _message: None)(sent.wire), sent) is not None
    assert read_response(forged(sent.wire), sent) is None


def test_ids_and_letters_are_random() -> None:
    """A hundred queries have about as many ids, and every letter appears in both cases."""
    ask_login = UpstreamQuery("198.18.0.1", Question(to_name("abcdefgh.example"), A), recursive=False)
    sent = [build_query(ask_login, ResolverSettings()) for _ in range(100)]
    assert len({each.id for each in sent}) > 90
    assert len({each.name.labels[0] for each in sent}) > 60
    assert {each.name for each in sent} == {to_name("abcdefgh.example")}
    plain = build_query(ask_login, ResolverSettings(randomise_case=False))
    assert plain.name.labels[0] == b"abcdefgh"


async def test_source_ports_are_random(net: Net) -> None:
    """Every upstream query uses a new source port."""
    seen: list[int] = []
    for server in net.served.servers.values():
        inner = server.reply

        def spy(query: bytes, peer: tuple[str, int], transport: str, inner=inner):
            seen.append(peer[1])
            return inner(query, peer, transport)

        server.reply = spy  # type: ignore[method-assign, assignment]
    _, port = await net.resolver()
    for number in range(20):
        await ask(port, f"n{number}.fabrikam.com")
    assert len(set(seen)) > len(seen) * 0.9
    gaps = {b - a for a, b in itertools.pairwise(seen)}
    assert len(gaps) > len(seen) / 2


async def test_noise_is_survived_and_stop_leaves_nothing(net: Net, caplog: pytest.LogCaptureFixture) -> None:
    """Rubbish, responses and questions in flight at the stop: nothing is logged, no socket or task stays."""
    resolver, port = await net.resolver()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number in range(2000):
            sender.sendto(os.urandom(number % 80), (HERE, port))
            if number % 50 == 0:
                await asyncio.sleep(0)
    assert (await ask_again(lambda: ask(port, wait=2))).answer
    Drop().apply(net.board)
    waiting = asyncio.create_task(ask(port, "late.fabrikam.com", wait=0.2))
    await asyncio.sleep(0.05)
    await resolver.stop()
    with contextlib.suppress(dns.exception.Timeout, OSError):
        await waiting
    assert caplog.records == []
    assert resolver.addresses == ()


async def test_a_forwarder_that_fails_is_servfail(net: Net) -> None:
    """A forwarder that answers SERVFAIL or nothing at all makes SERVFAIL; so does one that is not there."""
    _, company = await net.resolver("corp")
    device, port = await net.resolver("device", forward=company, timeout_s=0.3)
    undo = ServFail(at="resolver", servers=("corp",)).apply(net.board)
    assert (await ask(port)).rcode() == SERVFAIL
    undo()
    before = device.stats.timeouts
    Drop(at="resolver", servers=("corp",)).apply(net.board)
    net.clock.advance(10)
    assert (await ask(port)).rcode() == SERVFAIL
    assert device.stats.timeouts == before + 2

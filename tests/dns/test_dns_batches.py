"""Queries answered in batches with cached replies: the results are the same as without batches and cache."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing

import dns.edns
import dns.message
import dns.rcode
import pytest

from ssosim.clock import ManualClock
from ssosim.dns import DnsServer, Effect, ZoneSet, ZoneStore, put_rrset
from ssosim.dns.server import listener as listening
from ssosim.dns.server.datagrams import MAX_DATAGRAM
from ssosim.dns.server.fast_path import ReplyCache, direct_datagrams
from ssosim.dns.server.fast_path import batched_io as module
from ssosim.dns.server.fast_path import reply_cache as keeping
from ssosim.dns.server.query_counts import QueryCounts
from ssosim.faults import ActiveFaults, fault_from
from ssosim.lab.base.client_addresses import ClientAddresses
from ssosim.trace import DnsAnswered, Trace
from tests.fast_paths import switched

HERE, THERE = "127.0.0.1", "127.0.0.9"
NAME = "h.fabrikam.com"


@pytest.fixture(params=["batches", "one by one", "by asyncio"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """How datagrams are read."""
    assert module.is_supported(), "Linux on a 64-bit machine has the calls"
    if request.param == "one by one":
        monkeypatch.setattr(direct_datagrams, "is_supported", lambda: False)
    with switched("off" if request.param == "by asyncio" else "on"):
        yield str(request.param)


@pytest.fixture
def batches() -> Iterator[None]:
    """Datagrams are read in batches, whatever the environment says."""
    with switched("on"):
        yield


class Desk:
    """A server with its trace and counters, and sockets of two clients."""

    def __init__(self, zones: ZoneSet) -> None:
        self.store, self.clock = ZoneStore(put_rrset(zones, NAME, "A", ["192.0.2.7"])), ManualClock(1000.0)
        self.trace, self.people = Trace(self.clock), ClientAddresses()
        self.people.register(HERE, "one")
        self.people.register(THERE, "two")
        self.server = DnsServer(self.store, self.trace, self.people.client_of)
        self.server.counts = self.counts = QueryCounts(self.clock)
        self.port = 0
        self.ready: list[ReplyCache] = []
        make = self.server._listener._make_reply_cache

        def keep(local: str) -> ReplyCache | None:
            ready = make(local)
            self.ready += [ready] if ready is not None else []
            return ready

        self.server._listener._make_reply_cache = keep

    @asynccontextmanager
    async def up(self, host: str = HERE) -> AsyncIterator[Desk]:
        """Listen for the time of the body."""
        self.port = await self.server.start(host, 0)
        try:
            yield self
        finally:
            await self.server.stop()

    async def ask(self, *names: str, by: str = HERE, to: str = HERE, expect: int | None = None) -> list[bytes]:
        """Send queries for A in one go; what comes back, ordered by id (1 is the first query's)."""
        family = socket.AF_INET6 if ":" in by else socket.AF_INET
        with closing(socket.socket(family, socket.SOCK_DGRAM)) as asking:
            asking.setblocking(False)
            asking.bind((by, 0))
            for number, name in enumerate(names, 1):
                asking.sendto(dns.message.make_query(name, "A", id=number).to_wire(), (to, self.port))
            got = []
            for _ in range(len(names) if expect is None else expect):
                reply, sender = await asyncio.wait_for(asyncio.get_running_loop().sock_recvfrom(asking, 4096), 60)
                assert sender[:2] == (to, self.port)
                got.append(reply)
        return sorted(got)

    def asked(self) -> list[tuple[str, str, str]]:
        """Client, name and code of every answer so far."""
        events = ((record.client, record.event) for record in self.trace)
        return [(client, event.name, event.rcode) for client, event in events if isinstance(event, DnsAnswered)]


@pytest.fixture
def desk(contoso: ZoneSet) -> Iterator[Desk]:
    """A server of the default estate."""
    return Desk(contoso)


def ids(replies: list[bytes]) -> list[int]:
    """The ids of messages."""
    return [int.from_bytes(reply[:2], "big") for reply in replies]


async def test_every_query_of_many_gets_its_own_answer(desk: Desk, way: str) -> None:
    """Known and unknown questions in a mixture: each answer has its query's id and question, as the pure function says.

    The trace has them in the order of arrival.
    """
    names = [NAME if number % 3 else f"n{number % 50}.fabrikam.com" for number in range(200)]
    async with desk.up():
        for _ in range(2):
            replies = await desk.ask(*names)
            assert ids(replies) == list(range(1, 201))
            for name, wire in zip(names, replies, strict=True):
                message = dns.message.from_wire(wire)
                assert message.question[0].name.to_text() == f"{name}."
                assert [str(rrset[0]) for rrset in message.answer] == (["192.0.2.7"] if name == NAME else [])
    assert any(each.replies for each in desk.ready) == (way == "batches")
    assert [name for _, name, _ in desk.asked()] == names * 2
    assert {record.seq for record in desk.trace} == set(range(1, 401))


async def test_each_way_of_asking_is_answered_in_kind(desk: Desk, way: str) -> None:
    """Letter case, EDNS and the CD bit are part of the cache key: a reply to another query is not used."""
    queries = [
        dns.message.make_query(NAME, "A", id=7),
        dns.message.make_query(NAME.upper(), "A", id=7),
        dns.message.make_query(NAME, "A", id=7, use_edns=0, payload=1232),
        dns.message.make_query(NAME, "A", id=7, flags=0x0110),
    ]
    async with desk.up():
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as asking:
            asking.setblocking(False)
            asking.connect((HERE, desk.port))
            for query in queries * 3:
                asking.send(query.to_wire())
                reply = dns.message.from_wire(await asyncio.get_running_loop().sock_recv(asking, 4096))
                assert reply.question[0].name.labels == query.question[0].name.labels
                assert (reply.edns, reply.flags & 0x0010) == (query.edns, query.flags & 0x0010)
    assert way


async def test_a_long_answer_stays_cut(desk: Desk, way: str) -> None:
    """The same question thrice: TC each time, and never more than 512 octets without EDNS."""
    desk.store.change(lambda zones: put_rrset(zones, NAME, "A", [f"10.1.1.{n}" for n in range(200)]))
    async with desk.up():
        for reply in await desk.ask(NAME, NAME, NAME):
            assert (len(reply) <= 512, reply[2] & 0x02) == (True, 0x02), way


async def test_who_asks_is_looked_up_each_time(desk: Desk, way: str) -> None:
    """Two clients are distinguished; a client that gets another name has it in trace and counts from then on."""
    async with desk.up():
        await desk.ask(*[NAME] * 3)
        await desk.ask(*[NAME] * 2, by=THERE)
        desk.people.register(THERE, "three")
        await desk.ask(*[NAME] * 4, by=THERE)
    assert [client for client, _, _ in desk.asked()] == ["one"] * 3 + ["two"] * 2 + ["three"] * 4, way
    usage = desk.counts.in_window(NAME, desk.clock.now(), 60)
    assert (usage.count, dict(usage.clients)) == (9, {"one": 3, "two": 2, "three": 4})


async def test_counts_go_on_through_buckets_and_pauses(desk: Desk, way: str) -> None:
    """Queries are counted in the bucket of their time, not while counting pauses, and again afterwards."""
    async with desk.up():
        await desk.ask(*[NAME] * 5)
        desk.clock.advance(61)
        await desk.ask(*[NAME] * 4)
        assert desk.counts.in_window(NAME, desk.clock.now(), 30).count == 4
        assert desk.counts.in_window(NAME, desk.clock.now(), 100).count == 9
        desk.counts.pause()
        await desk.ask(*[NAME] * 3)
        desk.counts.resume()
        await desk.ask(*[NAME] * 2)
        assert desk.counts.in_window(NAME, desk.clock.now(), 100).count == 11, way
        desk.server.counts = None
        await desk.ask(*[NAME] * 2)
        assert desk.counts.in_window(NAME, desk.clock.now(), 100).count == 11


async def test_a_change_is_seen_by_the_next_query(desk: Desk, way: str) -> None:
    """Zones, endpoints' health and faults that change between two queries change the second answer, and back."""
    async with desk.up():
        await desk.ask(NAME, NAME, NAME)
        former = desk.store.change(lambda zones: put_rrset(zones, NAME, "A", ["192.0.2.8"]))
        for reply in await desk.ask(NAME, NAME, NAME):
            assert str(dns.message.from_wire(reply).answer[0][0]) == "192.0.2.8"
        desk.store.change(lambda _: former)
        for reply in await desk.ask(NAME, NAME, NAME):
            assert str(dns.message.from_wire(reply).answer[0][0]) == "192.0.2.7"
        desk.server.find_effect = lambda _event, _client: Effect(drop=True)
        dropped = asyncio.Event()
        desk.trace.notify_once(dropped.set)
        await desk.ask(NAME, expect=0)
        await asyncio.wait_for(dropped.wait(), 60)
        desk.server.find_effect = None
        await desk.ask(NAME)
    codes = [code for _, _, code in desk.asked()]
    assert codes == ["NOERROR"] * 9 + ["DROPPED", "NOERROR"], way


async def test_faults_strike_their_names_alone_and_as_often_as_they_say(desk: Desk, way: str) -> None:
    """A fault for the first two answers of one name changes these two, among a hundred cached replies."""
    board = ActiveFaults(desk.store, desk.trace)
    board.attach(desk.server, "lab")
    struck, spared = "n1.fabrikam.com", "n2.fabrikam.com"
    async with desk.up():
        await desk.ask(*[struck, spared] * 10)
        board.apply(fault_from({"fault": "servfail", "names": [struck], "first": 2}))
        await desk.ask(*[spared] * 50, *[struck] * 5, *[spared] * 50)
        board.undo_all()
        await desk.ask(struck)
    codes = [code for _, _, code in desk.asked()]
    assert codes == ["NXDOMAIN"] * 70 + ["SERVFAIL"] * 2 + ["NXDOMAIN"] * 54, way


async def test_a_watcher_of_the_trace_hears_every_answer_in_order(desk: Desk, way: str) -> None:
    """A subscriber of the trace gets each later record before the client has the answer."""
    async with desk.up():
        await desk.ask(NAME, NAME)
        heard: list[int] = []
        leave = desk.trace.subscribe(lambda record: heard.append(record.seq))
        await desk.ask(NAME, "n1.fabrikam.com", NAME, NAME)
        assert heard == [3, 4, 5, 6], way
        leave()
        await desk.ask(NAME)
        assert heard == [3, 4, 5, 6]


async def test_ipv6_and_two_addresses(desk: Desk, way: str) -> None:
    """Answers go from the queried address to the address of the client, IPv4 and IPv6."""
    async with desk.up():
        first = desk.port
        desk.people.register("::1", "six")
        desk.port = await desk.server.start("::1", 0)
        for _ in range(2):
            assert ids(await desk.ask(NAME, NAME, by="::1", to="::1")) == [1, 2]
        desk.port = await desk.server.start("127.0.0.3", first)
        assert ids(await desk.ask(NAME, NAME, by=THERE, to="127.0.0.3")) == [1, 2]
    assert [client for client, _, _ in desk.asked()] == ["six"] * 4 + ["two"] * 2, way


async def test_odd_sizes_do_no_harm(desk: Desk, way: str) -> None:
    """Empty, tiny and very long datagrams among good ones: the good ones are answered, the others are not cached."""
    good = dns.message.make_query(NAME, "A", id=5).to_wire()
    odd = [b"", b"\0", b"\0\5", good[:11], good[:-1], good + bytes(5000), good + bytes(60000), bytes(12)]
    async with desk.up():
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as asking:
            asking.setblocking(False)
            asking.connect((HERE, desk.port))
            for noise in odd * 3:
                asking.send(noise)
                asking.send(good)
                while True:
                    reply = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(asking, 4096), 60)
                    if reply[3] & 0x0F == 0:
                        break
                assert dns.message.from_wire(reply).answer, way


@pytest.mark.parametrize("octets", [MAX_DATAGRAM, MAX_DATAGRAM + 1, MAX_DATAGRAM + 30])
async def test_each_way_reads_as_many_octets(desk: Desk, way: str, octets: int) -> None:
    """A query of 4,096 octets is answered; the rest of a longer one is dropped, so that it is malformed."""
    query = dns.message.make_query(NAME, "A", id=3, use_edns=0, options=[dns.edns.GenericOption(65001, b"")])
    query.use_edns(0, options=[dns.edns.GenericOption(65001, bytes(octets - len(query.to_wire())))])
    wire = query.to_wire(max_size=2 * MAX_DATAGRAM)
    assert len(wire) == octets
    async with desk.up():
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as asking:
            asking.setblocking(False)
            asking.connect((HERE, desk.port))
            asking.send(wire)
            reply = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(asking, 4096), 60)
    assert dns.rcode.Rcode(reply[3] & 0x0F).name == ("NOERROR" if octets == MAX_DATAGRAM else "FORMERR"), way


@pytest.mark.usefixtures("batches")
async def test_a_client_that_has_gone_takes_no_answer_from_others(desk: Desk) -> None:
    """Answers that cannot be sent (here: to port 0) are lost alone."""
    async with desk.up():
        await desk.ask(NAME, NAME)
        reader = next(iter(desk.server._listener._slots.values()))
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as asking:
            asking.setblocking(False)
            asking.connect((HERE, desk.port))
            wire = dns.message.make_query(NAME, "A", id=9).to_wire()
            for _ in range(5):
                asking.send(wire)
            inner = desk.server._delivery.record_all

            def spoil(leaving: list[object]) -> None:
                """Send the third answer to a port where nobody can be."""
                at = reader.names[2]
                reader.memory[at + 2 : at + 4] = b"\0\0"
                inner(leaving)  # type: ignore[arg-type]

            for ready in desk.ready:
                ready.record_all = spoil  # type: ignore[assignment]
            got = [await asyncio.wait_for(asyncio.get_running_loop().sock_recv(asking, 512), 60) for _ in range(4)]
            assert ids(got) == [9] * 4


@pytest.mark.usefixtures("batches")
async def test_what_is_ready_is_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """More different questions than may be kept: all are answered, and no more are kept."""
    monkeypatch.setattr(keeping, "MAX_REPLIES", 30)
    async with desk.up():
        for _ in range(3):
            await desk.ask(*[f"n{number}.fabrikam.com" for number in range(100)])
            assert len(desk.ready[0].replies) <= 30
        assert desk.ready[0].replies


async def test_names_that_never_come_again_take_no_room(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reply to a question that came again stays at hand, however many others come once (a scan of names)."""
    monkeypatch.setattr(keeping, "MAX_REPLIES", 30)
    async with desk.up():
        await desk.ask(NAME, NAME)
        kept = dict(desk.ready[0].replies)
        assert len(kept) == 1
        await desk.ask(*[f"n{number}.fabrikam.com" for number in range(100)])
        assert desk.ready[0].replies == kept


async def test_a_peer_is_charged_for_its_own_queries_alone(
    desk: Desk, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cached replies, recording, and what the thread does between two batches are charged to no peer."""
    spent, charged = [1.0], list[float]()
    monkeypatch.setattr(listening, "thread_time", lambda: spent[0])
    async with desk.up():
        await desk.ask(NAME, NAME)
        listener, ready = desk.server._listener, desk.ready
        handle, charge = listener._handle_query, listener._scheduler.charge

        def handle_slowly(*arguments: object) -> None:
            """Spend a millisecond on a query."""
            spent[0] += 0.001
            handle(*arguments)  # type: ignore[arg-type]

        def note(peer: str, seconds: float) -> None:
            """Note what a peer is charged."""
            charged.append(round(seconds, 6))
            charge(peer, seconds)

        def record_slowly(events: list[object], record: object = desk.server._delivery.record_all) -> None:
            """Spend five seconds on cached replies."""
            spent[0] += 5.0
            record(events)  # type: ignore[operator]

        listener._handle_query = handle_slowly
        listener._scheduler.charge = note  # type: ignore[method-assign]
        for cache in ready:
            cache.record_all = record_slowly  # type: ignore[assignment]
        await desk.ask("a.fabrikam.com", "b.fabrikam.com", NAME, NAME, "c.fabrikam.com")
        spent[0] += 7.0
        await desk.ask("d.fabrikam.com")
    assert charged == [0.001] * (4 if way == "batches" else 6)


async def test_a_machine_without_the_calls_reads_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """No ctypes, another layout, or calls that a sandbox refuses: batches are not used."""
    receive, _ = module._calls()
    refused = lambda *_: -1  # noqa: E731 - a system call
    no_calls, half = (lambda: (refused, refused)), (lambda: (receive, refused))
    for name, instead in (("ctypes", None), ("HEADER", 56), ("_calls", no_calls), ("_calls", half)):
        module.is_supported.cache_clear()
        with monkeypatch.context() as patch:
            patch.setattr(module, name, instead)
            assert not module.is_supported()
    module.is_supported.cache_clear()
    assert module.is_supported()

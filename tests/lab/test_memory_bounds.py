"""Each store of a lab stays within its bound of octets, whatever keys and values clients make up."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import dns.message
import pytest
from dns.rcode import NOERROR, NXDOMAIN
from dns.rdatatype import TXT

from ssosim.clock import ManualClock
from ssosim.dns import ZoneStore, zones_of
from ssosim.dns.recursion.cache import Cache, Entry
from ssosim.dns.server import peer_budget
from ssosim.dns.server.delivery import Delivery
from ssosim.dns.server.fast_path import ReplyCache, reply_cache
from ssosim.dns.server.peer_budget import PeerScheduler
from ssosim.dns.server.query_counts import QueryCounts, Use
from ssosim.dns.server.wire_format import Responder
from ssosim.dns.zones.query_context import ALL_ONLINE
from ssosim.dns.zones.rrset import RRset, to_name, to_rdatas
from ssosim.entra.core.replay_cache import ReplayCache
from ssosim.estate import default_estate
from ssosim.faults import ActiveFaults
from ssosim.faults.core import active_faults
from ssosim.lab.core.memory_bounds import list_bounds, sum_bounds
from ssosim.trace import ClientEvent, DnsAnswered, HttpExchange, Trace

MIB = 2**20
ROOM = MIB // 4
OURS = [tracemalloc.Filter(True, each) for each in (__file__, "*/ssosim/*", f"{Path(dns.message.__file__).parent}/*")]
SHORT, LONG, WIDE = "s", "x" * 60, "\N{GRINNING FACE}"


def measure_growth(fill: Callable[[int], object], rounds: int) -> list[int]:
    """Call ``fill`` so often, with ever-new numbers; return the octets that are allocated in addition, each time."""
    sizes = []
    fill(-1)
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(rounds):
            fill(number)
            gc.collect()
            sizes.append(count_octets())
    finally:
        tracemalloc.stop()
    return sizes


def count_octets() -> int:
    """Return the octets that the product, dnspython and this file allocated since tracing began, and still hold.

    Threads of pytest-xdist, and modules that they call, allocate as well.
    """
    snapshot = tracemalloc.take_snapshot().filter_traces(OURS)
    return sum(each.size for each in snapshot.statistics("filename"))


def assert_bounded(sizes: list[int], most: int) -> None:
    """Assert that the store was full, and that it never took more than its bound."""
    assert max(sizes) < 1.15 * most, [size / most for size in sizes]
    assert sizes[-1] < 1.5 * max(sizes[: len(sizes) // 2]), "it still grows"


@pytest.mark.parametrize("text", [SHORT, LONG * 100, WIDE * 500])
def test_the_trace(text: str) -> None:
    """Records of any length: the older half goes at the bound of octets, with its number counted."""
    trace = Trace(ManualClock(1e9), most_octets=ROOM)

    def fill(number: int) -> None:
        for each in range(250):
            trace.record("desk", DnsAnswered(name=f"{text}{number}-{each}", type="A", rcode="NXDOMAIN"))

    assert_bounded(measure_growth(fill, 8), ROOM)
    assert trace.dropped > 0
    assert trace.last_seq == trace.dropped + len(trace) == 9 * 250


def test_the_trace_of_repetitions() -> None:
    """One event many times takes twenty octets each time, and is bounded in the same way."""
    trace, one = Trace(ManualClock(1e9), most_octets=ROOM), ClientEvent("", DnsAnswered(name="n", type="A", rcode="X"))
    assert_bounded(measure_growth(lambda _: trace.record_all([one] * 2500), 20), ROOM)
    assert ROOM / 20 / 2 <= len(trace) <= ROOM / 20


@pytest.mark.parametrize(
    "names",
    [
        lambda key: (f"n{key}.example",),
        lambda key: (f"{LONG}.{LONG}.{LONG}.n{key}.example",),
        lambda key: tuple(f"{LONG}.{hop}.n{key}.example" for hop in range(12)),
    ],
)
def test_the_counters(names: Callable[[str], tuple[str, ...]]) -> None:
    """Long names and long chains take the room of many counters."""
    clock = ManualClock(1e9)
    counts = QueryCounts(clock, most_octets=ROOM)

    def fill(number: int) -> None:
        for each in range(120):
            counts.add(Use(names(f"{number}-{each}"), "A"), "desk")
        clock.advance(61)

    assert_bounded(measure_growth(fill, 12), ROOM)
    assert 0 < len(counts) < 1500
    assert "were dropped" in counts.in_window("other.example", clock.now(), 600).why


def test_the_counters_of_one_bucket() -> None:
    """A minute with too many long names leaves a gap: what was not counted is not called unused."""
    clock = ManualClock(1e9)
    counts = QueryCounts(clock, most_octets=ROOM)
    clock.advance(600)
    for number in range(2000):
        counts.add(Use((f"{LONG}.n{number}.example",), "A"), "desk")
    assert 0 < len(counts) < ROOM / 400
    usage = counts.in_window("n1999.example", clock.now(), 30)
    assert (usage.in_use, usage.count) == (True, 0)
    assert f"more than {len(counts)} different questions came within 60 s" in usage.why


def query(name: str, kind: str = "A") -> bytes:
    """The bytes of a query."""
    return dns.message.make_query(name, kind).to_wire()


def test_the_replies() -> None:
    """Answers to ever-new names, by question and by client."""
    zones = zones_of(default_estate())
    responder = Responder(10**6, most_octets=ROOM)

    def fill(number: int) -> None:
        for each in range(120):
            responder.reply(zones, query(f"{LONG}.n{number}-{each}.contoso.com"), "udp")

    assert_bounded(measure_growth(fill, 8), ROOM)


def test_the_replies_by_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fastest path's cache is emptied at its bound of octets."""
    monkeypatch.setattr(reply_cache, "MAX_OCTETS", ROOM)
    store, responder = ZoneStore(zones_of(default_estate())), Responder(1)
    cache = ReplyCache("10.0.0.1", store, responder, Delivery(Trace(), lambda remote, _local: remote))
    cache.start_round()

    def fill(number: int) -> None:
        for each in range(120):
            asked = query(f"{LONG}.n{number}-{each}.contoso.com")
            for _ in range(2):  # a question is kept from its second time on
                responder.reply(store.current, asked, "udp", "10.0.0.2", store.health.current)
                cache.store(b"10.0.0.2" + asked[2:], asked, "10.0.0.2")

    assert store.health.current is ALL_ONLINE
    assert_bounded(measure_growth(fill, 8), ROOM)
    assert cache.replies


@pytest.mark.parametrize("texts", [0, 1, 40])
def test_the_answers_of_a_resolver(texts: int) -> None:
    """Names that do not exist, short records and long ones."""
    cache, origin = Cache(10**6, ROOM), to_name("example")

    def fill(number: int) -> None:
        for each in range(20 if texts > 1 else 120):
            name = to_name(f"{LONG}.n{number}-{each}.example")
            values = [f'"{LONG * 4}{each}-{value}"' for value in range(texts)]
            rrset = RRset(name, TXT, 300, to_rdatas(values, TXT, origin)) if texts else None
            cache.put(
                Entry(
                    name=name,
                    type=TXT,
                    rcode=NOERROR if texts else NXDOMAIN,
                    rrset=rrset,
                    soa=None,
                    stored=0.0,
                    expires=300.0,
                )
            )

    assert_bounded(measure_growth(fill, 8), ROOM)
    assert 0 < len(cache) < 1000


async def test_the_queries_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """All peers together: more queries than fit are lost, and those that fit are answered."""
    monkeypatch.setattr(peer_budget, "MAX_ALL_WAITING", 100)
    scheduler, done = PeerScheduler(), list[int]()
    for number in range(1000):
        scheduler.enqueue(f"10.0.0.{number % 50}", lambda number=number: done.append(number))
    while scheduler._waiting:
        scheduler._run_round()
    assert sorted(done) == list(range(100))
    scheduler.enqueue("10.0.0.1", lambda: done.append(-1))
    scheduler._run_round()
    assert done[-1] == -1


def test_the_random_numbers_of_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of a new name does not add to what is kept for those before; a client in use keeps its sequence."""
    monkeypatch.setattr(active_faults, "MOST_CLIENTS_OF_CHANCE", 50)
    board = ActiveFaults(ZoneStore(zones_of(default_estate())), Trace())
    first = board._random_for("desk")
    for number in range(500):
        board._random_for(f"program-{number}")
        assert board._random_for("desk") is first
    assert len(board._random_by_client) == 50


def test_the_ids_of_used_tokens() -> None:
    """An id of a megabyte takes the room of a digest, and is still used only once."""
    cache = ReplayCache(200)

    def fill(number: int) -> None:
        for each in range(50):
            assert cache.record_use(f"{number}-{each}" + "x" * 100_000, 1e12, 1e9)
            assert not cache.record_use(f"{number}-{each}" + "x" * 100_000, 1e12, 1e9)

    assert_bounded(measure_growth(fill, 8), 200 * 400)


def test_the_table_of_bounds() -> None:
    """Each bound is positive, and a lab of the default estate keeps less than 700 MiB whatever clients do."""
    bounds = list(list_bounds(default_estate()))
    assert all(bound.entries > 0 and bound.octets > 0 for bound in bounds)
    assert len({bound.store for bound in bounds}) == len(bounds)
    assert sum_bounds(default_estate()) == sum(bound.octets * bound.copies for bound in bounds) < 700 * MIB
    page = (Path(__file__).parents[2] / "docs" / "memory.md").read_text()
    assert all(f"| {bound.store} |" in page for bound in bounds)


def test_http_exchanges_are_counted_by_their_text() -> None:
    """The bound is of octets, not of records: requests with long paths push out more."""
    long, short = (Trace(ManualClock(1e9), most_octets=ROOM) for _ in range(2))
    for number in range(1000):
        for trace, path in ((long, f"/{number}/{LONG * 40}"), (short, f"/{number}")):
            trace.record("desk", HttpExchange(host="h", method="GET", path=path, status=404))
    assert len(long) * 3 < len(short)

"""Faults that end by themselves: the first so many, for so long; in real and in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import dns.asyncquery
import dns.exception
import dns.message
import msgspec
import pytest
from dns.rdatatype import A
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.cli.fault import seconds_of
from ssosim.clock import VirtualClock, call_later_on_clock
from ssosim.dns import DnsServer, FindDnsEffect, ZoneStore, answer, zones_of
from ssosim.dns.server.authorities import Authorities
from ssosim.dns.zones.rrset import to_name
from ssosim.estate import default_estate
from ssosim.faults import (
    FAULTS,
    ActiveFaults,
    CertificateExpired,
    Delay,
    DelegationRemoved,
    Drop,
    Fault,
    FaultError,
    HttpStatus,
    KdcRefuses,
    NameRemoved,
    NxDomain,
    RecordSetEmpty,
    ServFail,
    TrafficManagerDeleted,
    TtlChanged,
    WrongAddress,
    fault_from,
)
from ssosim.faults.core.exchanges import check_hosts
from ssosim.faults.core.fault import Applied, FaultState
from ssosim.lab.base.errors import LabInputError
from ssosim.scenario.client_choice import model_of
from ssosim.scenario.in_memory import play_in_memory
from ssosim.scenario.loader import load_scenario
from ssosim.scenario.model import Phase
from ssosim.testing import HostedLab, host_lab
from ssosim.trace import DnsAnswered, FaultApplied, FaultUndone, HttpExchange, KdcExchange, Trace
from ssosim.verdict.outcome import Outcome

LOGIN = "login.microsoftonline.com"
AUTOLOGON = "autologon.microsoftazuread-sso.com"
HEALTHY = zones_of(default_estate())
HERE = "127.0.0.1"


@dataclass
class Broken:
    """A DNS server with a board."""

    board: ActiveFaults
    store: ZoneStore
    port: int
    trace: Trace

    async def ask(self, name: str = LOGIN, kind: str = "A", patience_s: float = 60) -> None:
        """Ask; no answer is one too."""
        with contextlib.suppress(dns.exception.Timeout):
            await dns.asyncquery.udp(dns.message.make_query(name, kind), HERE, port=self.port, timeout=patience_s)

    @property
    def story(self) -> list[str]:
        """Outcomes of answers, and the ends of faults with their reasons, in the trace's order."""
        events = [record.event for record in self.trace]
        return [e.rcode if isinstance(e, DnsAnswered) else e.reason for e in events if not isinstance(e, FaultApplied)]


@pytest.fixture
async def broken() -> AsyncIterator[Broken]:
    """The default estate's server, whole as yet."""
    store, trace = ZoneStore(HEALTHY), Trace()
    server = DnsServer(store, trace, lambda *_: "somebody")
    board = ActiveFaults(store, trace)
    board.attach(server, "lab")
    port = await server.start(HERE, 0)
    yield Broken(board, store, port, trace)
    board.close()
    await server.stop()


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (Drop(names=(LOGIN,), first=2), "DROPPED"),
        (NxDomain(names=(LOGIN,), first=2), "NXDOMAIN"),
        (ServFail(names=(LOGIN,), first=2), "SERVFAIL"),
        (NameRemoved(name=LOGIN, first=2), "NXDOMAIN"),
        (RecordSetEmpty(name=LOGIN, first=2), "NODATA"),
        (TrafficManagerDeleted(profile="aadg-autologon", first=2), "NODATA"),
    ],
    ids=lambda each: getattr(each, "name", None),
)
async def test_the_first_two_and_no_more(broken: Broken, fault: Fault, outcome: str) -> None:
    """Two answers are struck, the third is not; the end stands behind the last one, and other names do not count."""
    fault.apply(broken.board)
    name = AUTOLOGON if fault.fault_name == "traffic-manager-deleted" else LOGIN
    for each in ("sts.fabrikam.com", name, name, name):
        await broken.ask(each, patience_s=0.1 if outcome == "DROPPED" else 60)
    assert broken.story == ["NOERROR", outcome, outcome, "after the first 2", "NOERROR"]
    assert broken.board.active == ()
    assert broken.store.current == HEALTHY


async def test_an_answer_that_would_be_the_same_does_not_count(broken: Broken) -> None:
    """An empty A set strikes A answers: those to AAAA are what they were, and use nothing up."""
    RecordSetEmpty(name=LOGIN, first=1).apply(broken.board)
    for kind in ("AAAA", "AAAA", "A", "A"):
        await broken.ask(LOGIN, kind)
    assert broken.story == ["NODATA", "NODATA", "NODATA", "after the first 1", "NOERROR"]


async def test_two_queries_at_once_do_not_both_meet_the_first(broken: Broken) -> None:
    """Stub resolvers ask for A and AAAA in one breath: a limit of one strikes one of them."""
    NameRemoved(name=LOGIN, first=1).apply(broken.board)
    await asyncio.gather(*(broken.ask() for _ in range(8)))
    assert sorted(broken.story) == sorted(["NXDOMAIN", "after the first 1", *["NOERROR"] * 7])


async def test_for_a_while_by_the_loop(broken: Broken) -> None:
    """In real time a fault ends after its seconds, whichever limit comes first; undone before, none."""
    loop, in_time = asyncio.get_running_loop(), False
    async with asyncio.timeout(60):
        while not in_time:  # on a loaded machine the time may be over before the first answer: then once more
            before, began = len(broken.story), loop.time()
            ServFail(for_s=0.2, first=99).apply(broken.board)
            Delay(seconds=0.01, for_s=60, first=1).apply(broken.board)
            undo = NameRemoved(name=AUTOLOGON, for_s=0.05).apply(broken.board)
            undo()
            await broken.ask()
            in_time = loop.time() < began + 0.2
            while broken.board.active:  # noqa: ASYNC110 - a trace wakes nobody
                await asyncio.sleep(0.01)
            await broken.ask()
    assert broken.story[before:] == ["", "SERVFAIL", "after the first 1", "after 0.2 s", "NOERROR"]
    assert loop.time() >= began + 0.2


async def test_for_a_while_in_virtual_time() -> None:
    """By the lab's clock, which jumps: 30 s after, to the second, and at once for who only sees the trace."""
    clock = VirtualClock(1000.0)
    store = ZoneStore(HEALTHY)
    board = ActiveFaults(store, trace := Trace(clock), call_later_on_clock(clock))
    NameRemoved(name=LOGIN, for_s=30).apply(board)
    undo = WrongAddress(name=AUTOLOGON, for_s=10).apply(board)
    undo()
    await clock.run_until(1029.9)
    assert [fault.fault_name for fault in (applied.fault for applied in board.active)] == ["name-removed"]
    await clock.run_until(2000.0)
    ends = [(record.at, record.event.reason) for record in trace if isinstance(record.event, FaultUndone)]
    assert ends == [(1000.0, ""), (1030.0, "after 30 s")]
    assert store.current == HEALTHY
    board.close()


def test_limits_in_a_scenario_played_in_memory() -> None:
    """A scenario's faults have limits as well: one whose time is over before the client tries again is not met."""
    scenario = load_scenario("short-blip")
    client = scenario.clients[0]
    phase = Phase(
        name="brief",
        start=scenario.phases[0].start,
        faults=(fault_from({"fault": "servfail", "for_s": 5}), fault_from({"fault": "http-status", "first": 1})),
        expect={client.name: Outcome.SILENT},
    )
    scenario = msgspec.structs.replace(
        scenario, phases=(phase,), clients=(client,), end=phase.start + timedelta(hours=8), resolvers=()
    )
    result = play_in_memory(scenario, default_estate(), {client.name: model_of(client)}).results[0]
    assert result.verdict.outcome is not Outcome.STALLED, result.verdict.reason


class Server:
    """Stands where a server would."""

    find_effect: FindDnsEffect | None = None


LIMITED: tuple[Fault, ...] = (
    NameRemoved(name=LOGIN, first=1),
    NameRemoved(name=AUTOLOGON, first=2),
    RecordSetEmpty(name=LOGIN, first=2),
    WrongAddress(name=LOGIN, first=3),
    TtlChanged(name=AUTOLOGON, ttl=1, first=1),
    TrafficManagerDeleted(profile="aadg-autologon", first=2),
    ServFail(names=(LOGIN,), first=2),
    Drop(first=1, probability=0.5),
    Delay(seconds=0.1, first=2),
    WrongAddress(name=LOGIN),
    DelegationRemoved(zone="fabrikam.com"),
    NxDomain(names=(AUTOLOGON,), first=1, for_s=9),
)


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(LIMITED), max_size=6),
    st.lists(st.sampled_from([LOGIN, AUTOLOGON, "sts.fabrikam.com"]), max_size=20),
    st.randoms(use_true_random=False),
)
def test_undo_and_limits_restore_the_state(faults: list[Fault], asked: list[str], random: Any) -> None:
    """Whatever ends by its limit and whatever is undone, in whatever order: each once, and then all is as before."""
    waiting: list[Callable[[], None]] = []

    def later(_: float, act: Callable[[], None]) -> Callable[[], None]:
        waiting.append(act)
        return lambda: None

    store, trace, server = ZoneStore(HEALTHY), Trace(), Server()
    board = ActiveFaults(store, trace, later)
    board.attach(server, "lab")
    undos: list[Callable[[], None]] = []
    for fault in faults:
        with contextlib.suppress(FaultError):
            undos.append(fault.apply(board))
    for name in asked:
        event = answer(store.current, to_name(name), A).event("udp")
        if server.find_effect is not None:
            server.find_effect(event, "somebody")
        trace.record("somebody", event)
    ends = [*undos, *waiting]
    random.shuffle(ends)
    for end in ends:
        end()
    assert store.current == HEALTHY
    assert (server.find_effect, board.active) == (None, ())
    kinds = [type(record.event) for record in trace]
    assert kinds.count(FaultApplied) == kinds.count(FaultUndone) == len(undos)


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory, prepared: Any) -> Iterator[HostedLab]:
    """A lab on loopback in real time."""
    with host_lab(folder=tmp_path_factory.mktemp("hosted"), cache=prepared) as lab:
        yield lab


@pytest.mark.parametrize(
    "fault", [KdcRefuses(first=1), HttpStatus(path="/userrealm/", first=1)], ids=lambda f: f.fault_name
)
def test_services_are_struck_once(hosted: HostedLab, fault: Fault) -> None:
    """The first request to the KDC, the first exchange: then the next sign-in goes through, and the trace says why."""
    assert hosted.sign_in("msal4j-iwa").outcome is Outcome.SILENT  # from now on there is a ticket-granting ticket
    mark = hosted.records()[-1].seq
    with hosted.broken(fault):
        hosted.sign_in("msal4j-iwa", patience_s=5)
        assert hosted.sign_in("msal4j-iwa").outcome is Outcome.SILENT
        found = [record for record in hosted.records() if record.seq > mark]
    struck = [
        r for r in found if isinstance(r.event, KdcExchange | HttpExchange) and "issued" not in repr(r) and _bad(r)
    ]
    ended = next(record for record in found if isinstance(record.event, FaultUndone))
    assert ended.event.reason == "after the first 1"
    assert len(struck) == 1
    assert struck[0].seq < ended.seq


def _bad(record: Any) -> bool:
    event = record.event
    return event.status == 503 if isinstance(event, HttpExchange) else event.outcome == "KDC_ERR_ETYPE_NOSUPP"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"fault": "drop", "for_s": 0}, "for_s 0.0 is not above 0"),
        ({"fault": "drop", "for_s": "nan"}, "for_s nan is not above 0"),
        ({"fault": "certificate-expired", "host": LOGIN, "for_s": -1}, "for_s -1.0 is not above 0"),
        ({"fault": "name-removed", "name": LOGIN, "first": 0}, "first 0 is not 1 or more"),
        ({"fault": "kdc-silent", "first": -1}, "first -1 is not 1 or more"),
        ({"fault": "name-server-dead", "zone": "fabrikam.com", "first": 1}, "unknown field `first`"),
        ({"fault": "drop", "clients": [""]}, "clients: '' is the name of no client: it would strike nobody"),
        ({"fault": "kdc-silent", "clients": ["office", " curl-1"]}, "clients: ' curl-1' is the name of no client"),
        ({"fault": "http-status", "clients": ["a\nb"]}, "is the name of no client"),
        ({"fault": "clock-skew", "of": "device", "seconds": 9, "clients": [""]}, "is the name of no client"),
    ],
)
def test_limits_that_cannot_be_meant(data: dict[str, Any], words: str) -> None:
    """A limit that is none is refused with its name, whichever the fault."""
    with pytest.raises(FaultError, match=words):
        fault_from(data)


def test_every_fault_can_be_limited_in_time() -> None:
    """``for_s`` is everywhere, and shows in what is in force."""
    assert all("for_s" in kind.__struct_fields__ for kind in FAULTS.values())
    assert CertificateExpired(host=LOGIN, for_s=30).detail.endswith(", for 30 s")


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("30", 30), ("500ms", 0.5), ("2m", 120), ("1h", 3600), ("1.5s", 1.5)]
)
def test_times_of_the_command_line(text: str, seconds: float) -> None:
    """Numbers with a unit, seconds without."""
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "soon", "3 weeks", "3hm", "s3"])
def test_what_is_no_time(text: str) -> None:
    """What it is not, and what is expected."""
    with pytest.raises(LabInputError, match=r"--for .*: expected a duration above 0, such as 30s"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"fault": "http-status", "code": 50077}, "AADSTS50077 is not in the catalogue of this program; try 50076"),
        ({"fault": "http-status", "code": 0}, "AADSTS0 is not in the catalogue"),
        ({"fault": "http-status", "status": 200}, "status 200 is not between 400 and 599"),
    ],
)
def test_codes_that_no_endpoint_sends(data: dict[str, Any], words: str) -> None:
    """An AADSTS code that is not known is a mistake and not an error of another kind."""
    with pytest.raises(FaultError, match=re.escape(words)):
        fault_from(data)


def test_a_code_at_a_host_without_codes() -> None:
    """AD FS sends no AADSTS codes, so a fault with one is refused there and names the hosts that send them."""
    estate = default_estate()

    store = ZoneStore(zones_of(estate))

    def check(fault: HttpStatus) -> None:
        applied = Applied(1, fault, store.current, Authorities(store))
        check_hosts(fault.fold(FaultState(store.current, applied.authorities.hierarchy), applied), estate)

    with pytest.raises(FaultError, match=r"sends no AADSTS codes, these do: .*login\.microsoftonline\.com"):
        check(HttpStatus(host="sts.fabrikam.com", code=50076))
    check(HttpStatus(host="sts.fabrikam.com", status=500))
    check(HttpStatus(code=50076))


def test_the_verdict_says_the_providers_own_sentence() -> None:
    """A rehearsed Conditional Access block is a refusal, in the words that the real service has for it."""
    scenario = load_scenario("short-blip")
    client = next(each for each in scenario.clients if each.model == "office")
    phase = Phase(
        name="blocked",
        start=scenario.phases[0].start,
        faults=(fault_from({"fault": "http-status", "path": "/token", "code": 53003}),),
        expect={client.name: Outcome.REFUSED},
    )
    scenario = msgspec.structs.replace(
        scenario, phases=(phase,), clients=(client,), end=phase.start + timedelta(hours=1), resolvers=()
    )
    verdict = play_in_memory(scenario, default_estate(), {client.name: model_of(client)}).results[0].verdict
    assert "answered 400, AADSTS53003: Access has been blocked by Conditional Access policies" in verdict.reason

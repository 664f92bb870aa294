"""Change control does not delay clients: its long computations run beside the event loop of the lab."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import gc
import itertools
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import dns.message
import msgspec
import pytest
from aiohttp import web
from conftest_ops import AUTOLOGON, LOGIN, Office, change, clean_up, yes
from dns.rdatatype import A

from ssosim.changes import change_control as change_control_module
from ssosim.changes.approvals import load_policy
from ssosim.changes.change import Change
from ssosim.changes.change_control import ChangeControl
from ssosim.changes.drift import DriftFinding
from ssosim.changes.operations import PutRecords
from ssosim.changes.snapshot import to_data
from ssosim.dns import put_rrset, zones_of
from ssosim.dns.server.query_counts import Use
from ssosim.dns.zones.rrset import RRset, to_name, to_rdatas
from ssosim.dns.zones.zone import Zone
from ssosim.estate import default_estate
from ssosim.faults import NameRemoved
from ssosim.lab.base.beside_loop import in_thread
from ssosim.lab.base.errors import LabError
from ssosim.lab.control.dns_answers import Drift
from ssosim.lab.control.dns_answers import Plan as PlanAnswer
from ssosim.lab.control.dns_handlers import DnsHandlers
from ssosim.lab.core.lab import Lab
from ssosim.report.dns import drift_text, plan_text
from ssosim.trace import DnsAnswered, LabPaused
from tests.operations import count_operations

PATIENCE_S = 60
WANTED = msgspec.to_builtins(change(PutRecords(name="new.microsoftonline.com", type="A", values=("192.0.2.1",))))
MEANWHILE = "meanwhile.microsoftazuread-sso.com"


@pytest.fixture
async def lab(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    """A lab on loopback."""
    cache = tmp_path_factory.getbasetemp() / "ops-cache"
    cache.mkdir(mode=0o700, exist_ok=True)
    home = tmp_path / "lab"
    home.mkdir(mode=0o700)
    async with Lab(default_estate(), home, cache) as made:
        yield made


@pytest.fixture
async def handlers(lab: Lab, tmp_path: Path) -> AsyncIterator[DnsHandlers]:
    """The DNS handlers of that lab, with a policy that lets a single person apply."""
    made = DnsHandlers(lab, tmp_path / "ledger")
    made.control.policy = load_policy("feb-2025")
    yield made
    await made.close()


@pytest.fixture
async def api(handlers: DnsHandlers, tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """A function that sends a request as a client of the control API does; it returns (status, body)."""
    app = web.Application()
    app.router.add_route("*", "/v1/dns/{action:.*}", handlers.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    path = str(tmp_path / "s")
    await web.UnixSite(runner, path).start()
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as session:

        async def call(action: str, **body: Any) -> tuple[int, Any]:
            method = "GET" if action == "zones" else "POST"
            async with session.request(method, f"http://lab/v1/dns/{action}", data=json.dumps(body)) as answer:
                return answer.status, await asyncio.to_thread(json.loads, await answer.read())

        yield call
    await runner.cleanup()


def names_asked(lab: Lab, names: int) -> None:
    """So many different names were asked for, by a few clients."""
    for number in range(names):
        lab.query_counts.add(Use((f"n{number}.example",), "A"), f"desk-{number % 7}")


class Asker(threading.Thread):
    """A client with a thread of its own that asks one DNS question after another; ``waits`` are its waits."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(daemon=True)
        self._place = lab.endpoint(lab.estate.addresses("dns")[0], 53)
        self.ended = threading.Event()
        self.waits: list[float] = []

    def run(self) -> None:
        """Ask until it is to end."""
        query = dns.message.make_query(LOGIN, "A").to_wire()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(PATIENCE_S)
            while not self.ended.wait(0.001):
                began = time.monotonic()
                asking.sendto(query, self._place)
                asking.recv(4096)
                self.waits.append(time.monotonic() - began)


@pytest.mark.parametrize(
    ("action", "step", "body"),
    [
        ("plan", "plan", {"change": WANTED}),
        ("plan", "judge", {"change": WANTED}),
        ("apply", "prepare_change", {"change": WANTED}),
        ("drift", "detect_drift", {"outside": False}),
        ("drift", "completeness", {"outside": False}),
        ("adopt", "prepare_adoption", {"by": "ann"}),
        ("load", "prepare_load", {"zones": to_data(zones_of(default_estate()))}),
        ("rollback", "prepare_rollback", {"by": "ann"}),
    ],
)
async def test_a_query_is_answered_while_change_control_works(
    action: str, step: str, body: dict[str, Any], api: Any, lab: Lab, monkeypatch: pytest.MonkeyPatch
):
    """The step goes on only when another client has had its answer: so it does not wait for the step."""
    answered, began, really = threading.Event(), threading.Event(), getattr(ChangeControl, step)
    outcomes: list[bool] = []

    def held(self: ChangeControl, *words: Any, **more: Any) -> Any:
        began.set()
        outcomes.append(answered.wait(PATIENCE_S))
        return really(self, *words, **more)

    def ask() -> None:
        began.wait(PATIENCE_S)
        asker.start()

    if action == "rollback":
        assert (await api("apply", change=WANTED))[0] == 200
    asker = Asker(lab)
    monkeypatch.setattr(ChangeControl, step, held)
    leave = lab.trace.subscribe(lambda _: answered.set(), DnsAnswered)
    starter = threading.Thread(target=ask)
    starter.start()
    try:
        status, _ = await api(action, **body)
    finally:
        leave()
        await asyncio.to_thread(starter.join)
        asker.ended.set()
        await asyncio.to_thread(asker.join)
    assert (status, outcomes[0]) == (200, True)


async def test_no_client_waits_for_a_plan_over_many_names(api: Any, lab: Lab):
    """With 20,000 names counted, another client's waits do not add up to the time of three plans, as they would."""
    names_asked(lab, 20_000)
    asker = Asker(lab)
    await api("plan", change=WANTED)  # imports and caches
    asker.start()
    gc.collect()
    began = time.monotonic()
    for _ in range(3):
        status, plan = await api("plan", change=WANTED)
        assert (status, plan["gate"]["outcome"]) == (200, "allow")
    took = time.monotonic() - began
    asker.ended.set()
    await asyncio.to_thread(asker.join)
    assert sum(sorted(asker.waits)[-3:]) < took / 2


async def test_time_of_plan_and_gate_is_linear_in_the_names_counted(office: Office):
    """Four times the names take at most six times the work: quadratic would be sixteen times."""
    work = []
    for names in (500, 2_000):
        for number in range(names):
            office.ask(f"of-{names}-{number}.example", f"desk-{number % 7}")
        office.clock.moment += 1
        office.control.judge(office.control.plan(clean_up()))  # fills caches
        work.append(count_operations(lambda: office.control.judge(office.control.plan(clean_up()))))
        office.clock.moment += 2 * 86400  # the next ones count alone
    assert work[1] < 6 * work[0]


async def test_a_change_that_was_overtaken_is_worked_out_again(
    api: Any, handlers: DnsHandlers, lab: Lab, monkeypatch: pytest.MonkeyPatch
):
    """The zones change while a change is worked out: both changes are there then, and the ledger has the one entry."""
    loop, really, calls = asyncio.get_running_loop(), ChangeControl.prepare_change, itertools.count()

    def overtaken(self: ChangeControl, *words: Any, **more: Any) -> Any:
        done = really(self, *words, **more)
        if next(calls) == 0:

            async def meanwhile() -> None:
                lab.zones.change(lambda zones: put_rrset(zones, MEANWHILE, "A", ["192.0.2.2"]))

            asyncio.run_coroutine_threadsafe(meanwhile(), loop).result(PATIENCE_S)
        return done

    monkeypatch.setattr(ChangeControl, "prepare_change", overtaken)
    status, done = await api("apply", change=WANTED)
    assert (status, done["number"], next(calls)) == (200, 1, 2)
    for name in ("new.microsoftonline.com", MEANWHILE):
        assert lab.zones.current.find(name, A) is not None
    assert [entry.number for entry in handlers.control.ledger.entries()] == [1]


async def test_a_change_that_is_always_overtaken_says_so(
    handlers: DnsHandlers, lab: Lab, monkeypatch: pytest.MonkeyPatch
):
    """Nothing is changed, nothing is in the ledger, and the error says what to do."""
    loop, really, numbers = asyncio.get_running_loop(), ChangeControl.prepare_change, itertools.count()

    def overtaken(self: ChangeControl, *words: Any, **more: Any) -> Any:
        async def meanwhile() -> None:
            address = f"192.0.2.{next(numbers)}"
            lab.zones.change(lambda zones: put_rrset(zones, MEANWHILE, "A", [address]))

        prepared = really(self, *words, **more)
        asyncio.run_coroutine_threadsafe(meanwhile(), loop).result(PATIENCE_S)
        return prepared

    monkeypatch.setattr(ChangeControl, "prepare_change", overtaken)
    with pytest.raises(LabError, match="try again"):
        await handlers._apply({"change": WANTED})
    assert lab.zones.current.find("new.microsoftonline.com", A) is None
    assert handlers.control.ledger.entries() == ()


def test_what_is_prepared_changes_nothing_until_it_is_committed(office: Office):
    """Zones, list of the ledger and desired state are as they were; then all of them are what was prepared."""
    wanted = msgspec.convert(WANTED, Change)
    before, control = office.store.current, office.control
    office.clock.moment += 400
    said = {"approvals": yes(control.plan(wanted).token, "ann", "ben"), "executors": ("ann", "ben")}
    prepared = control.prepare_change(wanted, **said)
    assert (office.store.current, control.ledger.entries(), control.desired) == (before, (), before)
    done = control.commit(prepared)
    assert done is not None
    assert done.verification.good
    assert control.plan(wanted).delta.records == ()
    assert [entry.number for entry in control.ledger.entries()] == [done.entry.number]
    assert control.ledger.zones(done.entry.after) == office.store.current == control.desired
    assert control.commit(prepared) is None  # it rests on zones that are no more
    assert [entry.number for entry in control.ledger.entries()] == [done.entry.number]


@pytest.mark.parametrize("what", ["zones", "desired", "inventory", "policy", "detector", "ledger", "fault"])
def test_what_rests_on_something_else_is_not_committed(office: Office, what: str):
    """Whatever a change was worked out on, if it is another one now, nothing is done."""
    control = office.control
    control.policy = load_policy("feb-2025")
    control.apply(msgspec.convert(WANTED, Change))
    prepared = control.prepare_rollback()
    if what == "zones":
        office.store.change(lambda zones: put_rrset(zones, MEANWHILE, "A", ["192.0.2.2"]))
    elif what == "fault":
        office.active_faults.add(NameRemoved(name=AUTOLOGON))
    elif what == "ledger":
        control.ledger.commit(prepared.entry, (control.desired,) * 2, (control.desired,) * 2)
    elif what == "desired":
        control.desired = dataclasses.replace(control.desired)
    elif what == "policy":
        control.policy = load_policy("strict")
    else:
        setattr(control, what, copy.deepcopy(getattr(control, what)))
    before, entries = office.store.current, control.ledger.entries()
    assert control.commit(prepared) is None
    assert (office.store.current, control.ledger.entries()) == (before, entries)


def test_whoever_is_always_overtaken_comes_to_an_end(office: Office, monkeypatch: pytest.MonkeyPatch):
    """Called in a thread, the last attempt holds the lock of the zones, so that another thread's change must wait."""
    control, numbers = office.control, itertools.count()
    control.policy = load_policy("feb-2025")
    really = ChangeControl.prepare_change
    others: list[threading.Thread] = []

    def meanwhile() -> None:
        address = f"192.0.2.{next(numbers)}"
        office.store.change(lambda zones: put_rrset(zones, MEANWHILE, "A", [address]))

    def overtaken(self: ChangeControl, *words: Any, **more: Any) -> Any:
        prepared = really(self, *words, **more)
        other = threading.Thread(target=meanwhile)
        other.start()
        others.append(other)
        if len(others) <= change_control_module._ATTEMPTS:
            other.join()
        return prepared

    monkeypatch.setattr(ChangeControl, "prepare_change", overtaken)
    assert control.apply(msgspec.convert(WANTED, Change)).entry.number == 1
    for other in others:
        other.join()
    assert len(others) == change_control_module._ATTEMPTS + 1
    assert office.store.current.find("new.microsoftonline.com", A) is not None


async def test_who_is_cancelled_waits_for_the_thread():
    """The turn that was taken for a thread's work is kept until the thread ends, and the work's error is nobody's."""
    began, go_on, turn = threading.Event(), threading.Event(), asyncio.Lock()

    def work() -> None:
        began.set()
        assert go_on.wait(PATIENCE_S)
        raise ValueError

    async def in_turn() -> None:
        async with turn:
            await in_thread(work)

    task = asyncio.create_task(in_turn())
    await asyncio.to_thread(began.wait, PATIENCE_S)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    assert turn.locked()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not turn.locked()


@pytest.mark.parametrize("on", [True, False])
async def test_the_collector_waits_for_the_thread(on: bool):
    """No collection of cycles begins while any of two threads is at work; afterwards it is on or off as before."""
    first_begins, first_ends, states = threading.Event(), threading.Event(), []

    def first() -> None:
        states.append(gc.isenabled())
        first_begins.set()
        assert first_ends.wait(PATIENCE_S)

    def second() -> None:
        states.append(gc.isenabled())

    was_on = gc.isenabled()
    try:
        gc.enable() if on else gc.disable()
        under_way = asyncio.create_task(in_thread(first))
        await asyncio.to_thread(first_begins.wait, PATIENCE_S)
        await in_thread(second)
        states.append(gc.isenabled())
        first_ends.set()
        await under_way
        assert gc.isenabled() is on
        with pytest.raises(ZeroDivisionError):
            await in_thread(lambda: 1 / 0)
        assert gc.isenabled() is on
    finally:
        gc.enable() if was_on else gc.disable()
    assert states == [False, False, False]


async def test_a_plan_over_many_names_collects_no_cycles(api: Any, lab: Lab):
    """Each full collection would stop the whole process for as long as it takes to look at every name."""
    names_asked(lab, 20_000)
    full: list[str] = []

    def seen(phase: str, about: dict[str, int]) -> None:
        if about["generation"] == 2:
            full.append(phase)

    await api("plan", change=WANTED)  # imports
    gc.collect()
    gc.callbacks.append(seen)
    try:
        assert (await api("plan", change=WANTED))[0] == 200
        assert (await api("drift", outside=False))[0] == 200
    finally:
        gc.callbacks.remove(seen)
    assert full == []


def test_the_plan_says_that_counts_are_incomplete(office: Office):
    """What was dropped is no "0 queries": plan, gate and drift say what is missing and why."""
    office.counts._most = 50
    for number in range(60):
        office.clock.moment += 1
        office.ask(f"n{number}.example")
        office.counts._close_bucket(office.clock.moment)
    plan = office.control.plan(clean_up())
    data = plan.as_data()
    used = next(each for each in data["usage"] if each["name"] == AUTOLOGON)
    assert (used["resolutions"], used["in_use"]) == (None, True)
    assert "the oldest were dropped" in used["gap"]
    answer = data | {"gate": office.control.judge(plan).as_data()}
    assert "the oldest were dropped" in plan_text(msgspec.convert(answer, PlanAnswer))
    said = [each.text for each in office.control.judge(plan).obstacles if each.rule == "in-use"]
    assert any("the oldest were dropped" in text for text in said)
    found: list[DriftFinding] = [each for each in office.control.detect_drift() if each.kind == "counts-incomplete"]
    assert ["the oldest were dropped" in each.text for each in found] == [True]
    drift = Drift(findings=(), locks={}, inventory_completeness=0.5, uncounted=office.control.explain_uncounted())
    assert "as far as they were counted" in drift_text(drift)


def large_zone(names: int) -> Zone:
    """A zone with so many names."""
    origin = to_name("large.example")
    rrsets = [
        RRset(to_name(f"n{number}.large.example"), A, 300, to_rdatas(("192.0.2.1",), A, origin))
        for number in range(names)
    ]
    servers = {"name_server": to_name("ns.lab.invalid"), "contact": to_name("h.lab.invalid")}
    return Zone.build(origin, ttl=300, negative_ttl=60, rrsets=rrsets, **servers)


async def test_nothing_of_a_large_zone_is_done_on_the_loop(api: Any, lab: Lab):
    """Zones with 20,000 record sets are loaded, shown and changed; no pause of the loop that is due to computing."""
    zone = await asyncio.to_thread(large_zone, 20_000)
    lab.zones.change(lambda zones: zones.with_zone(zone))
    began, mark = time.monotonic(), lab.trace.last_seq
    status, shown = await api("zones")
    assert status == 200
    assert len(to_data(lab.zones.current)["zones"]) == len(shown["zones"]["zones"])
    assert (await api("plan", change=WANTED))[0] == 200
    assert (await api("adopt", by="ann"))[0] == 200
    assert (await api("apply", change=WANTED))[0] == 200
    assert (await api("rollback", by="ann"))[0] == 200
    took = time.monotonic() - began
    pauses = [record.event for record in lab.trace.since(mark) if isinstance(record.event, LabPaused)]
    # On the loop it would be most of the time. A collection of garbage, or a thread with the GIL, is a part of it.
    assert sum(event.cpu_s for event in pauses if isinstance(event, LabPaused)) < took / 3

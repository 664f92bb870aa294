"""All ways to change zones, interleaved at every await: ledger and zones agree, and no acknowledged change is lost."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from conftest_ops import AUTOLOGON, LOGIN, StillClock, change, yes
from dns.rdatatype import A
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ssosim.changes.approvals import load_policy
from ssosim.changes.change import Change
from ssosim.changes.inventory import Inventory
from ssosim.changes.ledger import LedgerEntry
from ssosim.changes.operations import Operation, PutRecords, RemoveName, apply_operations
from ssosim.changes.overlay import overlay
from ssosim.changes.snapshot import from_data, to_data
from ssosim.dns import ZoneSet, ZoneStore, put_rrset, remove_name, zones_of
from ssosim.dns.recursion import Question
from ssosim.dns.server.query_counts import QueryCounts
from ssosim.dns.zones.rrset import to_name
from ssosim.estate import DnsResolver, default_estate
from ssosim.faults import ActiveFaults
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.lab.control import counting_backend, dns_handlers
from ssosim.lab.control.dns_handlers import DnsHandlers
from ssosim.lab.control.fault_handlers import apply_fault, undo_faults
from ssosim.trace import Trace

VIEWS = ("canary", "early", "everybody")
NAMES = ("n0.microsoft.com", "n1.microsoft.com", "n2.microsoft.com")
STRAYS = ("stray0.microsoft.com", "stray1.microsoft.com")
RELAY = "127.9.9.9"
ESTATE = msgspec.structs.replace(
    default_estate(),
    resolvers=tuple(DnsResolver(name=view, address=f"10.10.0.{60 + n}") for n, view in enumerate(VIEWS)),
)
INITIAL = zones_of(ESTATE)
TREE = to_data(put_rrset(zones_of(default_estate()), "loaded.microsoft.com", "A", ["192.0.2.200"]))
FAULTS = (
    {"fault": "name-removed", "name": AUTOLOGON},
    {"fault": "name-removed", "name": NAMES[0]},
    {"fault": "ttl-changed", "name": NAMES[1], "ttl": 7},
    {"fault": "wrong-address", "name": LOGIN},
)


class Pauses:
    """The awaits of all that is under way; each goes on when it is chosen."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(Workers(self))
        self.waiting: list[asyncio.Future[None]] = []

    async def pause(self) -> None:
        """Wait to be chosen."""
        future: asyncio.Future[None] = self.loop.create_future()
        self.waiting.append(future)
        await future

    def go_on(self, which: int) -> None:
        """Let one go on to its next await."""
        self.waiting.pop(which % len(self.waiting)).set_result(None)
        self.settle()

    def settle(self) -> None:
        """Let everything come to its next await."""
        for _ in range(12):
            self.loop.run_until_complete(asyncio.sleep(0))


class Workers(ThreadPoolExecutor):
    """Threads that are none: their work is done when it is chosen, and whoever waits for it goes on then."""

    def __init__(self, pauses: Pauses) -> None:
        super().__init__(1)
        self._pauses = pauses

    def submit(self, work: Callable[..., Any], /, *words: Any, **more: Any) -> Future[Any]:  # type: ignore[override]
        """Work that waits to be chosen."""
        done: Future[Any] = Future()

        def do(_: Any) -> None:
            try:
                done.set_result(work(*words, **more))
            except BaseException as error:  # noqa: BLE001 - it is for whoever waits
                done.set_exception(error)

        chosen: asyncio.Future[None] = self._pauses.loop.create_future()
        chosen.add_done_callback(do)
        self._pauses.waiting.append(chosen)
        return done


class Request:
    """A request to the control API whose body arrives when it is chosen."""

    def __init__(self, pauses: Pauses, action: str, body: dict[str, Any]) -> None:
        self.method = "GET" if action == "zones" else "POST"
        self.path = f"/v1/dns/{action}"
        self._pauses, self._body = pauses, body

    async def read(self) -> bytes:
        """The body."""
        await self._pauses.pause()
        return json.dumps(self._body).encode()


class NoServer:
    """Stands where a relay would listen."""

    sockets = (SimpleNamespace(getsockname=lambda: (RELAY, 443)),)

    def close(self) -> None:
        """Nothing to close."""

    async def wait_closed(self) -> None:
        """Nothing to wait for."""


def lab_without_sockets() -> Any:
    """The parts of a lab that the DNS handlers need."""
    store = ZoneStore(INITIAL)
    clock = StillClock()
    trace = Trace()
    return SimpleNamespace(
        estate=ESTATE,
        zones=store,
        clock=clock,
        trace=trace,
        query_counts=QueryCounts(clock),
        faults=ActiveFaults(store, trace),
        last_known_good=INITIAL,
        resolvers={view: SimpleNamespace(override=None) for view in VIEWS},
        network=SimpleNamespace(allocate_backend_address=lambda: RELAY, in_namespace=True),
        client_addresses=SimpleNamespace(register=lambda *_: None),
        endpoint=lambda address, port: (address, port),
        service_ports=lambda _=None: {443: True},
        set_endpoint=lambda *_: None,
    )


def replayed(entries: tuple[LedgerEntry, ...]) -> ZoneSet:
    """What the ledger's entries make of the initial zones, operation by operation."""
    start, zones = INITIAL, INITIAL
    standing: list[tuple[int, tuple[Operation, ...]]] = []
    for entry in entries:
        made = msgspec.convert(entry.change, Change) if entry.change is not None else None
        if entry.action == "load":
            start, standing = overlay(zones, from_data(TREE)), []
        elif entry.action == "apply":
            assert made is not None
            standing.append((entry.number, made.operations))
        elif entry.action == "rollback":
            undone = entries[(entry.undoes or 0) - 1]
            if getattr(entry, "complete", False) or entry.after == undone.before:
                standing = [each for each in standing if each[0] != entry.undoes]
            else:
                written = msgspec.convert(undone.change, Change).rollback_operations
                standing.append((undone.number, written))
        zones = start
        for _, operations in standing:
            zones = apply_operations(zones, operations)
    return zones


def without_strays(zones: ZoneSet) -> ZoneSet:
    """``zones`` without what was done to them behind everybody's back."""
    for name in STRAYS:
        if zones.find(name, A) is not None:
            zones = remove_name(zones, name)
    return zones


class Interleavings(RuleBasedStateMachine):
    """Operations begin at any time and each goes on when it is chosen."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses = pauses = Pauses()
        self.folder = Path(tempfile.mkdtemp())
        self.lab = lab_without_sockets()
        self.patch = pytest.MonkeyPatch()

        class SlowProber:
            """Sees nothing wrong, after a while."""

            def __init__(self, _: Any) -> None: ...

            async def observe(self, *_: Any) -> tuple[()]:
                await pauses.pause()
                return ()

        class SlowAsyncio:
            """asyncio but for servers, which start after a while."""

            def __getattr__(self, name: str) -> Any:
                return getattr(asyncio, name)

            async def start_server(self, *_: Any) -> NoServer:
                await pauses.pause()
                return NoServer()

        self.patch.setattr(dns_handlers, "EndpointProber", SlowProber)
        self.patch.setattr(counting_backend, "asyncio", SlowAsyncio())
        self.handlers = DnsHandlers(self.lab, self.folder / "dns")
        self.handlers.control.policy = load_policy("feb-2025")
        self.handlers.control.inventory = Inventory()
        self.running: list[asyncio.Task[None]] = []
        self.number = 0
        self.applied: set[str] = set()
        self.refused: set[str] = set()
        self.rolled_back: list[str] = []
        self.staged: dict[str, Change] = {}
        self.taking_back = 0  # requests that may have removed a staged change, and have not been answered yet
        self.broken: set[int] = set()

    def teardown(self) -> None:
        """Everything comes to its end; then all that must hold does."""
        try:
            while self.waiting():
                self.pauses.go_on(0)
            assert all(task.done() for task in self.running), "somebody waits for ever"
            for task in self.running:
                task.result()
            self.everything_holds()
        finally:
            for task in self.running:
                task.cancel()
            self.pauses.settle()
            self.pauses.loop.close()
            self.patch.undo()
            shutil.rmtree(self.folder)

    def waiting(self) -> bool:
        """Whether something is under way."""
        return bool(self.pauses.waiting)

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """From now on it is under way."""
        self.running.append(self.pauses.loop.create_task(work))
        self.pauses.settle()

    async def ask(self, action: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """The response to a request; None for a refusal."""
        try:
            answer = await self.handlers.handle(Request(self.pauses, action, body))  # type: ignore[arg-type]
        except (LabError, LabInputError):
            return None
        assert answer.text is not None
        return json.loads(answer.text) if answer.status == 200 else None

    def a_change(self, *operations: Operation, **more: Any) -> Change:
        """An emergency, so that the drift that others leave does not stop it."""
        self.number += 1
        title = f"change {self.number}"
        return change(*operations, title=title, urgency="emergency", incident="INC-7", **more)

    async def applying(self, wanted: Change, *, planned: bool) -> None:
        """Plan it if asked to, apply it, and remember what was said."""
        plan = await self.ask("plan", {"change": msgspec.to_builtins(wanted)}) if planned else None
        if planned and plan is None:
            return
        token = plan["plan"] if plan else self.handlers.control.plan(wanted).token
        body = {
            "change": msgspec.to_builtins(wanted),
            "plan": token if planned else None,
            "approvals": [each.as_data() for each in yes(token, "ann", "ben")],
            "executors": ["ann", "ben"],
        }
        done = await self.ask("apply", body)
        if done is None:
            self.refused.add(wanted.title)
        elif done["action"] == "staged":
            self.staged[wanted.title] = wanted
        else:
            self.applied.add(wanted.title)

    @rule(name=st.sampled_from(NAMES), planned=st.booleans())
    def apply(self, name: str, planned: bool) -> None:
        """A change of a name that others change too; with the token of a plan, or without."""
        value = f"192.0.2.{self.number + 1}"
        put = PutRecords(name=name, type="A", values=(value,))
        wanted = self.a_change(put, rollback_operations=(RemoveName(name=name),))
        self.begin(self.applying(wanted, planned=planned))

    @rule(views=st.lists(st.sampled_from(VIEWS), min_size=1, max_size=2, unique=True))
    def stage(self, views: list[str]) -> None:
        """A change in some views."""
        name = f"view{self.number}.microsoft.com"
        wanted = self.a_change(PutRecords(name=name, type="A", values=("192.0.2.77",)), views=tuple(views))
        self.begin(self.applying(wanted, planned=True))

    @rule(number=st.none() | st.integers(1, 4), as_written=st.booleans())
    def roll_back(self, number: int | None, as_written: bool) -> None:
        """Take back the last, or one of those before."""

        async def work() -> None:
            self.taking_back += number is None
            done = await self.ask("rollback", {"number": number, "as_written": as_written, "by": "ann"})
            self.taking_back -= number is None
            if done is not None and done["action"] == "taken back":
                del self.staged[done["title"]]
            elif done is not None:
                self.rolled_back.append(done["title"])

        self.begin(work())

    @rule()
    def begin_substitution(self) -> None:
        """Counting backends."""
        wanted = self.a_change(RemoveName(name=LOGIN))
        self.begin(self.quietly("substitutions", change=msgspec.to_builtins(wanted)))

    @rule()
    def end_substitution(self) -> None:
        """Their end."""
        self.begin(self.quietly("substitutions/finish"))

    @rule(action=st.sampled_from(("zones", "drift", "adopt", "settings", "load")))
    def other(self, action: str) -> None:
        """The other actions of the DNS handlers."""
        policy = msgspec.to_builtins(load_policy("feb-2025"))
        bodies: dict[str, dict[str, Any]] = {
            "adopt": {"by": "ann"},
            "load": {"zones": TREE},
            "settings": {"policy": policy},
        }
        self.begin(self.quietly(action, **bodies.get(action, {})))

    async def quietly(self, action: str, **body: Any) -> None:
        """Ask, whatever is said."""
        await self.ask(action, body)

    @rule(fault=st.sampled_from(FAULTS))
    def begin_fault(self, fault: dict[str, Any]) -> None:
        """Something breaks."""

        async def work() -> None:
            await self.pauses.pause()
            self.broken.add(apply_fault(self.lab.faults, default_estate(), fault)["id"])

        self.begin(self.refusable(work))

    @rule(which=st.sampled_from(("1", "2", "3", "all")))
    def end_fault(self, which: str) -> None:
        """Something is mended."""

        async def work() -> None:
            await self.pauses.pause()
            self.broken -= {each["id"] for each in undo_faults(self.lab.faults, which)["undone"]}

        self.begin(self.refusable(work))

    async def refusable(self, work: Callable[[], Awaitable[None]]) -> None:
        """It is done or refused."""
        try:
            await work()
        except (LabError, LabInputError):
            return

    @rule(name=st.sampled_from(STRAYS))
    def drift(self, name: str) -> None:
        """Somebody changes a record behind everybody's back."""
        self.lab.zones.change(lambda zones: put_rrset(zones, name, "A", ["203.0.113.9"]))

    @precondition(waiting)
    @rule(which=st.lists(st.integers(0, 5), min_size=1, max_size=8))
    def go_on(self, which: list[int]) -> None:
        """Those under way go on, each to its next await, in the order that is chosen."""
        for each in which:
            if self.waiting():
                self.pauses.go_on(each)

    @precondition(waiting)
    @rule()
    def come_to_the_end(self) -> None:
        """All that is under way ends, in the order in which it waits."""
        while self.waiting():
            self.pauses.go_on(0)

    @invariant()
    def the_ledger_tells_the_zones(self) -> None:
        """Replayed from the initial zones it gives what is in force, faults and strays aside."""
        entries = self.handlers.control.ledger.entries()
        known = without_strays(replayed(entries))
        unbroken = self.lab.faults.unbroken()
        if self.handlers._substitution is None:
            assert without_strays(unbroken) == known
        if entries:
            assert without_strays(self.handlers.control.ledger.zones(entries[-1].after)) == known

    @invariant()
    def the_acknowledged_is_there(self) -> None:
        """Every change that somebody was told of is in the ledger, in its views, in force; the refused nowhere."""
        entries = self.handlers.control.ledger.entries()
        titles = [entry.title for entry in entries if entry.action == "apply"]
        assert self.applied <= set(titles)
        assert len(titles) == len(set(titles))
        assert not self.refused & set(titles)
        undone = [entry.title for entry in entries if entry.action == "rollback"]
        assert all(undone.count(title) >= self.rolled_back.count(title) for title in self.rolled_back)
        assert self.broken <= {each.id for each in self.lab.faults.active}
        missing = [f"{each.title} in {view}" for each in self.staged.values() for view in self.views_without(each)]
        assert len({text.partition(" in ")[0] for text in missing}) <= self.taking_back, (
            f"not shown any more: {missing}"
        )

    def views_without(self, staged: Change) -> list[str]:
        """The views of a staged change in which it is not shown."""
        put = staged.operations[0]
        assert isinstance(put, PutRecords)
        overrides = {view: self.lab.resolvers[view].override for view in staged.views}
        question = Question(to_name(put.name), A)
        return [view for view, override in overrides.items() if override is None or override(question) is None]

    def everything_holds(self) -> None:
        """When nothing is broken, staged or substituted any more, the zones are the ledger's."""
        self.the_ledger_tells_the_zones()
        self.the_acknowledged_is_there()
        self.begin(self.quietly("substitutions/finish"))
        while self.waiting():
            self.pauses.go_on(0)
        self.lab.faults.undo_all()
        self.the_ledger_tells_the_zones()
        assert without_strays(self.lab.zones.current) == without_strays(
            replayed(self.handlers.control.ledger.entries())
        )


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)

"""Play a scenario on a running lab in real time: its faults phase by phase, and verdicts on clients that sign in.

The scenario's own clients do not play; the caller starts the client under test. A phase lasts until the caller advances
to the next one. With a ``speed``, which is scenario seconds per real second, it lasts as long as the scenario defines.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import msgspec

from ssosim.estate.toml import TomlMistakeError
from ssosim.faults import AnyFault, FaultError
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.lab.control.fault_handlers import list_faults
from ssosim.lab.core.lab import Lab
from ssosim.scenario.fitting import fit_faults
from ssosim.scenario.loader import catalogue, convert_scenario, list_shipped_names, load_scenario
from ssosim.scenario.model import Scenario
from ssosim.scenario.phases import PhaseFaults
from ssosim.trace import (
    ClientEvent,
    DnsAnswered,
    FaultUndone,
    LabEvent,
    LabPaused,
    PhaseStarted,
    Record,
    SignInsStarted,
    split_columns,
)
from ssosim.verdict.by_kind import RecordsByKind
from ssosim.verdict.clients import LAB_COMMANDS, describe_unknown_client
from ssosim.verdict.expectations import Expectation, check
from ssosim.verdict.judge import Verdict, judge
from ssosim.verdict.measures import Measures, find_last_before, measure
from ssosim.verdict.status import decide_status, is_idle
from ssosim.verdict.steps import is_on_the_wire

if TYPE_CHECKING:  # only a plan of a DNS change needs them
    from ssosim.changes.plan import Plan
    from ssosim.changes.risk import Reason

__all__ = ["LiveScenarioHandlers"]

_MAX_SPEED = 1e6
_MAX_RECORDS_ON_LOOP = 5000


class LiveScenarioHandlers:
    """The handlers of the control API for verdicts and scenarios; see ``ssosim.lab.control.injected_handlers``."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._playing: _RunningScenario | None = None

    async def verdicts(self, client: str | None, since: int, expected: Expectation | None = None) -> dict[str, Any]:
        """Judge ``client``, or all clients, from the records after record number ``since``.

        Times count from record ``since`` if it exists, else from the client's first record. Records that are added
        during the call are not used; the lab goes on meanwhile. ``expected`` is compared with each verdict. Raises
        LabInputError for a client that the trace does not have.
        """
        trace = self._lab.trace
        if 0 < since < trace.dropped or (expected is not None and since < trace.dropped):
            raise LabInputError(
                f"records up to number {trace.dropped} were dropped from memory, so there is no verdict from record "
                f"{since} on; a larger SSOSIM_TRACE_RECORDS keeps more"
            )
        seen = _Seen(since, client)
        last = self._lab.trace.last_seq
        for part in split_columns(self._lab.trace.columns(max(0, since - 1))):
            seen.read(part)
            await asyncio.sleep(0)
        if seen.needs_earlier:
            for part in split_columns(self._lab.trace.columns(0)):
                seen.read_earlier(part)
                await asyncio.sleep(0)
        verdicts = []
        for name in seen.names():
            judged = await _judge_beside_loop(name, seen)
            verdicts.append({"client": name} | _as_data(*judged, expected))
        return {"verdicts": verdicts, "last_seq": last}

    def forecast_reasons(self, plan: Plan) -> tuple[Reason, ...]:
        """Forecast what ``plan`` does to clients, as reasons of its risk; none where the estate cannot be played."""
        from ssosim.lab.base.folder import ensure_cache_folder  # noqa: PLC0415 - a lab is ready sooner without these
        from ssosim.lab.base.signing_keys import load_signing_keys  # noqa: PLC0415
        from ssosim.scenario.forecast import forecast_change, forecast_reasons  # noqa: PLC0415

        estate = self._lab.estate
        forecasts = forecast_change(
            plan.before,
            plan.reached,
            estate,
            lambda: load_signing_keys(estate, ensure_cache_folder()),
            plan.blast.names,
            views=plan.change.views,
        )
        return forecast_reasons(forecasts)

    def scenarios(self) -> dict[str, Any]:
        """Return the scenarios of the catalogue, each with its phases."""
        found = [{"name": each.name, "title": each.title, "phases": _names(each)} for each in catalogue()]
        return {"scenarios": found}

    def begin(self, body: dict[str, Any]) -> dict[str, Any]:
        """Start the first phase of a scenario: of the catalogue's ``name``, or a complete one given as ``scenario``."""
        scenario, speed = _scenario_of(body), _speed_of(body)
        if self._playing is not None and not self._playing.ended:
            raise LabError(f"the scenario {self._playing.scenario.name!r} is under way: end it first")
        if scenario.resolvers and not self._lab.estate.resolvers:
            raise LabError(f"{scenario.name}: wants resolvers, of which this lab has none; play it with ssosim run")
        fitted = _scale_time_limits(fit_faults(scenario, self._lab.estate), speed or 1.0)
        playing = _RunningScenario(self._lab, fitted, speed)
        try:
            playing.advance()
        except FaultError as error:
            raise LabError(f"{scenario.name}: {error}") from error
        self._playing = playing
        return playing.as_data()

    def current(self) -> dict[str, Any] | None:
        """Return the state of the scenario that was started; None if there is none."""
        return None if self._playing is None else self._playing.as_data()

    def advance(self) -> dict[str, Any]:
        """Start the next phase; after the last one, end the scenario and undo its faults."""
        playing = self._playing
        if playing is None or playing.ended:
            raise LabError("no scenario is under way: begin one first")
        try:
            playing.advance()
        except FaultError as error:
            playing.finish()
            raise LabError(f"{playing.scenario.name}: {error}; its faults are undone") from error
        return playing.as_data()

    def end(self) -> dict[str, Any]:
        """Stop the scenario and undo its faults."""
        playing, self._playing = self._playing, None
        if playing is None:
            raise LabError("no scenario is under way")
        playing.finish()
        return playing.as_data()


class _RunningScenario:
    """One scenario on a running lab. ``ended``: it is over, and all its faults are undone."""

    def __init__(self, lab: Lab, scenario: Scenario, speed: float | None) -> None:
        self.scenario = scenario
        self.ended = False
        self._lab = lab
        self._speed = speed
        self._faults = PhaseFaults(lab, scenario.seed)
        self._index = -1
        self._since = 0
        self._sign_in = 0
        self._problem = ""
        self._task: asyncio.Task[None] | None = None

    def advance(self) -> None:
        """Start the next phase. Raises FaultError if a fault does not fit; then the scenario ends."""
        self._stop_waiting()
        if self._index + 1 == len(self.scenario.phases):
            self.finish()
            return
        self._index += 1
        phase = self.scenario.phases[self._index]
        self._since, self._sign_in = self._lab.trace.last_seq, 0
        try:
            steps = self._faults.enter(phase)
        except FaultError:
            self.finish()
            raise
        self._lab.trace.record("", PhaseStarted(scenario=self.scenario.name, phase=phase.name))
        if phase.sign_in_at and phase.sign_in_at[0] == 0:
            self._start_sign_ins(0)
        later = [(at, partial(self._start_sign_ins, n)) for n, at in enumerate(phase.sign_in_at) if at > 0]
        # Stable: at the same time faults change before the sign-ins start.
        steps = sorted([*steps, *later], key=itemgetter(0))
        if steps or self._speed is not None:
            self._task = asyncio.create_task(self._run_steps(steps))

    def _start_sign_ins(self, number: int) -> None:
        """Record that the sign-ins with this number of the phase begin: verdicts and expectations are theirs now."""
        phase = self.scenario.phases[self._index]
        at = phase.sign_in_at[number]
        if at > 0:
            self._since = self._lab.trace.last_seq
        self._sign_in = number
        self._lab.trace.record("", SignInsStarted(scenario=self.scenario.name, phase=phase.name, sign_in_at=at))

    def finish(self) -> None:
        """End the scenario and undo all its faults."""
        self._stop_waiting()
        self._faults.change_to(())
        self.ended = True

    async def _run_steps(self, steps: Sequence[tuple[float, Callable[[], None]]]) -> None:
        """Run the steps of the phase at their times, and with a speed start the next phase at its time."""
        clock, speed = asyncio.get_running_loop().time, self._speed or 1.0
        began = clock()
        try:
            for after, act in steps:
                await asyncio.sleep(began + after / speed - clock())
                act()
            if self._speed is not None:
                await asyncio.sleep(began + self.scenario.duration_of(self._index) / speed - clock())
                self.advance()
        except FaultError as error:
            self._problem = str(error)
            self._lab.trace.record("", LabEvent(part="scenario", text=f"{self.scenario.name} stopped: {error}"))
            self.finish()

    def _stop_waiting(self) -> None:
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        self._task = None

    def as_data(self) -> dict[str, Any]:
        """Return the state for the control API; ``since`` is the number of the last record before the phase.

        In a phase with ``sign_in_at``, ``since`` and ``expect`` are of the present sign-in.
        """
        phase = self.scenario.phases[self._index]
        return {
            "name": self.scenario.name,
            "title": self.scenario.title,
            "state": "ended" if self.ended else "running",
            "speed": self._speed,
            "phases": _names(self.scenario),
            "phase": {
                "name": phase.name,
                "title": phase.title,
                "number": self._index + 1,
                "since": self._since,
                "sign_in_at": phase.sign_in_at[self._sign_in] if phase.sign_in_at else None,
                "expect": msgspec.to_builtins(phase.expected_at(self._sign_in)),
            },
            "problem": self._problem,
            **list_faults(self._lab.faults),
        }


class _Seen:
    """What a request for verdicts needs of the trace: of all clients, or of one of them."""

    def __init__(self, since: int, client: str | None) -> None:
        self.since = since
        self.client = client
        self.began: float | None = None
        self.records: dict[str, list[Record]] = {}
        self.before: dict[str, list[Record]] = {}
        self.pauses: list[Record] = []
        self.mended: list[float] = []
        self._others = set(LAB_COMMANDS)
        self._known: set[str] = set()

    def read(self, part: Iterable[tuple[int, float, ClientEvent]]) -> None:
        """Read events from record ``since`` on."""
        for seq, at, one in part:
            self._know(one)
            if seq == self.since:
                self.began = at
            elif seq < self.since:
                continue
            elif one.client and self.client in (None, one.client):
                self.records.setdefault(one.client, []).append(Record(seq, at, one.client, one.event))
            elif isinstance(one.event, LabPaused):
                self.pauses.append(Record(seq, at, one.client, one.event))
            elif isinstance(one.event, FaultUndone):
                self.mended.append(at)

    @property
    def needs_earlier(self) -> bool:
        """Whether a client sent nothing, so that what it met before is to be named, or is not known yet."""
        wanted = self.records if self.client is None else {self.client: self.records.get(self.client, [])}
        return any(not any(is_on_the_wire(record.event) for record in mine) for mine in wanted.values())

    def read_earlier(self, part: Iterable[tuple[int, float, ClientEvent]]) -> None:
        """Read events up to record ``since``."""
        for seq, at, one in part:
            self._know(one)
            if seq <= self.since and one.client and self.client in (None, one.client):
                self.before.setdefault(one.client, []).append(Record(seq, at, one.client, one.event))

    def names(self) -> list[str]:
        """Return the clients to judge. Raises LabInputError for a client that the trace does not have."""
        if self.client is None:
            return [name for name in self.records if name not in self._others]
        if self.client not in self._known:
            raise LabInputError(describe_unknown_client(self.client, self._known - self._others))
        return [self.client]

    def _know(self, one: ClientEvent) -> None:
        if one.client:
            self._known.add(one.client)
        if isinstance(one.event, DnsAnswered) and one.event.by:
            self._others.add(one.event.by)


async def _judge_beside_loop(name: str, seen: _Seen) -> tuple[Verdict, Measures]:
    """Judge and measure one client. Many records are judged in a thread, since a million records take seconds."""
    records, before = seen.records.get(name, []), seen.before.get(name, ())
    start = seen.began if seen.began is not None else records[0].at if records else 0.0

    def judge_and_measure() -> tuple[Verdict, Measures]:
        mine = RecordsByKind(records)
        verdict = judge(mine, start, seen.pauses, before)
        mended = find_last_before([at for at in seen.mended if at > start], verdict, start)
        return verdict, measure(mine, verdict, start, mended)

    if len(records) <= _MAX_RECORDS_ON_LOOP:
        await asyncio.sleep(0)
        return judge_and_measure()
    return await asyncio.to_thread(judge_and_measure)


def _as_data(verdict: Verdict, measures: Measures, expected: Expectation | None) -> dict[str, Any]:
    """Return a verdict with its measures for JSON, and whether it is as ``expected``."""
    broken = () if expected is None else check(expected, verdict, measures)
    data: dict[str, Any] = msgspec.to_builtins(verdict)
    data |= {"measures": msgspec.to_builtins(measures), "expected": msgspec.to_builtins(expected)}
    data |= {"broken": msgspec.to_builtins(broken), "as_expected": not broken}
    return data | {"status": decide_status(expected, broken, idle=is_idle(verdict.outcome, measures))}


def _scale_time_limits(scenario: Scenario, speed: float) -> Scenario:
    """Return ``scenario`` with the time limits of its faults in seconds of the lab: a second is ``speed`` of them."""

    def scale(faults: Sequence[AnyFault]) -> tuple[AnyFault, ...]:
        return tuple(
            fault if fault.for_s is None else msgspec.structs.replace(fault, for_s=fault.for_s / speed)
            for fault in faults
        )

    phases = []
    for phase in scenario.phases:
        steps = tuple(msgspec.structs.replace(step, faults=scale(step.faults)) for step in phase.steps)
        phases.append(msgspec.structs.replace(phase, faults=scale(phase.faults), steps=steps))
    return msgspec.structs.replace(scenario, phases=tuple(phases))


def _names(scenario: Scenario) -> list[str]:
    return [phase.name for phase in scenario.phases]


def _scenario_of(body: dict[str, Any]) -> Scenario:
    name, whole = body.get("name"), body.get("scenario")
    if (name is None) == (whole is None):
        raise LabInputError("expected either name (of a scenario of the catalogue) or scenario (a complete one)")
    if name is not None and name not in list_shipped_names():
        raise LabInputError(f"name {str(name)[:60]!r}: expected one of {', '.join(list_shipped_names())}")
    try:
        return load_scenario(name) if name is not None else convert_scenario(whole)
    except TomlMistakeError as error:
        raise LabInputError(str(error)) from error


def _speed_of(body: dict[str, Any]) -> float | None:
    speed = body.get("speed")
    if speed is None:
        return None
    if isinstance(speed, bool) or not isinstance(speed, int | float) or not (0 < speed <= _MAX_SPEED):
        raise LabInputError(f"speed {str(speed)[:40]}: expected a number above 0: scenario seconds in one real second")
    return speed if math.isfinite(speed) else None

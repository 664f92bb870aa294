"""The phases of a scenario in every way of playing: their faults over time, and the judged results."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter

import msgspec

from ssosim.estate import Estate
from ssosim.faults import AnyFault, FaultTarget, Undo
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.scenario.idle_faults import describe_idle_faults
from ssosim.scenario.model import Phase, Scenario, Step
from ssosim.scenario.program_runs import NOT_TIMED, ProgramTimes
from ssosim.scenario.rc4_findings import describe_rc4_use
from ssosim.trace import (
    NO_FIRST_STEPS,
    FaultUndone,
    FirstSteps,
    LastStepDeclared,
    Record,
    SignInsStarted,
    SignInStep,
    Trace,
)
from ssosim.verdict.by_kind import RecordsByKind
from ssosim.verdict.expectations import BrokenExpectation, Expectation, check
from ssosim.verdict.judge import Verdict, judge
from ssosim.verdict.measures import NOTHING_MEASURED, Measures, find_last_before, measure
from ssosim.verdict.outcome import Outcome
from ssosim.verdict.pauses import select_pauses
from ssosim.verdict.status import Status, combine_statuses, decide_status, is_idle
from ssosim.verdict.steps import ON_THE_WIRE

__all__ = [
    "ClientVerdict",
    "PhaseFaults",
    "Playback",
    "begin_sign_ins",
    "declare_last_steps",
    "describe_phase",
    "find_rest_of_phase",
    "judge_phase",
    "run_actions",
]


@dataclass(frozen=True, slots=True)
class ClientVerdict:
    """The verdict on one client in one phase, with what was expected (None: nothing) and measures.

    ``decided_s`` is for programs only: real seconds from the program's start to the decision. ``sign_in_at``: which
    sign-in of the phase, in seconds from its start; None for a phase without ``sign_in_at``.
    """

    phase: str
    client: str
    verdict: Verdict
    expected: Expectation | None
    measures: Measures = NOTHING_MEASURED
    decided_s: float | None = None
    sign_in_at: float | None = None

    @property
    def broken(self) -> tuple[BrokenExpectation, ...]:
        """The parts of the expectation that do not hold."""
        return () if self.expected is None else check(self.expected, self.verdict, self.measures)

    @property
    def as_expected(self) -> bool:
        """Whether all that is expected holds, or nothing is expected."""
        return not self.broken


@dataclass(frozen=True, slots=True)
class Playback:
    """A scenario that was played, with its results.

    ``notes`` are sentences about phases, by their names, such as about faults that touched nothing. ``left_out`` are
    the clients that did not play since the estate lacks what they need, each with the reason.
    """

    scenario: Scenario
    results: tuple[ClientVerdict, ...]
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> Status:
        """``passed``, ``failed``, or ``not-judged`` if no outcome was expected of any client."""
        return combine_statuses(
            decide_status(each.expected, each.broken, idle=is_idle(each.verdict.outcome, each.measures))
            for each in self.results
        )

    @property
    def as_expected(self) -> bool:
        """Whether all that is expected of the clients holds.

        Raises LabInputError where nothing is expected of any client: a check of that could not fail.
        """
        if not any(result.expected for result in self.results):
            raise LabInputError(
                f"as_expected: {self.scenario.name} expects nothing of any client that played, so nothing could fail; "
                "give its phases or clients an `expect`"
            )
        return all(result.as_expected for result in self.results)

    def share(self, phase: str, outcome: Outcome = Outcome.SILENT, *, sign_in_at: float | None = None) -> float | None:
        """Return the share of the scenario's mix, from 0 to 1, with ``outcome`` in ``phase``; None without a mix.

        ``sign_in_at`` says which sign-in, if the phase has several. Raises KeyError if it has none at that time.
        """
        weights = {client.name: client.weight for client in self.scenario.clients if client.weight > 0}
        here = [result for result in self._select(phase, sign_in_at) if result.client in weights]
        whole = sum(weights[result.client] for result in here)
        return sum(weights[r.client] for r in here if r.verdict.outcome is outcome) / whole if whole else None

    def result(self, phase: str, client: str, sign_in_at: float | None = None) -> ClientVerdict:
        """Return the result of ``client`` in ``phase``; ``sign_in_at`` says which sign-in, if there are several.

        Raises KeyError if there is none, or if the phase has several sign-ins and none was chosen.
        """
        for result in self._select(phase, sign_in_at):
            if result.client == client:
                return result
        raise KeyError((phase, client))

    def _select(self, phase: str, sign_in_at: float | None) -> list[ClientVerdict]:
        """Return the results of one sign-in of ``phase``."""
        here = [result for result in self.results if result.phase == phase]
        times = {result.sign_in_at for result in here}
        if sign_in_at is None and len(times) > 1:
            raise KeyError(f"{phase} has several sign-ins: choose one by sign_in_at")
        if sign_in_at is not None and here and sign_in_at not in times:
            raise KeyError(f"{phase} has no sign-in at {sign_in_at:g}")
        return [result for result in here if sign_in_at in (None, result.sign_in_at)]


class PhaseFaults:
    """The faults in force while the scenario plays."""

    def __init__(self, lab: FaultTarget, seed: int) -> None:
        self._lab = lab
        self._seed = seed
        self._undos: list[Undo] = []

    def enter(self, phase: Phase) -> list[tuple[float, Callable[[], None]]]:
        """Replace the previous phase's faults by those of ``phase`` and of its steps at 0; return the other steps."""
        self.change_to(phase.faults)
        steps = self.steps(phase)
        run_actions(steps, 0.0)
        return steps

    def change_to(self, faults: Sequence[AnyFault]) -> None:
        """Replace the faults in force by ``faults``, without an await in between, so that no query sees neither."""
        for undo in reversed(self._undos):
            undo()
        self._undos = self._apply_all(faults)

    def _apply_all(self, faults: Sequence[AnyFault]) -> list[Undo]:
        """Apply ``faults`` and return how to undo them; raises FaultError if one does not fit, and applies none."""
        with contextlib.ExitStack() as undoing:
            undos = []
            for fault in faults:
                undos.append(self._apply(fault))
                undoing.callback(undos[-1])
            undoing.pop_all()
        return undos

    def _apply(self, fault: AnyFault) -> Undo:
        """Apply ``fault``; its random numbers start from the sum of the scenario's seed and its own."""
        own = getattr(fault, "seed", None)
        if self._seed and isinstance(own, int):
            fault = msgspec.structs.replace(fault, seed=own + self._seed)
        return fault.apply(self._lab)

    def steps(self, phase: Phase) -> list[tuple[float, Callable[[], None]]]:
        """Return the actions within ``phase``, each with its seconds from the start. Undoing comes before applying."""
        found: list[tuple[float, int, Callable[[], None]]] = []
        for step in phase.steps:
            undos: list[Undo] = []
            found.append((step.at, 1, partial(self._apply_step, step, undos)))
            if step.until is not None:
                found.append((step.until, 0, partial(self._undo_step, undos)))
        return [(after, act) for after, _, act in sorted(found, key=itemgetter(0, 1))]

    def _apply_step(self, step: Step, undos: list[Undo]) -> None:
        undos += self._apply_all(step.faults)
        self._undos += undos

    def _undo_step(self, undos: list[Undo]) -> None:
        for undo in reversed(undos):
            undo()
        self._undos = [undo for undo in self._undos if undo not in undos]


def declare_last_steps(scenario: Scenario, trace: Trace) -> None:
    """Record which step completes the sign-in of each client for which it is not a token."""
    for client in scenario.clients:
        if client.last_step is not None:
            trace.record(client.name, LastStepDeclared(last_step=SignInStep(client.last_step)))


def find_rest_of_phase(phase: Phase, at: float) -> Phase:
    """Return ``phase`` as it goes on ``at`` seconds after its start, as a phase that starts then.

    Limits of faults to a number of messages count anew.
    """
    steps = []
    for step in phase.steps:
        if step.until is None or step.until > at:
            faults = _find_rest_of_faults(step.faults, at - step.at) if step.at < at else step.faults
            until = None if step.until is None else step.until - at
            steps.append(Step(at=max(0.0, step.at - at), until=until, faults=faults))
    return msgspec.structs.replace(phase, faults=_find_rest_of_faults(phase.faults, at), steps=tuple(steps))


def _find_rest_of_faults(faults: Sequence[AnyFault], since: float) -> tuple[AnyFault, ...]:
    """Return those of ``faults`` that are still in force after ``since`` seconds, each with the time that is left."""
    if since <= 0:
        return tuple(faults)
    return tuple(
        fault if fault.for_s is None else msgspec.structs.replace(fault, for_s=fault.for_s - since)
        for fault in faults
        if fault.for_s is None or fault.for_s > since
    )


def begin_sign_ins(
    scenario: Scenario,
    phase: Phase,
    at: float,
    actions: list[tuple[float, Callable[[], None]]],
    trace: Trace,
    mark: int,
) -> int:
    """Begin the sign-ins ``at`` seconds after the start of ``phase``: its actions up to then, and their records.

    Returns the number of the last trace record before them. For the first sign-ins it is ``mark``, from before the
    phase's faults.
    """
    if at > 0:
        mark = trace.last_seq
        run_actions(actions, at)
    if phase.sign_in_at:
        trace.record("", SignInsStarted(scenario=scenario.name, phase=phase.name, sign_in_at=at))
    declare_last_steps(scenario, trace)
    return mark


def describe_phase(scenario: Scenario, phase: Phase, records: Sequence[Record], estate: Estate) -> tuple[str, ...]:
    """Return the notes about a phase from its records: faults that touched nothing, accounts that still use RC4.

    Of the first phase also that resolvers of the scenario are not used: ``estate`` is that of the lab.
    """
    names = [client.name for client in scenario.clients]
    records = RecordsByKind.of(records)
    unused = _describe_unused_resolvers(scenario, estate) if phase.name == scenario.phases[0].name else ()
    return (*unused, *describe_idle_faults(phase, names, records), *describe_rc4_use(records))


def _describe_unused_resolvers(scenario: Scenario, estate: Estate) -> tuple[str, ...]:
    wanted, used = (
        {each.name: msgspec.structs.replace(each, address="") for each in resolvers}  # it may have got another one
        for resolvers in (scenario.resolvers, estate.resolvers)
    )
    if not wanted or wanted == used:
        return ()
    instead = f"has its own, {', '.join(used)}" if used else "has none"
    return (f"the resolvers of the scenario, {', '.join(wanted)}, were not used: the lab {instead}",)


def run_actions(actions: list[tuple[float, Callable[[], None]]], until: float) -> None:
    """Remove and call the ``actions`` of a phase up to ``until``, in seconds from its start."""
    while actions and actions[0][0] <= until:
        actions.pop(0)[1]()


def judge_phase(
    scenario: Scenario,
    phase: Phase,
    trace: Trace,
    mark: int,
    times: Mapping[str, ProgramTimes] = NOT_TIMED,
    *,
    sign_in: int = 0,
    first_steps: FirstSteps = NO_FIRST_STEPS,
) -> list[ClientVerdict]:
    """Judge sign-in number ``sign_in`` of all clients in ``phase``, from the records after record number ``mark``.

    ``times`` are the times of the programs, by client name. ``first_steps`` maps a host to the step at which a name
    without an address fails.
    """
    if mark < trace.dropped:
        raise LabError(
            f"phase {phase.name!r} made more records than fit into memory, so it cannot be judged; "
            "set SSOSIM_TRACE_RECORDS to a larger number"
        )
    records = RecordsByKind(trace.since(mark))
    at = phase.sign_in_at[sign_in] if phase.sign_in_at else None
    began = phase.start.timestamp() + (at or 0.0)
    period = "phase" if at is None else "attempt"
    own: dict[str, list[Record]] = {client.name: [] for client in scenario.clients}
    for record in records:
        if record.client in own:
            own[record.client].append(record)
    by_client = {name: RecordsByKind(mine) for name, mine in own.items()}
    before: dict[str, list[Record]] = {}
    if not all(mine.select(*ON_THE_WIRE) for mine in by_client.values()):
        for record in trace.up_to(mark):
            if record.client in own:
                before.setdefault(record.client, []).append(record)
    pauses = select_pauses(records)
    after_programs = max((each.last_seq for each in times.values()), default=0)
    mended = [record.at for record in records.select(FaultUndone) if record.at > began and record.seq > after_programs]
    undone_for = {name: [began + (each.undone or 0.0)] for name, each in times.items()}
    return [
        ClientVerdict(
            phase.name,
            client.name,
            (verdict := judge(by_client[client.name], began, pauses, before.get(client.name, ()), period)),
            phase.expected_of(client, scenario.name, sign_in),
            measure(
                by_client[client.name],
                verdict,
                began,
                find_last_before(undone_for.get(client.name, mended), verdict, began),
                first_steps,
            ),
            round(times[client.name].decided(verdict), 3) if client.name in times else None,
            at,
        )
        for client in scenario.clients
    ]

"""The phases of a scenario, whichever way it is played: their faults on time, and what came of each."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter

import msgspec

from ssosim.faults import AnyFault, FaultTarget, Undo
from ssosim.scenario.model import Phase, Scenario, Step
from ssosim.scenario.program_runs import NOT_TIMED, ProgramTimes
from ssosim.trace import NO_FIRST_STEPS, FaultUndone, FirstSteps, Record, Trace
from ssosim.verdict.judge import Verdict, judge
from ssosim.verdict.measures import NOTHING_MEASURED, Measures, measure
from ssosim.verdict.outcome import Outcome
from ssosim.verdict.pauses import pauses_among

__all__ = ["ClientVerdict", "PhaseFaults", "Playback", "judge_phase"]


@dataclass(frozen=True, slots=True)
class ClientVerdict:
    """One client in one phase.

    ``decided_s`` is of programs only: real seconds from the program's own start until its verdict stood.
    """

    phase: str
    client: str
    verdict: Verdict
    expected: Outcome | None
    measures: Measures = NOTHING_MEASURED
    decided_s: float | None = None

    @property
    def as_expected(self) -> bool:
        """Whether the outcome is the one that the scenario expects, or none is expected."""
        return self.expected is None or self.expected == self.verdict.outcome


@dataclass(frozen=True, slots=True)
class Playback:
    """What came of a scenario."""

    scenario: Scenario
    results: tuple[ClientVerdict, ...]

    @property
    def as_expected(self) -> bool:
        """Whether every outcome is the one that the scenario expects."""
        return all(result.as_expected for result in self.results)

    def share(self, phase: str, outcome: Outcome = Outcome.SILENT) -> float | None:
        """The part of the scenario's mix, from 0 to 1, that came to ``outcome`` in ``phase``; None without a mix."""
        weights = {client.name: client.weight for client in self.scenario.clients if client.weight > 0}
        here = [result for result in self.results if result.phase == phase and result.client in weights]
        whole = sum(weights[result.client] for result in here)
        return sum(weights[r.client] for r in here if r.verdict.outcome is outcome) / whole if whole else None

    def result(self, phase: str, client: str) -> ClientVerdict:
        """The result of ``client`` in ``phase``; raises KeyError."""
        for result in self.results:
            if (result.phase, result.client) == (phase, client):
                return result
        raise KeyError((phase, client))


class PhaseFaults:
    """The faults in force while the scenario plays."""

    def __init__(self, lab: FaultTarget, seed: int) -> None:
        self._lab = lab
        self._seed = seed
        self._undos: list[Undo] = []

    def enter(self, phase: Phase) -> list[tuple[float, Callable[[], None]]]:
        """From the faults of the phase before to those of ``phase``, with its steps at 0; the steps that are left."""
        self.change_to(phase.faults)
        steps = self.steps(phase)
        while steps and steps[0][0] == 0:
            steps.pop(0)[1]()
        return steps

    def change_to(self, faults: Sequence[AnyFault]) -> None:
        """From the faults of one phase to those of the next, with no moment between in which a query sees neither."""
        for undo in reversed(self._undos):
            undo()
        self._undos = self._apply_all(faults)

    def _apply_all(self, faults: Sequence[AnyFault]) -> list[Undo]:
        """Put ``faults`` in force; raises FaultError where one does not fit, and then none of them is."""
        with contextlib.ExitStack() as undoing:
            undos = []
            for fault in faults:
                undos.append(self._apply(fault))
                undoing.callback(undos[-1])
            undoing.pop_all()
        return undos

    def _apply(self, fault: AnyFault) -> Undo:
        """Put ``fault`` in force; its dice start from the scenario's seed and its own."""
        own = getattr(fault, "seed", None)
        if self._seed and isinstance(own, int):
            fault = msgspec.structs.replace(fault, seed=own + self._seed)
        return fault.apply(self._lab)

    def steps(self, phase: Phase) -> list[tuple[float, Callable[[], None]]]:
        """What is to be done when within ``phase``: seconds from its start, and the act. Mending comes first."""
        found: list[tuple[float, int, Callable[[], None]]] = []
        for step in phase.steps:
            undos: list[Undo] = []
            found.append((step.at, 1, partial(self._break, step, undos)))
            if step.until is not None:
                found.append((step.until, 0, partial(self._mend, undos)))
        return [(after, act) for after, _, act in sorted(found, key=itemgetter(0, 1))]

    def _break(self, step: Step, undos: list[Undo]) -> None:
        undos += self._apply_all(step.faults)
        self._undos += undos

    def _mend(self, undos: list[Undo]) -> None:
        for undo in reversed(undos):
            undo()
        self._undos = [undo for undo in self._undos if undo not in undos]


def judge_phase(
    scenario: Scenario,
    phase: Phase,
    trace: Trace,
    mark: int,
    times: Mapping[str, ProgramTimes] = NOT_TIMED,
    *,
    first_steps: FirstSteps = NO_FIRST_STEPS,
) -> list[ClientVerdict]:
    """The results of all clients in ``phase``, from what ``trace`` holds after record number ``mark``.

    ``times`` are those of the programs, by client name. ``first_steps`` say at which step a name without an address
    fails.
    """
    records = trace.since(mark)
    began = phase.start.timestamp()
    own: dict[str, list[Record]] = {client.name: [] for client in scenario.clients}
    for record in records:
        if record.client in own:
            own[record.client].append(record)
    pauses = pauses_among(records)
    mended = [record.at for record in records if isinstance(record.event, FaultUndone) and record.at > began]
    return [
        ClientVerdict(
            phase.name,
            client.name,
            (verdict := judge(own[client.name], began, pauses)),
            phase.expected_of(client),
            measure(own[client.name], verdict, began, max(mended, default=began), first_steps),
            round(times[client.name].decided(verdict), 3) if client.name in times else None,
        )
        for client in scenario.clients
    ]

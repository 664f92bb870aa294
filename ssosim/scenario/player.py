"""Play a scenario in a lab: break things on time, let the clients sign in, judge each phase from the trace."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any

import msgspec
from ssosim_clients.models.base import Model, SignInState
from ssosim_clients.ports import Device as ClientDevice

from ssosim.clock import RealTime, VirtualClock
from ssosim.faults import AnyFault, FaultTarget, Undo
from ssosim.lab.base.errors import LabError
from ssosim.lab.core.lab import Lab
from ssosim.lab.model_devices.client_slots import ClientSlot, model_device, reserve_client_slot
from ssosim.scenario.model import Client, Phase, Scenario, Step
from ssosim.scenario.program_runs import NOT_TIMED, ProgramRunner, ProgramTimes, run_side_by_side
from ssosim.trace import NO_FIRST_STEPS, ClientFinished, FaultUndone, FirstSteps, PhaseStarted, Record, Trace
from ssosim.verdict.judge import Verdict, judge
from ssosim.verdict.measures import NOTHING_MEASURED, Measures, measure
from ssosim.verdict.outcome import Outcome

__all__ = ["ClientVerdict", "PhaseFaults", "Playback", "judge_phase", "play"]


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


async def play(
    scenario: Scenario,
    lab: Lab,
    clock: VirtualClock | RealTime,
    models: Mapping[str, Model],
    run_program: ProgramRunner | None = None,
    at_once: int | None = None,
) -> Playback:
    """Play ``scenario`` in a lab that runs on ``clock``.

    ``models`` holds the model of each client that is one, by client name. A client that has signed in signs in again
    at the start of the next phase; one that still tries goes on trying. Programs run once a phase, at its start,
    ``at_once`` of them side by side, and need ``run_program``; virtual time stands still meanwhile. Raises LabError
    when a model itself breaks, and DnsChangeError when a fault does not fit the estate.
    """
    async with contextlib.AsyncExitStack() as cleanup:
        cast = _Cast(scenario, lab, clock, models)
        cleanup.push_async_callback(cast.dismiss)
        await cast.sit_down()
        faults = PhaseFaults(lab, scenario.seed)
        results: list[ClientVerdict] = []
        for index, phase in enumerate(scenario.phases):
            began = phase.start.timestamp()
            await clock.run_until(began)
            mark = lab.trace.last_seq
            steps = faults.enter(phase)
            lab.trace.record("", PhaseStarted(scenario=scenario.name, phase=phase.name))
            times = NOT_TIMED
            if run_program is not None:
                programs = [client for client in scenario.clients if client.run]
                times = await run_side_by_side(programs, run_program, lab.trace, at_once)
            await cast.enter()
            for after, act in steps:
                await clock.run_until(began + after)
                act()
            await clock.run_until(began + scenario.duration_of(index))
            cast.check()
            results += judge_phase(scenario, phase, lab.trace, mark, times, first_steps=lab.first_steps)
        return Playback(scenario, tuple(results))


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
        """Put ``faults`` in force; raises DnsChangeError where one does not fit, and then none of them is."""
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
    mended = [record.at for record in records if isinstance(record.event, FaultUndone) and record.at > began]
    return [
        ClientVerdict(
            phase.name,
            client.name,
            (verdict := judge(own[client.name], began)),
            phase.expected_of(client),
            measure(own[client.name], verdict, began, max(mended, default=began), first_steps),
            round(times[client.name].decided(verdict), 3) if client.name in times else None,
        )
        for client in scenario.clients
    ]


class _Cast:
    """The client models while the scenario plays."""

    def __init__(
        self, scenario: Scenario, lab: Lab, clock: VirtualClock | RealTime, models: Mapping[str, Model]
    ) -> None:
        self._clients = [client for client in scenario.clients if client.name in models]
        self._lab = lab
        self._clock = clock
        self._models = models
        self._seats: dict[str, ClientSlot] = {}
        self._seed = scenario.seed
        self._devices: dict[str, ClientDevice] = {}
        self._furniture: dict[str, contextlib.AsyncExitStack] = {}
        self._tasks: dict[str, asyncio.Task[Any]] = {}

    async def sit_down(self) -> None:
        """Give a device to everybody who has none, with the user signed on."""
        for client in self._clients:
            if client.name not in self._devices:
                await self._sit(client)

    async def enter(self) -> None:
        """Let everybody who is not busy signing in begin."""
        for client in self._clients:
            if client.fresh:
                await self._leave(client.name)
        await self.sit_down()
        for client in self._clients:
            task = self._tasks.get(client.name)
            if task is None or task.done():
                self._tasks[client.name] = self._clock.start(self._sign_in(client.name, self._devices[client.name]))

    async def _sit(self, client: Client) -> None:
        if client.name not in self._seats:
            self._seats[client.name] = await reserve_client_slot(self._lab, client.name, self._seed)
        self._furniture[client.name] = contextlib.AsyncExitStack()
        self._devices[client.name] = await self._furniture[client.name].enter_async_context(
            model_device(
                self._lab,
                client.name,
                self._lab.device_of(client.device),
                self._clock,
                person=client.person_answers,
                dual_stack=client.ipv6,
                seat=self._seats[client.name],
            )
        )

    async def _leave(self, name: str) -> None:
        """End the client's process, if there is one."""
        if task := self._tasks.pop(name, None):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if self._devices.pop(name, None) is not None:
            await self._furniture.pop(name).aclose()

    async def _sign_in(self, name: str, device: ClientDevice) -> None:
        """One sign-in. That a client ended with an error is seen as a program's exit code is: from outside."""
        model = self._models[name]
        report = await model.sign_in(device)
        if getattr(report, "state", None) is SignInState.FAILED:
            self._lab.trace.record(name, ClientFinished(program=model.name, exit_code=1))

    def check(self) -> None:
        """Raise LabError for a model that broke."""
        for name, task in self._tasks.items():
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise LabError(f"the client model {name!r} broke: {type(error).__name__}: {error}") from error

    async def dismiss(self) -> None:
        """End those who still try."""
        for task in self._tasks.values():
            task.cancel()
        for client in self._clients:
            await self._leave(client.name)

"""Play a scenario in a lab: break things on time, let the clients sign in, judge each phase from the trace."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ssosim_clients.models.base import Model
from ssosim_clients.ports import Device as ClientDevice

from ssosim.clock import VirtualClock
from ssosim.faults import Undo
from ssosim.lab.errors import LabError
from ssosim.lab.lab import Lab
from ssosim.lab.models import model_device
from ssosim.scenario.model import Client, Outcome, Phase, Scenario
from ssosim.scenario.verdict import Verdict, judge
from ssosim.trace import PhaseStarted

__all__ = ["PhaseResult", "Playback", "ProgramRunner", "play"]

ProgramRunner = Callable[[Client], Awaitable[None]]
"""Runs a client's program on a device of its own, to its end or its deadline, under the client's name."""


@dataclass(frozen=True, slots=True)
class PhaseResult:
    """One client in one phase."""

    phase: str
    client: str
    verdict: Verdict
    expected: Outcome | None

    @property
    def as_expected(self) -> bool:
        """Whether the outcome is the one that the scenario expects, or none is expected."""
        return self.expected is None or self.expected is self.verdict.outcome


@dataclass(frozen=True, slots=True)
class Playback:
    """What came of a scenario."""

    scenario: Scenario
    results: tuple[PhaseResult, ...]

    @property
    def as_expected(self) -> bool:
        """Whether every outcome is the one that the scenario expects."""
        return all(result.as_expected for result in self.results)

    def result(self, phase: str, client: str) -> PhaseResult:
        """The result of ``client`` in ``phase``; raises KeyError."""
        for result in self.results:
            if (result.phase, result.client) == (phase, client):
                return result
        raise KeyError((phase, client))


async def play(
    scenario: Scenario,
    lab: Lab,
    clock: VirtualClock,
    models: Mapping[str, Model],
    run_program: ProgramRunner | None = None,
) -> Playback:
    """Play ``scenario`` in a lab that runs on ``clock``.

    ``models`` holds the model of each client that is one, by client name. A client that has signed in signs in again
    at the start of the next phase; one that still tries goes on trying. Programs run once a phase, at its start, and
    need ``run_program``; virtual time stands still meanwhile. Raises LabError when a model itself breaks, and
    DnsChangeError when a fault does not fit the estate.
    """
    async with contextlib.AsyncExitStack() as cleanup:
        devices = {
            client.name: await cleanup.enter_async_context(
                model_device(lab, client.name, lab.device_of(client.device), clock)
            )
            for client in scenario.clients
            if client.name in models
        }
        cast = _Cast(clock, models, devices)
        cleanup.push_async_callback(cast.dismiss)
        results: list[PhaseResult] = []
        undos: list[Undo] = []
        for index, phase in enumerate(scenario.phases):
            await clock.run_until(phase.start.timestamp())
            mark = lab.trace.last_seq
            undos = _change_faults(lab, phase, undos)
            lab.trace.record("", PhaseStarted(scenario=scenario.name, phase=phase.name))
            if run_program is not None:
                for client in scenario.clients:
                    if client.run:
                        await run_program(client)
            cast.enter()
            await clock.run_until(phase.start.timestamp() + scenario.duration_of(index))
            cast.check()
            results += _judge(scenario, phase, lab, mark)
        return Playback(scenario, tuple(results))


def _change_faults(lab: Lab, phase: Phase, undos: Sequence[Undo]) -> list[Undo]:
    """From the faults of one phase to those of the next, with no moment between in which a query could see neither."""
    for undo in reversed(undos):
        undo()
    return [fault.apply(lab) for fault in phase.faults]


def _judge(scenario: Scenario, phase: Phase, lab: Lab, mark: int) -> list[PhaseResult]:
    records = lab.trace.since(mark)
    began = phase.start.timestamp()
    return [
        PhaseResult(
            phase.name,
            client.name,
            judge([record for record in records if record.client == client.name], began),
            phase.expect.get(client.name),
        )
        for client in scenario.clients
    ]


class _Cast:
    """The client models while the scenario plays."""

    def __init__(self, clock: VirtualClock, models: Mapping[str, Model], devices: Mapping[str, ClientDevice]) -> None:
        self._clock = clock
        self._models = models
        self._devices = devices
        self._tasks: dict[str, asyncio.Task[Any]] = {}

    def enter(self) -> None:
        """Let everybody who is not busy signing in begin."""
        for name, device in self._devices.items():
            task = self._tasks.get(name)
            if task is None or task.done():
                self._tasks[name] = self._clock.start(self._models[name].sign_in(device))

    def check(self) -> None:
        """Raise LabError for a model that broke."""
        for name, task in self._tasks.items():
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise LabError(f"the client model {name!r} broke: {type(error).__name__}: {error}") from error

    async def dismiss(self) -> None:
        """End those who still try."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

"""Play a scenario in a lab: break things on time, let the clients sign in, judge each phase from the trace."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from ssosim_clients.models.base import Model, SignInState
from ssosim_clients.ports import Device as ClientDevice

from ssosim.clock import RealTimeClock, VirtualClock
from ssosim.lab.base.errors import LabError
from ssosim.lab.core.lab import Lab
from ssosim.lab.model_devices.client_slots import ClientSlot, model_device, reserve_client_slot
from ssosim.scenario.model import Client, Scenario
from ssosim.scenario.phases import ClientVerdict, PhaseFaults, Playback, judge_phase
from ssosim.scenario.program_runs import NOT_TIMED, ProgramRunner, run_side_by_side
from ssosim.trace import ClientFinished, PhaseStarted

__all__ = ["play"]


async def play(
    scenario: Scenario,
    lab: Lab,
    clock: VirtualClock | RealTimeClock,
    models: Mapping[str, Model],
    run_program: ProgramRunner | None = None,
    at_once: int | None = None,
) -> Playback:
    """Play ``scenario`` in a lab that runs on ``clock``.

    ``models`` holds the model of each client that is one, by client name. A client that has signed in signs in again
    at the start of the next phase; one that still tries goes on trying. Programs run once a phase, at its start,
    ``at_once`` of them side by side, and need ``run_program``; virtual time stands still meanwhile. Raises LabError
    when a model itself breaks, and FaultError when a fault does not fit the estate.
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


class _Cast:
    """The client models while the scenario plays."""

    def __init__(
        self, scenario: Scenario, lab: Lab, clock: VirtualClock | RealTimeClock, models: Mapping[str, Model]
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
                user_present=client.person_answers,
                dual_stack=client.ipv6,
                slot=self._seats[client.name],
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

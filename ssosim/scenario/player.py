"""Play a scenario in a lab on sockets.

Theory of operation. The parts:

- ``PhaseFaults`` (``ssosim.scenario.phases``) applies and undoes the faults of the phases.
- ``_ClientModels`` runs the client models, each as one asyncio task on a device of its own.
- ``run_programs`` (``ssosim.scenario.program_runs``) runs the programs among the clients.
- The clock decides how long ``run_until`` takes. ``VirtualClock`` jumps to the next timer as soon as all models wait;
  ``RealTimeClock`` lets real seconds pass.

Each phase is played in this order:

1. Run to the start of the phase. Models that are still signing in go on meanwhile.
2. Remember the number of the last trace record: the phase's records come after it.
3. Change the faults: undo those of the phase before, apply those of this phase and of its steps at 0.
4. Record ``PhaseStarted``. So the records of a phase's faults stand just before its name in the trace.
5. Run the programs to their ends or deadlines, in real time (``Lab.real_time``). Models wait meanwhile, and virtual
   time is afterwards what it was. If the faults change within the phase, each program runs alone, step 3 is done again
   for each of them and for the models, and steps and time limits of faults pass in real seconds.
6. Start a sign-in of every model that is not signing in. A client with ``fresh`` gets a new process and device first.
7. Run to each step of the phase and apply or undo its faults, then run to the end of the phase.
8. Raise LabError if a model's code is broken, then judge all clients from the phase's records. A failure that a model
   raises is its end, and is judged.

With ``sign_in_at``, steps 5 to 8 are played for each of its times: run to the time, remember the last record, apply the
steps of that time, record ``SignInsStarted``, and judge when the next sign-in begins or the phase ends.

What always holds: verdicts come from the trace only. A client's device slot (its address) and its random generator are
reserved once and outlast its process, so a client is the same for servers and faults in all phases. All clients have
their device before the first phase, while nothing is broken, so the user has signed on. ``play`` ends all tasks and
devices whatever happens.

What can go wrong: a fault that does not fit the estate raises DnsChangeError when its phase begins. A model that runs
without ever waiting keeps virtual time from advancing. A model that goes on without bound is stopped at the limit of
events per hour (``EventLimit``). A program that hangs is killed at its deadline.

``ssosim.scenario.in_memory`` plays the same steps without sockets, and ``ssosim.scenario.live`` on a running lab.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ssosim_clients.models.base import Model
from ssosim_clients.ports import Device as ClientDevice

from ssosim.clock import RealTimeClock, VirtualClock
from ssosim.lab.base.errors import LabError
from ssosim.lab.base.own_sockets import refuse_own_sockets
from ssosim.lab.base.socket_policy import OutsideLabError
from ssosim.lab.core.lab import Lab
from ssosim.lab.model_devices.client_slots import ClientSlot, model_device, reserve_client_slot
from ssosim.scenario.fitting import fit_scenario
from ssosim.scenario.model import Client, Phase, Scenario
from ssosim.scenario.model_sign_in import EventLimit, record_stop, sign_in_and_record
from ssosim.scenario.phases import (
    ClientVerdict,
    PhaseFaults,
    Playback,
    begin_sign_ins,
    describe_phase,
    find_rest_of_phase,
    judge_phase,
)
from ssosim.scenario.program_runs import NOT_TIMED, ProgramRunner, run_programs
from ssosim.trace import PhaseStarted

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

    ``models`` maps client names to models; clients without a model are programs. A model that has ended signs in again
    at the start of the next phase or at the next time of ``sign_in_at``; one that is still signing in goes on. Programs
    run once for each of these times, ``at_once`` of them in parallel (one by one if faults change within the phase),
    and need ``run_program``. Raises LabError if a model's code is broken, and FaultError if a fault does not fit the
    estate.
    """
    fitted = fit_scenario(scenario, lab.estate)
    scenario = fitted.scenario
    async with contextlib.AsyncExitStack() as cleanup:
        clients = _ClientModels(scenario, lab, clock, models)
        cleanup.push_async_callback(clients.stop)
        await clients.create_devices()
        faults = PhaseFaults(lab, scenario.seed)
        results: list[ClientVerdict] = []
        notes: dict[str, tuple[str, ...]] = {}
        for index, phase in enumerate(scenario.phases):
            began = phase.start.timestamp()
            await clock.run_until(began)
            mark = lab.trace.last_seq
            steps = faults.enter(phase)
            lab.trace.record("", PhaseStarted(scenario=scenario.name, phase=phase.name))
            first = mark
            for number, at in enumerate(phase.sign_in_times):
                await _run_to(clock, began, at, steps)
                mark = begin_sign_ins(scenario, phase, at, steps, lab.trace, mark)
                times = NOT_TIMED
                if run_program is not None:
                    programs = [client for client in scenario.clients if client.run]
                    enter = partial(_enter_rest, faults, phase, at)
                    times = await run_programs(programs, run_program, lab, phase, enter, at_once, began=began + at)
                    if programs and phase.changes:
                        steps = [(at + after, act) for after, act in enter()]
                await clients.start_sign_ins()
                await _run_to(clock, began, scenario.sign_in_end(index, number), steps)
                clients.raise_errors()
                results += judge_phase(
                    scenario, phase, lab.trace, mark, times, sign_in=number, first_steps=lab.first_steps
                )
            notes[phase.name] = describe_phase(scenario, phase, lab.trace.since(first), lab.estate)
        return Playback(scenario, tuple(results), notes, fitted.left_out)


def _enter_rest(faults: PhaseFaults, phase: Phase, at: float) -> list[tuple[float, Callable[[], None]]]:
    """Begin ``phase`` anew as it is ``at`` seconds after its start; return its later steps, from then on.

    Nothing is done if its faults do not change.
    """
    return faults.enter(find_rest_of_phase(phase, at)) if phase.changes else []


async def _run_to(
    clock: VirtualClock | RealTimeClock, began: float, end: float, actions: list[tuple[float, Callable[[], None]]]
) -> None:
    """Run to ``end`` seconds after ``began``, with the actions before it at their times."""
    while actions and actions[0][0] < end:
        after, act = actions.pop(0)
        await clock.run_until(began + after)
        act()
    await clock.run_until(began + end)


class _ClientModels:
    """The client models while the scenario plays."""

    def __init__(
        self, scenario: Scenario, lab: Lab, clock: VirtualClock | RealTimeClock, models: Mapping[str, Model]
    ) -> None:
        self._clients = [client for client in scenario.clients if client.name in models]
        self._lab = lab
        self._clock = clock
        self._models = models
        self._slots: dict[str, ClientSlot] = {}
        self._seed = scenario.seed
        self._devices: dict[str, ClientDevice] = {}
        self._device_cleanups: dict[str, contextlib.AsyncExitStack] = {}
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._refused: dict[str, list[OutsideLabError]] = {}
        self._began: dict[str, float] = {}
        self._over_limit: set[str] = set()
        self._event_limit = EventLimit(lab.trace, models, clock.now, self._cancel_over_limit)

    async def create_devices(self) -> None:
        """Create a device, with the user signed on, for each client that has none."""
        for client in self._clients:
            if client.name not in self._devices:
                await self._create_device(client)

    async def start_sign_ins(self) -> None:
        """Start a sign-in of each client that is not signing in."""
        for client in self._clients:
            if client.fresh:
                await self._end_client(client.name)
        await self.create_devices()
        for client in self._clients:
            task = self._tasks.get(client.name)
            if task is None or task.done():
                self._event_limit.forget(client.name)
                self._over_limit.discard(client.name)
                self._began[client.name] = self._clock.now()
                self._tasks[client.name] = self._clock.start(self._sign_in(client.name, self._devices[client.name]))

    async def _create_device(self, client: Client) -> None:
        if client.name not in self._slots:
            self._slots[client.name] = await reserve_client_slot(self._lab, client.name, self._seed)
        self._device_cleanups[client.name] = contextlib.AsyncExitStack()
        self._devices[client.name] = await self._device_cleanups[client.name].enter_async_context(
            model_device(
                self._lab,
                client.name,
                self._lab.device_of(client.device_name),
                self._clock,
                user_present=client.person_answers,
                dual_stack=client.ipv6 or None,
                slot=self._slots[client.name],
            )
        )

    async def _end_client(self, name: str) -> None:
        """End the client's process and remove its device, if there are any."""
        if task := self._tasks.pop(name, None):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if self._devices.pop(name, None) is not None:
            await self._device_cleanups.pop(name).aclose()

    async def _sign_in(self, name: str, device: ClientDevice) -> None:
        """Sign in once. A client that is over the limit of events is stopped, and that is recorded as its end."""
        model, trace = self._models[name], self._lab.trace
        try:
            with refuse_own_sockets(name) as self._refused[name]:
                await sign_in_and_record(model, device, trace, name, self._lab.estate)
        except asyncio.CancelledError:
            if name not in self._over_limit:
                raise
            record_stop(trace, name, str(getattr(model, "name", "") or name), self._clock.now() - self._began[name])

    def _cancel_over_limit(self, name: str) -> None:
        self._over_limit.add(name)
        if task := self._tasks.get(name):
            task.cancel()

    def raise_errors(self) -> None:
        """Raise LabError for a model whose code raised a built-in exception, or that opened a socket of its own."""
        for refused in self._refused.values():
            if refused:
                raise refused[0]
        for name, task in self._tasks.items():
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise LabError(f"the client model {name!r} broke: {type(error).__name__}: {error}") from error

    async def stop(self) -> None:
        """Cancel all sign-ins and remove all devices."""
        self._event_limit.stop()
        self._over_limit.clear()
        for task in self._tasks.values():
            task.cancel()
        for client in self._clients:
            await self._end_client(client.name)

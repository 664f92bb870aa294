"""Play a scenario without sockets: the same faults and the same judge, in a lab in memory.

It takes milliseconds per client. The result is the same as over sockets in virtual time: outcome, reason, and the kinds
of the records behind them. What is not supported in memory is refused with its name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from ssosim_clients.models.base import Model, SignInReport
from ssosim_clients.ports import Device

from ssosim.estate import Estate
from ssosim.estate.toml import TomlMistakeError
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.lab.base.own_sockets import refuse_own_sockets
from ssosim.lab.base.people import client_random
from ssosim.lab.base.socket_policy import install
from ssosim.memory import Engine, EngineClock, MemoryLab, NoProgressError, Run, memory_device
from ssosim.scenario.fitting import fit_scenario
from ssosim.scenario.loader import check_scenario
from ssosim.scenario.model import Client, Scenario
from ssosim.scenario.model_sign_in import EventLimit, record_stop, sign_in_and_record
from ssosim.scenario.phases import (
    ClientVerdict,
    PhaseFaults,
    Playback,
    begin_sign_ins,
    describe_phase,
    judge_phase,
)
from ssosim.trace import PhaseStarted

__all__ = ["play_in_memory"]


def play_in_memory(
    scenario: Scenario, estate: Estate, models: Mapping[str, Model], *, lab: MemoryLab | None = None
) -> Playback:
    """Play ``scenario``; ``models`` maps the names of all its clients to models.

    ``lab`` is a new lab whose trace the caller wants to read; by default one is made. Raises LabInputError for a
    mistake in ``scenario`` and for what is not supported in memory, LabError if a model's code is broken, FaultError if
    a fault does not fit the estate.
    ``scenario`` is fitted to the estate (``fit_scenario``).
    """
    try:
        scenario = check_scenario(scenario)
    except TomlMistakeError as error:
        raise LabInputError(str(error)) from error
    if programs := [client.name for client in scenario.clients if client.name not in models]:
        names = ", ".join(programs)
        raise LabInputError(f"{scenario.name}: the programs {names} cannot be played in memory: models can")
    if lab is None:
        engine = Engine(scenario.phases[0].start.timestamp())
        try:
            lab = MemoryLab(engine, scenario.estate(estate))
        except LabInputError as error:
            raise LabInputError(f"{scenario.name}: {error}") from error
    fitted = fit_scenario(scenario, lab.estate)
    return dataclasses.replace(_Play(fitted.scenario, lab, models).run(), left_out=fitted.left_out)


class _Play:
    """One scenario while it is played."""

    def __init__(self, scenario: Scenario, lab: MemoryLab, models: Mapping[str, Model]) -> None:
        self._scenario = scenario
        self._lab = lab
        self._models = models
        # A client's random generator outlasts its process, as over sockets.
        self._random = {client.name: client_random(scenario.seed, client.name) for client in scenario.clients}
        self._devices = {client.name: self._device(client) for client in scenario.clients}
        self._runs: dict[str, Run[SignInReport | None]] = {}
        self._began: dict[str, float] = {}
        self._stopping: set[str] = set()
        self._refused: Sequence[Exception] = ()
        self._event_limit = EventLimit(lab.trace, models, EngineClock(lab.engine).now, self._stop_soon)

    def run(self) -> Playback:
        """Play all phases and return the results."""
        with refuse_own_sockets(", ".join(self._models)) as self._refused:
            return self._run()

    def _run(self) -> Playback:
        scenario, lab = self._scenario, self._lab
        faults = PhaseFaults(lab, scenario.seed)
        results: list[ClientVerdict] = []
        notes: dict[str, tuple[str, ...]] = {}
        for index, phase in enumerate(scenario.phases):
            began = phase.start.timestamp()
            self._until(began)
            mark = lab.trace.last_seq
            steps = faults.enter(phase)
            lab.trace.record("", PhaseStarted(scenario=scenario.name, phase=phase.name))
            first = mark
            for number, at in enumerate(phase.sign_in_times):
                self._run_to(began, at, steps)
                mark = begin_sign_ins(scenario, phase, at, steps, lab.trace, mark)
                self._enter()
                self._run_to(began, scenario.sign_in_end(index, number), steps)
                self._check()
                judged = judge_phase(scenario, phase, lab.trace, mark, sign_in=number, first_steps=lab.first_steps)
                results += judged
            notes[phase.name] = describe_phase(scenario, phase, lab.trace.since(first), lab.estate)
        self._event_limit.stop()
        for run in self._runs.values():
            run.cancel()
        return Playback(scenario, tuple(results), notes)

    def _run_to(self, began: float, end: float, actions: list[tuple[float, Callable[[], None]]]) -> None:
        """Run to ``end`` seconds after ``began``, with the actions before it at their times."""
        while actions and actions[0][0] < end:
            after, act = actions.pop(0)
            self._until(began + after)
            act()
        self._until(began + end)

    def _until(self, moment: float) -> None:
        try:
            with install():  # again, for modules that a model has imported meanwhile
                self._lab.engine.run(moment)
        except NoProgressError as error:
            raise LabError(f"a client model goes on without end: {error}") from error
        if self._refused:  # the model may have caught it
            raise self._refused[0]

    def _device(self, client: Client) -> Device:
        return memory_device(
            self._lab,
            client.name,
            client.device_name,
            user_present=client.person_answers,
            dual_stack=client.ipv6 or None,
            random=self._random[client.name],
        )

    def _enter(self) -> None:
        """Start a sign-in of each client that is not signing in; a ``fresh`` client gets a new device first."""
        for client in self._scenario.clients:
            if client.fresh and client.name in self._runs:
                self._runs.pop(client.name).cancel()
                self._devices[client.name] = self._device(client)
            run = self._runs.get(client.name)
            if run is None or run.done:
                self._event_limit.forget(client.name)
                self._began[client.name] = self._lab.engine.now
                self._runs[client.name] = self._lab.engine.start(self._sign_in(client.name))

    async def _sign_in(self, name: str) -> SignInReport | None:
        return await sign_in_and_record(
            self._models[name], self._devices[name], self._lab.trace, name, self._lab.estate
        )

    def _stop_soon(self, name: str) -> None:
        """Stop a client that is over the limit of events, as soon as its present step is done."""
        if name not in self._stopping:
            self._stopping.add(name)
            self._lab.engine.call_at(self._lab.engine.now, lambda: self._stop(name))

    def _stop(self, name: str) -> None:
        run = self._runs.get(name)
        if run is not None and not run.done:
            run.cancel()
            program = str(getattr(self._models[name], "name", "") or name)
            record_stop(self._lab.trace, name, program, self._lab.engine.now - self._began[name])
        self._stopping.discard(name)

    def _check(self) -> None:
        """Raise LabError for a model whose code raised a built-in exception, such as TypeError."""
        for name, run in self._runs.items():
            if run.error is not None:
                text = f"the client model {name!r} broke: {type(run.error).__name__}: {run.error}"
                raise LabError(text) from run.error

"""Play a scenario without a socket: its faults over the real zones, everything else on ``ssosim_clients.testing``.

Milliseconds a client. The same faults, the same judge; DNS answers are the server's own functions, the provider is the
scripted one, and a KDC is a set of names. What needs more (programs, resolvers with a cache) cannot be played here.
"""

from __future__ import annotations

from collections.abc import Mapping

from ssosim_clients.models.base import Model, SignInReport
from ssosim_clients.testing import Engine, Run

from ssosim.entra import first_steps
from ssosim.estate import Estate
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.lab.model_devices.client_slots import client_dice
from ssosim.scenario.memory_lab import MemoryLab
from ssosim.scenario.memory_ports import memory_device
from ssosim.scenario.model import Scenario
from ssosim.scenario.player import ClientVerdict, PhaseFaults, Playback, judge_phase
from ssosim.trace import PhaseStarted

__all__ = ["play_in_memory"]


def play_in_memory(scenario: Scenario, estate: Estate, models: Mapping[str, Model]) -> Playback:
    """Play ``scenario``; ``models`` holds the model of each of its clients, by client name.

    Raises LabInputError for a scenario that needs more, LabError when a model itself breaks, DnsChangeError when a
    fault does not fit the estate.
    """
    if scenario.resolvers or any(client.name not in models for client in scenario.clients):
        raise LabInputError(f"{scenario.name}: programs, and resolvers that remember, cannot be played in memory")
    engine = Engine(scenario.phases[0].start.timestamp())
    lab = MemoryLab(engine, estate)
    dice = {client.name: client_dice(scenario.seed, client.name) for client in scenario.clients}
    devices = {client.name: memory_device(lab, client, dice[client.name]) for client in scenario.clients}
    runs: dict[str, Run[SignInReport]] = {}
    faults = PhaseFaults(lab, scenario.seed)
    results: list[ClientVerdict] = []
    for index, phase in enumerate(scenario.phases):
        began = phase.start.timestamp()
        engine.run(began)
        mark = lab.trace.last_seq
        steps = faults.enter(phase)
        lab.trace.record("", PhaseStarted(scenario=scenario.name, phase=phase.name))
        for client in [client for client in scenario.clients if client.fresh and index]:
            runs.pop(client.name).cancel()
            devices[client.name] = memory_device(lab, client, dice[client.name])
        for name, device in devices.items():
            if name not in runs or runs[name].done:
                runs[name] = engine.start(lab.sign_in(name, models[name], device))
        for after, act in steps:
            engine.run(began + after)
            act()
        engine.run(began + scenario.duration_of(index))
        _check(runs)
        results += judge_phase(scenario, phase, lab.trace, mark, first_steps=first_steps(estate))
    for run in (run for run in runs.values() if not run.done):
        run.cancel()
    return Playback(scenario, tuple(results))


def _check(runs: Mapping[str, Run[SignInReport]]) -> None:
    for name, run in runs.items():
        if run.error is not None:
            text = f"the client model {name!r} broke: {type(run.error).__name__}: {run.error}"
            raise LabError(text) from run.error

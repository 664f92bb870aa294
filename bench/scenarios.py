"""The time to play scenarios: 25 February 2025 with every model, one model in memory, the whole catalogue.

    python bench/scenarios.py [--rounds 3]

``feb-2025`` lasts 8 h 33 min and is played with every shipped model over real DNS packets, TLS and Kerberos on uvloop,
as ``ssosim run`` does. In memory: Office in the same scenario, by CPU time; beside it, in turns, the same model through
the same hours in a test's environment (``one_model.py``: the provider and its signatures, but no zones, faults and
verdicts), and the model alone with the signatures alone. The catalogue is every scenario with every model (and
its own clients), divided between two processes. The reference of ``feb-2025`` over sockets is the import of the modules
that it needs, in a new process, by CPU time and in turns. Wall-clock times are no target.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import one_model
import uvloop
from bare_model import Recorded, signatures_in, signing_ms
from harness import measure_imports, print_result, spread, temporary_home
from ssosim_clients.catalogue import MODELS
from ssosim_clients.models import Model

from ssosim.clock import VirtualClock
from ssosim.estate import default_estate
from ssosim.lab.base.folder import ensure_cache_folder
from ssosim.lab.base.garbage import collect_rarely
from ssosim.lab.core.lab import Lab
from ssosim.memory import get_process_keys
from ssosim.scenario.client_choice import model_of, with_clients
from ssosim.scenario.in_memory import play_in_memory
from ssosim.scenario.loader import list_shipped_names, load_scenario
from ssosim.scenario.model import Client, Scenario
from ssosim.scenario.phases import Playback
from ssosim.scenario.player import play

TARGET = {"feb-2025 over sockets to its imports": 5.0, "in memory to one model in an environment": 1.5}
PROCESSES = 2
OWN = frozenset({"__main__", "bare_model", "harness", "one_model"})
"""Modules of this folder."""


def add_all_models(scenario: Scenario) -> Scenario:
    """Return ``scenario`` with its own models and all other models of the catalogue."""
    own = [client for client in scenario.clients if client.model]
    taken = {client.name for client in own}
    others = [Client(name=name, model=name) for name in MODELS if name not in taken]
    return with_clients(scenario, [*own, *others])


def require_expected(name: str, playback: Playback) -> None:
    """End the benchmark unless the scenario's own clients end as it expects: a failed sign-in may take less time."""
    own = {client.name for client in load_scenario(name).clients}
    judged = [result for result in playback.results if result.client in own and result.expected is not None]
    wrong = [f"{result.client} in {result.phase}" for result in judged if not result.as_expected]
    if wrong or not judged:
        raise SystemExit(f"{name}: not as expected: {', '.join(wrong) or 'nothing was judged'}")


async def play_over_sockets(name: str, scenario: Scenario, cache: Path) -> int:
    """Play once; returns the number of records in the trace. Ends the benchmark if the sign-ins do not succeed."""
    clock = VirtualClock(scenario.phases[0].start.timestamp())
    with tempfile.TemporaryDirectory(prefix="ssobench-") as home:
        async with Lab(scenario.estate(default_estate()), Path(home), cache, clock=clock) as lab:
            collect_rarely()  # as the process of ``ssosim run`` does
            playback = await play(scenario, lab, clock, {client.name: model_of(client) for client in scenario.clients})
            require_expected(name, playback)
            return len(lab.trace)


def measure_scenario(name: str, cache: Path) -> tuple[float, float, int]:
    """Play one scenario with all models; returns seconds of wall time, seconds of CPU, and the number of records."""
    scenario = add_all_models(load_scenario(name))
    thresholds = gc.get_threshold()
    began, cpu = time.perf_counter(), time.process_time()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        records = runner.run(play_over_sockets(name, scenario, cache))
    took = time.perf_counter() - began, time.process_time() - cpu, records
    gc.set_threshold(*thresholds)
    gc.unfreeze()
    return took


def office_alone() -> Scenario:
    """The scenario of 25 February 2025 for Office."""
    scenario = load_scenario("feb-2025")
    return with_clients(scenario, [client for client in scenario.clients if client.name == "office"])


def in_memory(rounds: int) -> tuple[list[float], list[float], list[float], list[float]]:
    """Milliseconds of CPU of Office in memory, in an environment, as a model alone, and of its signatures, in turns."""
    scenario, estate, office = office_alone(), default_estate(), MODELS["office"]
    recorded = Recorded(office)

    def play_model(model: Model) -> float:
        began = time.process_time()
        playback = play_in_memory(scenario, estate, {"office": model})
        took = (time.process_time() - began) * 1e3
        require_expected("feb-2025", playback)
        return took

    play_model(recorded)  # type: ignore[arg-type]  # a model as far as a play goes
    signatures = signatures_in(lambda: play_model(office))
    key = get_process_keys(tuple(service.name for service in estate.federation_services)).cloud
    one_model.play(office)
    gc.freeze()
    each = [
        (play_model(office), one_model.play(office)[0], recorded.again_ms(), signing_ms(key, signatures))
        for _ in range(rounds)
    ]
    memory, environment, alone, signed = (list(column) for column in zip(*each, strict=True))
    return memory, environment, alone, signed


def main() -> None:
    """Measure, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with temporary_home():
        cache = ensure_cache_folder()
        measure_scenario("feb-2025", cache)  # realm and keys are made, byte code is read
        needed = [name for name, module in sys.modules.items() if getattr(module, "__spec__", None) and name not in OWN]
        feb, imports = list[tuple[float, float, int]](), list[float]()
        for _ in range(rounds):
            feb.append(measure_scenario("feb-2025", cache))
            imports.append(measure_imports(needed))
        memory, environment, alone, signed = in_memory(rounds * 5)
        began = time.perf_counter()
        with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:  # libkrb5 has a thread
            names = list_shipped_names()
            each = dict(zip(names, pool.map(measure_scenario, names, [cache] * len(names)), strict=True))
        whole = time.perf_counter() - began
    incident = load_scenario("feb-2025")
    virtual_s = (incident.end - incident.phases[0].start).total_seconds()
    walls = [wall for wall, _, _ in feb]
    figures = {
        "feb_2025_s": spread(walls),
        "feb_2025_cpu_s": spread([cpu for _, cpu, _ in feb]),
        "feb_2025_records": feb[0][2],
        "times_real_time": round(virtual_s / median(walls)),
        "in_memory_ms": spread(memory),
        "catalogue_s": round(whole, 2),
        "catalogue_each_s": {name: round(wall, 2) for name, (wall, _, _) in each.items()},
        "models": len(MODELS),
    }
    to_environment = median(memory) / median(environment)
    to_imports = [cpu / alone_s for (_, cpu, _), alone_s in zip(feb, imports, strict=True)]
    reached = [
        value <= limit for value, limit in zip((median(to_imports), to_environment), TARGET.values(), strict=True)
    ]
    print_result(
        "scenarios",
        figures=figures,
        reference={
            "imports of feb-2025, CPU s": spread(imports),
            "one model in an environment, ms": spread(environment),
            "the model alone, ms": spread(alone),
            "its signatures, ms": spread(signed),
        },
        ratio={
            "feb-2025 over sockets to its imports": spread(to_imports, 2),
            "in memory to one model in an environment": round(to_environment, 2),
            "in memory to the model alone and its signatures": round(
                median(memory) / (median(alone) + median(signed)), 1
            ),
        },
        target=TARGET,
        each_met=dict(zip(TARGET, reached, strict=True)),
        met=all(reached),
    )


if __name__ == "__main__":
    main()

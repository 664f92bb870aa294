"""Races between DNS answers: a client's dice fall alike in memory and over sockets."""

from __future__ import annotations

import asyncio
import dataclasses
import tempfile
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
import uvloop
from ssosim_clients.models.office import OFFICE
from ssosim_clients.spn import RULES

from ssosim.clock import VirtualClock
from ssosim.estate import default_estate
from ssosim.lab.core.lab import Lab
from ssosim.memory import Engine, MemoryLab
from ssosim.scenario.in_memory import play_in_memory
from ssosim.scenario.model import Scenario
from ssosim.scenario.player import play
from ssosim.trace import KdcExchange, Record

from .both import scenario

RACER = dataclasses.replace(OFFICE, name="racer", spn=RULES["gokrb5"])
CLIENTS = ("racer-1", "racer-2", "racer-3", "racer-4")
CHAIN = {"fault": "long-chain", "name": "autologon.microsoftazuread-sso.com", "length": 3}

Asked = dict[str, list[str]]


def _asked(records: Iterable[Record]) -> Asked:
    """The service names that each client asked the KDC for, in order."""
    found: Asked = {name: [] for name in CLIENTS}
    for record in records:
        if isinstance(record.event, KdcExchange) and record.event.request == "TGS" and record.client in found:
            found[record.client].append(record.event.service)
    return found


def _over_sockets(played: Scenario, cache: Path) -> Asked:
    async def run() -> Asked:
        clock = VirtualClock(played.phases[0].start.timestamp())
        with tempfile.TemporaryDirectory(prefix="dice-") as home:
            async with Lab(default_estate(), Path(home), cache, clock=clock) as lab:
                await play(played, lab, clock, dict.fromkeys(CLIENTS, RACER))
                return _asked(lab.trace.since())

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


def _in_memory(played: Scenario) -> Asked:
    lab = MemoryLab(Engine(played.phases[0].start.timestamp()), default_estate())
    play_in_memory(played, default_estate(), dict.fromkeys(CLIENTS, RACER), lab=lab)
    return _asked(lab.trace.since())


@pytest.mark.parametrize("seed", [0, 7])
def test_the_same_names_win(seed: int, prepared: Path) -> None:
    """Who asks for which end of a CNAME chain follows from seed and client, in either lab; not all ask for one."""
    played = msgspec.structs.replace(scenario([CHAIN], CLIENTS), seed=seed)
    memory = _in_memory(played)
    assert memory == _over_sockets(played, prepared)
    assert len({tuple(names) for names in memory.values()}) > 1

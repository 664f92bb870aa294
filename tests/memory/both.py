"""One scenario played twice, over sockets and in memory, and what a verdict rests on in each."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import uvloop

from ssosim.clock import VirtualClock
from ssosim.estate import DnsResolver, Estate, default_estate
from ssosim.faults import Fault, fault_from
from ssosim.lab.core.lab import Lab
from ssosim.memory import Engine, MemoryLab
from ssosim.scenario.client_choice import model_of
from ssosim.scenario.in_memory import play_in_memory
from ssosim.scenario.model import Client, Phase, Scenario
from ssosim.scenario.phases import Playback
from ssosim.scenario.player import play
from ssosim.trace import Record

__all__ = ["BEGIN", "MODELS", "RESOLVER", "Said", "in_memory", "over_sockets", "scenario"]

BEGIN = datetime(2025, 2, 25, 16, 0, tzinfo=UTC)
HOURS = 2
MODELS = ("office", "browser-linux", "token-validator", "native-prompt", "azure-identity", "msal-dotnet-iwa",
          "msal4j-iwa", "federated-user")  # fmt: skip
DEVICES = {"federated-user": "desk-3"}
RESOLVER = DnsResolver(name="resolver-1", address="10.10.0.54", validate=True)


class Said(NamedTuple):
    """A verdict: its outcome, its reason, the kinds of its evidence in order, and when it stood."""

    outcome: str
    reason: str
    evidence: tuple[str, ...]
    after_s: float | None


def scenario(
    faults: Iterable[dict[str, Any] | Fault],
    models: Sequence[str] = MODELS,
    *,
    ipv6: bool = False,
    resolvers: tuple[DnsResolver, ...] = (),
) -> Scenario:
    """Two hours with ``faults`` in force, and ``models`` that sign in at their beginning."""
    applied = tuple(each if isinstance(each, Fault) else fault_from(each) for each in faults)
    return Scenario(
        name="both",
        title="the same twice",
        end=BEGIN + timedelta(hours=HOURS),
        phases=(Phase(name="broken", start=BEGIN, faults=applied),),
        clients=tuple(Client(name=name, model=name, ipv6=ipv6, device=DEVICES.get(name)) for name in models),
        resolvers=resolvers,
    )


def over_sockets(played: Scenario, cache: Path, estate: Estate | None = None) -> dict[tuple[str, str], Said]:
    """The verdicts by phase and client, over real DNS, TLS and Kerberos in virtual time."""

    async def run() -> dict[tuple[str, str], Said]:
        clock = VirtualClock(played.phases[0].start.timestamp())
        with tempfile.TemporaryDirectory(prefix="both-") as home:
            async with Lab(played.estate(estate or default_estate()), Path(home), cache, clock=clock) as lab:
                playback = await play(played, lab, clock, {each.name: model_of(each) for each in played.clients})
                return _said(playback, lab.trace.since())

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


def in_memory(played: Scenario, estate: Estate | None = None) -> dict[tuple[str, str], Said]:
    """The verdicts by phase and client, in memory."""
    there = estate or default_estate()
    lab = MemoryLab(Engine(played.phases[0].start.timestamp()), played.estate(there))
    playback = play_in_memory(played, there, {each.name: model_of(each) for each in played.clients}, lab=lab)
    return _said(playback, lab.trace.since())


def _said(playback: Playback, records: Sequence[Record]) -> dict[tuple[str, str], Said]:
    kinds = {record.seq: type(record.event).__name__ for record in records}
    return {
        (result.phase, result.client): Said(
            result.verdict.outcome.value,
            result.verdict.reason,
            tuple(kinds[seq] for seq in result.verdict.evidence),
            result.verdict.after_s,
        )
        for result in playback.results
    }

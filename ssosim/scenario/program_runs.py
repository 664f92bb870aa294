"""The programs among the clients of one phase: side by side, so many at once, each with its own watch.

The clock of the scenario stands still while they run, so how long they take is measured in real time.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from ssosim.scenario.model import Client
from ssosim.trace import Record, Trace
from ssosim.verdict.judge import Verdict
from ssosim.verdict.outcome import Outcome

__all__ = ["NOT_TIMED", "ProgramRunner", "ProgramTimes", "default_at_once", "run_side_by_side"]

ProgramRunner = Callable[[Client], Awaitable[None]]
"""Runs a client's program on a device of its own, to its end or its deadline, under the client's name."""


@dataclass(frozen=True, slots=True)
class ProgramTimes:
    """One run of a program in real seconds from its start: when its records came, by number, and when it ended."""

    records: Mapping[int, float]
    ended: float

    def decided(self, verdict: Verdict) -> float:
        """When ``verdict`` stood: at the sign-in that holds; for a failure at the end of the program."""
        if verdict.outcome in (Outcome.SILENT, Outcome.INTERACTIVE) and verdict.evidence:
            return self.records.get(verdict.evidence[-1], self.ended)
        return self.ended


NOT_TIMED: Mapping[str, ProgramTimes] = MappingProxyType({})
"""Where no program ran."""


def default_at_once() -> int:
    """How many programs run at once: two for each core, since they wait more than they work."""
    return 2 * (os.cpu_count() or 1)


@dataclass(slots=True)
class _Watch:
    started: float | None = None
    records: dict[int, float] = field(default_factory=dict)
    ended: float = 0.0


async def run_side_by_side(
    clients: Sequence[Client], run_program: ProgramRunner, trace: Trace, at_once: int | None = None
) -> dict[str, ProgramTimes]:
    """Run the programs of ``clients``, ``at_once`` of them at a time; the times of each by client name.

    What one raises is raised, and ends the others.
    """
    watches = {client.name: _Watch() for client in clients}
    places = asyncio.Semaphore(max(1, at_once or default_at_once()))

    def note(record: Record) -> None:
        watch = watches.get(record.client)
        if watch is not None and watch.started is not None:
            watch.records[record.seq] = time.monotonic() - watch.started

    async def run(client: Client) -> None:
        async with places:
            watch = watches[client.name]
            watch.started = began = time.monotonic()
            await run_program(client)
            watch.ended = time.monotonic() - began

    stop = trace.subscribe(note)
    try:
        async with asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(run(client))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    finally:
        stop()
    return {name: ProgramTimes(watch.records, watch.ended) for name, watch in watches.items()}

"""Run the programs among the clients of one phase in parallel, each with its own stopwatch.

The clock of the scenario stands still while they run, so their durations are measured in real time, and the times of
their trace records are real seconds after the start of the program.
"""

from __future__ import annotations

import asyncio
import contextlib
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
"""Runs a client's program on its own device, under the client's name, to its end or its deadline."""


@dataclass(frozen=True, slots=True)
class ProgramTimes:
    """Times of one run of a program in real seconds from its start: of its trace records, by number, and of its end."""

    records: Mapping[int, float]
    ended: float

    def decided(self, verdict: Verdict) -> float:
        """Return the time of the decision: of the final sign-in, or for a failure of the program's end."""
        if verdict.outcome in (Outcome.SILENT, Outcome.INTERACTIVE) and verdict.evidence:
            return self.records.get(verdict.evidence[-1], self.ended)
        return self.ended


NOT_TIMED: Mapping[str, ProgramTimes] = MappingProxyType({})
"""The times if no program ran."""


def default_at_once() -> int:
    """Return the number of programs to run in parallel: two per core, since they mostly wait."""
    return 2 * (os.cpu_count() or 1)


@dataclass(slots=True)
class _Stopwatch:
    started: float | None = None
    records: dict[int, float] = field(default_factory=dict)
    ended: float = 0.0


async def run_side_by_side(
    clients: Sequence[Client], run_program: ProgramRunner, trace: Trace, at_once: int | None = None
) -> dict[str, ProgramTimes]:
    """Run the programs of ``clients``, ``at_once`` of them in parallel, and return their times by client name.

    The first exception of a program's run is raised, and ends the other programs.
    """
    stopwatches = {client.name: _Stopwatch() for client in clients}
    slots = asyncio.Semaphore(max(1, at_once or default_at_once()))

    def note(record: Record) -> None:
        stopwatch = stopwatches.get(record.client)
        if stopwatch is not None and stopwatch.started is not None:
            stopwatch.records[record.seq] = time.monotonic() - stopwatch.started

    async def run(client: Client) -> None:
        async with slots:
            stopwatch = stopwatches[client.name]
            timing.callback(trace.time_in_real_seconds(client.name))
            stopwatch.started = began = time.monotonic()
            await run_program(client)
            stopwatch.ended = time.monotonic() - began

    stop = trace.subscribe(note)
    timing = contextlib.ExitStack()  # ends with the last program, for the late records of an earlier one
    try:
        async with asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(run(client))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    finally:
        stop()
        timing.close()
    return {name: ProgramTimes(stopwatch.records, stopwatch.ended) for name, stopwatch in stopwatches.items()}

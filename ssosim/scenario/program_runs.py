"""Run the programs among the clients of one phase, each with its own stopwatch.

A program runs in real time: real seconds pass for the lab meanwhile (``Lab.real_time``), and the times of a program's
trace records are the start of the phase plus the real seconds since the program's start. If the faults of the phase
stay as they are, the programs run in parallel. If they change within the phase, each program runs alone, and the phase
begins anew for it: its steps and time limits count in real seconds from the program's start or first message.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Protocol

from ssosim.clock import RealTimeSpan
from ssosim.faults import FaultError
from ssosim.scenario.model import Client, Phase
from ssosim.trace import FaultUndone, Record, Trace
from ssosim.verdict.judge import Verdict
from ssosim.verdict.outcome import Outcome
from ssosim.verdict.steps import is_on_the_wire

__all__ = ["NOT_TIMED", "ProgramRunner", "ProgramTimes", "default_at_once", "run_programs", "run_side_by_side"]

ProgramRunner = Callable[[Client], Awaitable[None]]
"""Runs a client's program on its own device, under the client's name, to its end or its deadline."""


@dataclass(frozen=True, slots=True)
class ProgramTimes:
    """Times of one run of a program in real seconds from its start: of its trace records, by number, and of its end.

    ``undone`` is the time when the last fault was undone while it ran, None if none was. ``last_seq`` is the number of
    the last trace record at the end of all programs of the phase.
    """

    records: Mapping[int, float]
    ended: float
    undone: float | None = None
    last_seq: int = 0

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


class RealTimeLab(Protocol):
    """A lab that lets real seconds pass while programs run."""

    trace: Trace

    def real_time(self) -> AbstractAsyncContextManager[RealTimeSpan]:
        """Let real seconds pass within the block."""
        ...


@dataclass(slots=True)
class _Stopwatch:
    started: float | None = None
    records: dict[int, float] = field(default_factory=dict)
    ended: float = 0.0
    undone: float | None = None


async def run_programs(
    clients: Sequence[Client],
    run_program: ProgramRunner,
    lab: RealTimeLab,
    phase: Phase,
    enter: Callable[[], Sequence[tuple[float, Callable[[], None]]]],
    at_once: int | None = None,
    *,
    began: float,
) -> dict[str, ProgramTimes]:
    """Run the programs of ``clients`` in ``phase``, and return their times by client name.

    ``enter`` begins the phase anew, if its faults change, and returns its later steps, each with its seconds from
    then. ``began`` is that moment, in seconds since the Unix epoch.
    ``at_once``: as for ``run_side_by_side``; 1 if the faults change within the phase.
    """
    groups = [[client] for client in clients] if phase.changes else [list(clients)]
    times: dict[str, ProgramTimes] = {}
    for group in groups:
        async with lab.real_time() as span:
            steps = enter()
            failed: list[FaultError] = []
            for after, act in steps:
                span.call_later(after, partial(_act, act, failed))
            with _starting_timers(span, lab.trace, {client.name for client in group}, phase):
                times |= await run_side_by_side(group, run_program, lab.trace, at_once, began=began)
            if failed:
                raise failed[0]
    return {name: replace(each, last_seq=lab.trace.last_seq) for name, each in times.items()}


def _act(act: Callable[[], None], failed: list[FaultError]) -> None:
    """Apply or undo the faults of a step; a fault that does not fit is raised at the end of the program."""
    try:
        act()
    except FaultError as error:
        failed.append(error)


@contextlib.contextmanager
def _starting_timers(span: RealTimeSpan, trace: Trace, clients: Collection[str], phase: Phase) -> Iterator[None]:
    """Start the timers of ``span`` at the start of the first program of ``clients``, or at its first message.

    The first record of a program is its device, just before it starts.
    """

    def look(record: Record) -> None:
        if record.client in clients and (phase.steps_from == "start" or is_on_the_wire(record.event)):
            span.start_timers()

    stop = trace.subscribe(look)
    try:
        yield
    finally:
        stop()


async def run_side_by_side(
    clients: Sequence[Client],
    run_program: ProgramRunner,
    trace: Trace,
    at_once: int | None = None,
    *,
    began: float | None = None,
) -> dict[str, ProgramTimes]:
    """Run the programs of ``clients``, ``at_once`` of them in parallel, and return their times by client name.

    ``began``: the start of the phase in seconds since the Unix epoch, from which the times of their records count; by
    default the present time of the lab. The first exception of a program's run is raised, and ends the other programs.
    """
    stopwatches = {client.name: _Stopwatch() for client in clients}
    slots = asyncio.Semaphore(max(1, at_once or default_at_once()))

    def note(record: Record) -> None:
        stopwatch = stopwatches.get(record.client)
        if stopwatch is not None and stopwatch.started is not None:
            stopwatch.records[record.seq] = time.monotonic() - stopwatch.started
        if isinstance(record.event, FaultUndone):
            for each in stopwatches.values():
                if each.started is not None and not each.ended:
                    each.undone = time.monotonic() - each.started

    async def run(client: Client) -> None:
        async with slots:
            stopwatch = stopwatches[client.name]
            timing.callback(trace.time_in_real_seconds(client.name, began))
            stopwatch.started = started = time.monotonic()
            await run_program(client)
            stopwatch.ended = time.monotonic() - started

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
    return {name: ProgramTimes(each.records, each.ended, each.undone) for name, each in stopwatches.items()}

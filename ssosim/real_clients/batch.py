"""One scenario in a lab of its own, in a process of its own: what the matrix is made of.

``python -m ssosim.real_clients.batch`` reads a job as JSON from its standard input, and writes JSON lines: a phase that
begins, and at the end the cells.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable

import msgspec

from ssosim.lab.base import linux
from ssosim.lab.base.errors import LabError
from ssosim.lab.base.folder import LabFolder
from ssosim.lab.process.launcher import launch
from ssosim.real_clients.sent_requests import Seen, seen_of
from ssosim.scenario.model import Scenario
from ssosim.trace import PhaseStarted, Record
from ssosim.trace.export import read_jsonl

__all__ = ["Cell", "Job", "play_job"]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """``scenario`` is played in the lab called ``lab``, ``at_once`` programs of it side by side.

    ``waits``: its clients wait for long, and need no processor meanwhile.
    """

    lab: str
    scenario: Scenario
    at_once: int = 4
    waits: bool = False


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One client in one phase. ``decided_s``: real seconds from a program's start until its verdict stood."""

    scenario: str
    phase: str
    client: str
    outcome: str
    reason: str
    spn: str = ""
    decided_s: float | None = None
    expected: str | None = None
    seen: Seen = Seen()


def play_job(job: Job, begins: Callable[[str], None] = lambda _: None) -> tuple[Cell, ...]:
    """Play it; ``begins`` is called with the name of each phase. Raises LabError."""
    folder = LabFolder.of(job.lab)

    def work(_: int, tell: int) -> int:
        from ssosim.scenario.private_run import run_in_world  # noqa: PLC0415 - inside the world only

        return run_in_world(folder, job.scenario, None, tell, at_once=job.at_once)

    told = 0

    def look() -> None:
        nonlocal told
        begun = _phases(folder)
        for phase in begun[told:]:
            begins(phase)
        told = len(begun)

    world, message = launch(folder, work, meanwhile=look)
    world.end()
    world.wait()
    look()
    return tuple(_cells(job.scenario, message["playback"], folder))


def _phases(folder: LabFolder) -> list[str]:
    try:
        text = folder.trace.read_text(encoding="utf-8")
    except OSError:
        return []
    lines = text.split("\n")[:-1]
    return [json.loads(line)["phase"] for line in lines if '"PhaseStarted"' in line]


def _cells(scenario: Scenario, playback: dict[str, object], folder: LabFolder) -> Iterable[Cell]:
    from ssosim.lab.base.estate_option import read_estate  # noqa: PLC0415

    estate = read_estate(None)
    # The company's own zone is what a resolver appends to every name, and no step of a sign-in.
    zones = [zone.name for zone in estate.zones if zone.name != estate.realm.domain]
    with folder.trace.open(encoding="utf-8") as lines:
        records = _by_phase(read_jsonl(lines))
    phases: list[dict[str, dict[str, dict[str, object]]]] = playback["phases"]  # type: ignore[assignment]
    for phase in phases:
        name = str(phase["phase"])
        for client, result in phase["clients"].items():
            own = [record for record in records.get(name, ()) if record.client == client]
            yield msgspec.convert(
                {
                    "scenario": scenario.name,
                    "phase": name,
                    "client": client,
                    "outcome": result["outcome"],
                    "reason": result["reason"],
                    "spn": result["spn"],
                    "decided_s": result["decided_s"],
                    "expected": result["expected"],
                    "seen": msgspec.to_builtins(seen_of(own, zones)),
                },
                Cell,
            )


def _by_phase(records: Iterable[Record]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    phase = ""
    for record in records:
        if isinstance(record.event, PhaseStarted):
            phase = record.event.phase
        found.setdefault(phase, []).append(record)
    return found


def _main() -> int:
    linux.die_with_parent(os.getppid())
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    try:
        cells = play_job(job, lambda phase: print(json.dumps({"phase": phase}), flush=True))
    except LabError as error:
        print(json.dumps({"error": str(error), "exit_code": error.exit_code}), flush=True)
        return 0
    print(json.dumps({"cells": msgspec.to_builtins(cells)}), flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(_main())
    except KeyboardInterrupt:  # passed on by who started this, and told there
        sys.exit(130)

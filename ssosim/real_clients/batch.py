"""One scenario in a lab of its own, in a process of its own: what the matrix is made of.

``python -m ssosim.real_clients.batch`` reads a job as JSON from its standard input, and writes JSON lines
(``Message``): a phase that begins, and at the end the cells.
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
from ssosim.real_clients.sent_requests import Seen, seen_of
from ssosim.scenario.model import Scenario
from ssosim.scenario.private_play import play_privately
from ssosim.trace import PhaseStarted, Record
from ssosim.trace.export import read_records
from ssosim.verdict.outcome import Outcome
from ssosim.verdict.result import RunResult

__all__ = ["Begun", "Cell", "Done", "Job", "Message", "Stopped", "play_job"]


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
    outcome: Outcome
    reason: str
    spn: str = ""
    decided_s: float | None = None
    expected: Outcome | None = None
    seen: Seen = Seen()


class Begun(msgspec.Struct, frozen=True, kw_only=True, tag_field="what", tag="begun"):
    """A phase begins."""

    phase: str


class Stopped(msgspec.Struct, frozen=True, kw_only=True, tag_field="what", tag="stopped"):
    """The job came to nothing: why, and the exit code for that."""

    error: str
    exit_code: int


class Done(msgspec.Struct, frozen=True, kw_only=True, tag_field="what", tag="done"):
    """The job is done."""

    cells: tuple[Cell, ...]


Message = Begun | Stopped | Done
"""What the process of a job says, one a line."""


def play_job(job: Job, begins: Callable[[str], None] = lambda _: None) -> tuple[Cell, ...]:
    """Play it; ``begins`` is called with the name of each phase. Raises LabError."""
    folder = LabFolder.of(job.lab)
    told = 0

    def look() -> None:
        nonlocal told
        begun = _phases(folder)
        for phase in begun[told:]:
            begins(phase)
        told = len(begun)

    result = play_privately(folder, job.scenario, at_once=job.at_once, meanwhile=look)
    look()
    return tuple(_cells(result, folder))


def _phases(folder: LabFolder) -> list[str]:
    try:
        text = folder.trace.read_text(encoding="utf-8")
    except OSError:
        return []
    lines = text.split("\n")[:-1]
    return [json.loads(line)["phase"] for line in lines if '"PhaseStarted"' in line]


def _cells(result: RunResult, folder: LabFolder) -> Iterable[Cell]:
    from ssosim.lab.base.estate_option import read_estate  # noqa: PLC0415

    estate = read_estate(None)
    # The company's own zone is what a resolver appends to every name, and no step of a sign-in.
    zones = [zone.name for zone in estate.zones if zone.name != estate.default_realm.domain]
    with folder.trace.open(encoding="utf-8") as lines:
        records = _by_phase(read_records(lines))
    for phase in result.phases:
        for client, came_to in phase.clients.items():
            own = [record for record in records.get(phase.phase, ()) if record.client == client]
            yield Cell(
                scenario=result.scenario,
                phase=phase.phase,
                client=client,
                outcome=came_to.outcome,
                reason=came_to.reason,
                spn=came_to.spn,
                decided_s=came_to.decided_s,
                expected=came_to.expected,
                seen=seen_of(own, zones),
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
        cells = play_job(job, lambda phase: _say(Begun(phase=phase)))
    except LabError as error:
        _say(Stopped(error=str(error), exit_code=error.exit_code))
        return 0
    _say(Done(cells=cells))
    return 0


def _say(message: Message) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    try:
        sys.exit(_main())
    except KeyboardInterrupt:  # passed on by who started this, and told there
        sys.exit(130)

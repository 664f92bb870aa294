"""Play one scenario in its own lab and process: one job of the matrix.

``python -m ssosim.real_clients.batch`` reads a job as JSON from its standard input, and writes JSON lines
(``Message``): one at the start of each phase, and the cells or an error at the end.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from ssosim.lab.base import linux
from ssosim.lab.base.errors import LabError
from ssosim.lab.base.folder import LabFolder
from ssosim.real_clients.sent_requests import SentRequests, collect_sent_requests
from ssosim.scenario.model import Scenario
from ssosim.scenario.private_play import play_privately
from ssosim.trace import PhaseStarted, Record, SignInsStarted
from ssosim.trace.export import read_records
from ssosim.verdict.expectations import BrokenExpectation, Expectation
from ssosim.verdict.outcome import Outcome, label_phase
from ssosim.verdict.result import RunResult
from ssosim.verdict.status import Status

__all__ = ["Cell", "Job", "JobDone", "JobFailed", "Message", "PhaseBegan", "play_job"]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario to play in the lab called ``lab``, with ``at_once`` programs in parallel.

    ``waits``: its clients mostly wait, and need little processor time. ``estate``: a shipped estate by name; None is
    Contoso.
    """

    lab: str
    scenario: Scenario
    at_once: int = 4
    waits: bool = False
    estate: str | None = None


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one client in one phase.

    ``decided_s``: real seconds from the program's start to the decision. ``sent``: the requests that it sent.
    ``expected`` is what the client's manifest and the scenario expect of it, None for nothing; ``broken`` are the parts
    of it that do not hold. ``status`` is ``not-judged`` where no outcome is expected.
    """

    scenario: str
    phase: str
    client: str
    outcome: Outcome
    reason: str
    spn: str = ""
    decided_s: float | None = None
    expected: Expectation | None = None
    broken: tuple[BrokenExpectation, ...] = ()
    as_expected: bool = True
    status: Status = "not-judged"
    sent: SentRequests = SentRequests()

    def __str__(self) -> str:
        """Return the client and its place: ``curl/winauth-sso in feb-2025#cname``."""
        return f"{self.client} in {self.scenario}#{self.phase}"


class PhaseBegan(msgspec.Struct, frozen=True, kw_only=True, tag_field="what", tag="begun"):
    """A phase has started."""

    phase: str


class JobFailed(msgspec.Struct, frozen=True, kw_only=True, tag_field="what", tag="stopped"):
    """The job failed: the error text and its exit code."""

    error: str
    exit_code: int


class JobDone(msgspec.Struct, frozen=True, kw_only=True, tag_field="what", tag="done"):
    """The job is done."""

    cells: tuple[Cell, ...]


Message = PhaseBegan | JobFailed | JobDone
"""The messages of a job's process, one per line."""


def play_job(job: Job, on_phase: Callable[[str], None] = lambda _: None) -> tuple[Cell, ...]:
    """Play ``job`` and return its cells; ``on_phase`` is called with the name of each phase. Raises LabError."""
    folder = LabFolder.of(job.lab)
    reported = 0

    def look() -> None:
        nonlocal reported
        begun = _read_phases(folder)
        for phase in begun[reported:]:
            on_phase(phase)
        reported = len(begun)

    name = job.estate or job.scenario.default_estate
    estate = Path(name) if name else None
    result = play_privately(folder, job.scenario, estate, at_once=job.at_once, meanwhile=look)
    look()
    return tuple(_build_cells(result, folder, estate))


def _read_phases(folder: LabFolder) -> list[str]:
    try:
        text = folder.trace.read_text(encoding="utf-8")
    except OSError:
        return []
    lines = text.split("\n")[:-1]
    # In a text, such as what a program printed, the quotes are escaped.
    return [json.loads(line)["phase"] for line in lines if '"event":"PhaseStarted"' in line]


def _build_cells(result: RunResult, folder: LabFolder, estate_file: Path | None) -> Iterable[Cell]:
    from ssosim.lab.base.estate_option import read_estate  # noqa: PLC0415

    estate = read_estate(estate_file)
    # A resolver appends the company's own zone to every name; such queries are not a step of a sign-in.
    zones = [zone.name for zone in estate.zones if zone.name != estate.default_realm.domain]
    with folder.trace.open(encoding="utf-8") as lines:
        records = _group_by_phase(read_records(lines))
    for phase in result.phases:
        for client, result_of_client in phase.clients.items():
            own = [record for record in records.get(phase.label, ()) if record.client == client]
            yield Cell(
                scenario=result.scenario,
                phase=phase.label,
                client=client,
                outcome=result_of_client.outcome,
                reason=result_of_client.reason,
                spn=result_of_client.spn,
                decided_s=result_of_client.decided_s,
                expected=result_of_client.expected,
                broken=result_of_client.broken,
                status=result_of_client.status,
                as_expected=result_of_client.as_expected,
                sent=collect_sent_requests(own, zones),
            )


def _group_by_phase(records: Iterable[Record]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    phase = ""
    for record in records:
        if isinstance(record.event, PhaseStarted):
            phase = record.event.phase
        elif isinstance(record.event, SignInsStarted):
            phase = label_phase(record.event.phase, record.event.sign_in_at)
        found.setdefault(phase, []).append(record)
    return found


def _main() -> int:
    linux.set_death_signal(signal.SIGKILL)  # a parent that has ended already sends no job
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    try:
        cells = play_job(job, lambda phase: _send(PhaseBegan(phase=phase)))
    except LabError as error:
        _send(JobFailed(error=str(error), exit_code=error.exit_code))
        return 0
    _send(JobDone(cells=cells))
    return 0


def _send(message: Message) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    try:
        sys.exit(_main())
    except KeyboardInterrupt:  # sent by the parent process, which reports it
        sys.exit(130)

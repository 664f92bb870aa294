"""The progress of a run: phases are told by their own records, whatever programs print and are called."""

from __future__ import annotations

import io
from pathlib import Path

from ssosim.lab.base.folder import LabFolder
from ssosim.real_clients.batch import _read_phases
from ssosim.report.progress import Progress
from ssosim.trace import ClientFinished, ClientMessage, Event, PhaseStarted, Record, UserPrompted
from ssosim.trace.export import record_to_json

LIES: tuple[tuple[str, Event], ...] = (
    ("c", ClientMessage(text="PhaseStarted")),
    ("c", ClientMessage(text='{"event":"PhaseStarted","phase":"a lie"}')),
    ("PhaseStarted", UserPrompted(reason="PhaseStarted")),
    ("c", ClientFinished(program="PhaseStarted", exit_code=0, error='"event":"PhaseStarted"')),
)


class Terminal(io.StringIO):
    """A terminal that keeps what is written."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def write_trace(path: Path, *phases: str) -> None:
    """A trace with these phases, and after each of them the lines that only look like one."""
    records, seq = [], 0
    for phase in phases:
        for client, event in (("", PhaseStarted(scenario="s", phase=phase)), *LIES):
            seq += 1
            records.append(record_to_json(Record(seq, 1_740_000_000.0, client, event)) + "\n")
    path.write_text("".join(records), encoding="utf-8")


def test_only_a_phase_is_progress(tmp_path: Path) -> None:
    """A program that prints the name of the event, or is called so, is no phase, and does not break the run."""
    trace, terminal = tmp_path / "trace.jsonl", Terminal()
    write_trace(trace, "healthy", "broken")
    progress = Progress(trace, 2, terminal)
    progress.look()
    shown = terminal.getvalue()
    assert "phase 1 of 2: healthy" in shown
    assert "phase 2 of 2: broken" in shown
    assert "a lie" not in shown
    assert "phase 3" not in shown


def test_a_line_that_is_still_written_is_read_later(tmp_path: Path) -> None:
    """Half a line is kept until its end comes; the file need not exist yet."""
    trace, terminal = tmp_path / "trace.jsonl", Terminal()
    progress = Progress(trace, 1, terminal)
    progress.look()
    write_trace(tmp_path / "whole", "healthy")
    whole = (tmp_path / "whole").read_bytes()
    for end in (10, 60, len(whole)):
        trace.write_bytes(whole[:end])
        progress.look()
    assert terminal.getvalue().count("phase 1 of 1: healthy") == 1
    progress.end()


def test_the_phases_of_a_job_are_those_of_its_trace(tmp_path: Path) -> None:
    """A job of the matrix tells each phase once; before its trace exists there is none."""
    folder = LabFolder("x", tmp_path)
    assert _read_phases(folder) == []
    folder.trace.parent.mkdir(parents=True, exist_ok=True)
    write_trace(folder.trace, "healthy", "broken")
    assert _read_phases(folder) == ["healthy", "broken"]

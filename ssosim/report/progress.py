"""Show the phases of a run on a terminal while it runs; without a terminal nothing is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO

from ssosim.output import StatusLine

__all__ = ["Progress"]

_PHASE = b'"event":"PhaseStarted"'  # in a text, such as what a program printed, the quotes are escaped


class Progress:
    """Follows the trace file of a running lab and shows its present phase on one line, which is overwritten."""

    def __init__(self, trace: Path, phases: int, terminal: TextIO) -> None:
        self._trace = trace
        self._phases = phases
        self._line = StatusLine(terminal) if terminal.isatty() else None
        self._offset = 0
        self._rest = b""
        self._seen = 0

    def look(self) -> None:
        """Read new records and show the phase; does nothing without a terminal or a file."""
        if self._line is None:
            return
        try:
            with self._trace.open("rb") as file:
                file.seek(self._offset)
                new = file.read()
        except OSError:
            return
        self._offset += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        for line in lines:
            if _PHASE in line:
                self._seen += 1
                event = json.loads(line)
                self._line.show(f"{event['at'][11:16]} UTC  phase {self._seen} of {self._phases}: {event['phase']}")

    def end(self) -> None:
        """Remove the line."""
        if self._line is not None:
            self._line.clear()

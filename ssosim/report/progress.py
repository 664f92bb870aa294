"""The phases of a run on the terminal, as they pass. Says nothing where nobody looks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO

from ssosim.output import StatusLine

__all__ = ["Progress"]

_PHASE = b'"PhaseStarted"'


class Progress:
    """Follows the trace file of a running lab and shows the phase that it is in, on one line that is written over."""

    def __init__(self, trace: Path, phases: int, terminal: TextIO) -> None:
        self._trace = trace
        self._phases = phases
        self._line = StatusLine(terminal) if terminal.isatty() else None
        self._offset = 0
        self._rest = b""
        self._seen = 0

    def look(self) -> None:
        """Read what is new, and show it; cheap, and silent when there is no terminal or no file yet."""
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

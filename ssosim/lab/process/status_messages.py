"""What a lab's own process tells the command that started it: one line of JSON through a pipe.

Either what it has come to (``status`` of a lab that is ready, the result of a run), or a failure. Imports next to
nothing: the command does, too.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass

__all__ = ["Failure", "failure", "failure_in", "tell"]

_FAILED = b'{"error":'
_UNKNOWN = 1  # the exit code of a LabError


@dataclass(frozen=True, slots=True)
class Failure:
    """Why it came to nothing, and the exit code for that."""

    error: str
    exit_code: int


def failure(error: str, exit_code: int) -> bytes:
    """The line that tells a failure."""
    return json.dumps({"error": error, "exit_code": exit_code}, separators=(",", ":")).encode()


def failure_in(line: bytes) -> Failure | None:
    """The failure that ``line`` tells; None for one that tells something else."""
    if not line.startswith(_FAILED):
        return None
    try:
        told = json.loads(line)
        return Failure(str(told["error"]), int(told["exit_code"]))
    except (KeyError, TypeError, ValueError):
        return Failure(f"the lab told a failure that cannot be read: {line[:200]!r}", _UNKNOWN)


def tell(descriptor: int, line: bytes) -> None:
    """Send ``line``; it does not matter if nobody listens any more."""
    with os.fdopen(descriptor, "wb") as stream, contextlib.suppress(BrokenPipeError):
        stream.write(line + b"\n")

"""The message that a lab's process sends to the command that started it: one line of JSON through a pipe.

It is the result (the status of a lab that is ready, or the result of a run), or a failure. This module imports almost
nothing, because the command must start fast.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass

__all__ = ["Failure", "encode_failure", "read_failure", "send_line"]

_FAILED = b'{"error":'
_UNKNOWN = 1  # the exit code of a LabError


@dataclass(frozen=True, slots=True)
class Failure:
    """The error text, and the exit code of the command."""

    error: str
    exit_code: int


def encode_failure(error: str, exit_code: int) -> bytes:
    """Encode a failure as one line of JSON, without the line end."""
    return json.dumps({"error": error, "exit_code": exit_code}, separators=(",", ":")).encode()


def read_failure(line: bytes) -> Failure | None:
    """Return the failure in ``line``; None if the line is a result."""
    if not line.startswith(_FAILED):
        return None
    try:
        message = json.loads(line)
        return Failure(str(message["error"]), int(message["exit_code"]))
    except (KeyError, TypeError, ValueError):
        return Failure(f"the lab sent a failure that cannot be read: {line[:200]!r}", _UNKNOWN)


def send_line(descriptor: int, line: bytes) -> None:
    """Send ``line`` and close ``descriptor``. A closed reading end is not an error."""
    with os.fdopen(descriptor, "wb") as stream, contextlib.suppress(BrokenPipeError):
        stream.write(line + b"\n")

"""The launcher: start a lab from the command in the user's terminal, and wait until it is ready or has ended.

The launcher imports as little as possible. The lab's own process imports the other modules, after the fork, while the
KDC starts.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ssosim.lab.base.errors import LabError, LabInputError, LabNameTakenError, PrerequisiteError
from ssosim.lab.base.folder import LabFolder
from ssosim.lab.process.control_extensions import ControlExtensions
from ssosim.lab.process.namespaces import Namespaces, Outside, start_in_namespaces
from ssosim.lab.process.status_messages import Failure, read_failure
from ssosim.output import guard_streams

if TYPE_CHECKING:  # imported while the lab starts
    from ssosim.lab.control.answers import LabStatus, Ready

__all__ = ["LabMain", "StartedLab", "explain_end", "launch", "start_lab", "wait_for_end"]

_START_TIMEOUT_S = 60.0
_END_TIMEOUT_S = 5.0
_POLL_S = 0.01
_LOG_LINES = 12
_LOG_END = 4096
_KILLED = 128
_POLL_CALL_S = 0.1

LabMain = Callable[[int, int], int]
"""The main function of a lab's process. Arguments: its process id outside of the namespaces, and the descriptor of the
pipe to the launcher. Result: the exit code. It runs inside the namespaces."""


@dataclass(frozen=True, slots=True)
class StartedLab:
    """A lab that is ready: its folder, its namespaces, and the status that it sent."""

    folder: LabFolder
    namespaces: Namespaces
    status: LabStatus
    recovered: str = ""
    """A text for the user: the DNS changes restored from an earlier lab of this name; ``""`` for none."""


def start_lab(
    folder: LabFolder,
    estate_file: Path | None,
    *,
    began: float | None = None,
    extensions: ControlExtensions | None = None,
    fresh: bool = False,
) -> StartedLab:
    """Start a lab and wait until it is ready.

    ``began``: the monotonic time when the command started, for ``ready_s``; None: now. ``fresh``: discard the DNS
    changes of an earlier lab of this name; otherwise they are applied again. The lab's process inherits the listening
    socket in ``extensions``; it is closed here. Raises LabInputError (invalid estate, name in use), PrerequisiteError,
    or LabError with the last lines of the lab's log.
    """
    began = time.monotonic() if began is None else began

    def main(outer_pid: int, pipe: int) -> int:
        from ssosim.lab.process.lab_process import run_lab  # noqa: PLC0415 - heavy, and needed only here

        return run_lab(folder, estate_file, outer_pid=outer_pid, began=began, ready=pipe, extensions=extensions)

    try:
        namespaces, line = launch(folder, main, timeout=_START_TIMEOUT_S, on_poll=_import_answers, fresh=fresh)
    finally:
        if extensions is not None and extensions.listener is not None:
            extensions.listener.close()
    try:
        ready = _read_ready(line)
        return StartedLab(folder, namespaces, ready.status, ready.recovered)
    except LabError:
        namespaces.end()
        raise


def _import_answers() -> None:
    """Import the model of the status while the lab starts, because the import takes a while."""
    import ssosim.lab.control.answers  # noqa: F401, PLC0415


def _read_ready(line: bytes) -> Ready:
    from ssosim.lab.control.answers import Ready, read_answer  # noqa: PLC0415

    return read_answer(line, Ready, "the lab that was started")


def launch(
    folder: LabFolder,
    main: LabMain,
    *,
    timeout: float | None = None,
    on_poll: Callable[[], None] | None = None,
    fresh: bool = True,
) -> tuple[Namespaces, bytes]:
    """Run ``main`` in new namespaces with ``folder`` as the lab's folder; wait for its message, one line of JSON.

    ``timeout``: seconds to wait for the message. ``on_poll`` is called ten times a second during the wait, to show
    progress on the terminal. ``fresh``: remove the ledger of DNS changes of an earlier lab of this name.
    Raises LabNameTakenError when the lab is running, LabInputError when the folder is not this lab's, or the error that
    ``main`` sent. If an error is raised, all processes of the namespaces end.
    """
    lock = folder.try_lock()
    if lock is None:
        raise LabNameTakenError(
            f'a lab "{folder.name}" is up already; stop it with: ssosim down --name {folder.name}, '
            "or give this one another --name"
        )
    folder.clear(keep_ledger=not fresh)
    read_end, write_end = os.pipe()

    def body(outside: Outside) -> int:
        os.close(read_end)
        _redirect_output(folder)
        folder.write_outer_identity(outside.identity)
        return main(outside.pid, write_end)

    namespaces = start_in_namespaces(body, lambda: _tidy(folder))
    os.close(write_end)
    os.close(lock)  # the processes of the lab have inherited it
    try:
        line = _read_line(read_end, timeout, on_poll)
        if line is None or (failed := read_failure(line)) is not None:
            namespaces.end()
            _raise_start_error(folder, failed if line else None, wait_for_end(folder, namespaces))
    except BaseException:
        namespaces.end()
        with contextlib.suppress(ChildProcessError):
            namespaces.wait()
        raise
    return namespaces, line


def _tidy(folder: LabFolder) -> None:
    """Remove what a lab left behind, in the mount namespace that was its own."""
    from ssosim.lab.program_devices.etc_overlay import release  # noqa: PLC0415 - the front needs nothing of it

    release(folder.path / "etc")
    folder.remove_run_files()


def wait_for_end(folder: LabFolder, namespaces: Namespaces) -> int:
    """Wait until all processes of the lab have ended, even if the supervisor was killed; return the exit code."""
    code = namespaces.wait()
    end = time.monotonic() + _END_TIMEOUT_S
    while folder.is_running() and time.monotonic() < end:
        time.sleep(_POLL_S)
    return code


def explain_end(folder: LabFolder, code: int) -> str:
    """Why a lab that nobody stopped has ended, for the user. ``code``: the result of ``wait_for_end``, not 0."""
    if code < 0:
        return f"its supervisor was killed ({_name_signal(-code)})"
    if code > _KILLED:
        return f"its process was killed ({_name_signal(code - _KILLED)})"
    try:
        with folder.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _LOG_END))
            last = log.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
    except OSError:
        last = ""
    return last.removeprefix("ssosim: ") or f"exit code {code}"


def _name_signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _redirect_output(folder: LabFolder) -> None:
    """Redirect the output of the lab's process to its log; only the launcher writes to the terminal."""
    # The owner's permissions are needed for the files that the lab creates. Nobody else may write to them, also where
    # the umask is 002, as for users with a group of their own (pam_umask(8)): the lab enters no folder that others may
    # change.
    os.umask(os.umask(0) & 0o077 | 0o022)
    log = os.open(folder.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    devnull = os.open(os.devnull, os.O_RDONLY)
    os.dup2(devnull, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.close(devnull)
    guard_streams()  # a name in an error must not reach the terminal of who reads the log


def _read_line(descriptor: int, timeout: float | None, on_poll: Callable[[], None] | None = None) -> bytes | None:
    """Read one complete line; None at a timeout, or if the lab ends without one.

    The supervisor holds the writing end as well, so the end of the pipe means that both have ended.
    """
    end = None if timeout is None else time.monotonic() + timeout
    text = bytearray()
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        while True:
            left = None if end is None else max(0.0, end - time.monotonic())
            step = left if on_poll is None else min(_POLL_CALL_S, math.inf if left is None else left)
            if not select.select([stream], [], [], step)[0]:
                if on_poll is None or left == 0:
                    break
                on_poll()
                continue
            chunk = stream.read(65536)
            if not chunk:
                break
            text += chunk
            if chunk.endswith(b"\n"):
                break
    return bytes(text[:-1]) if text.endswith(b"\n") else None


def _raise_start_error(folder: LabFolder, failed: Failure | None, code: int) -> NoReturn:
    if failed is not None:
        kinds = {LabInputError.exit_code: LabInputError, PrerequisiteError.exit_code: PrerequisiteError}
        raise kinds.get(failed.exit_code, LabError)(failed.error)
    if code == PrerequisiteError.exit_code:
        sys.exit(code)  # the supervisor has printed the reason
    try:
        last = folder.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-_LOG_LINES:]
    except OSError:
        last = []
    if code < 0 or code > _KILLED:
        last = last or ["(it is empty)"]
        raise LabError(
            "\n".join([f"the lab did not start: {explain_end(folder, code)}; the end of {folder.log}:", *last])
        )
    raise LabError("\n".join([f"the lab did not start (code {code}); the end of {folder.log}:", *last]))

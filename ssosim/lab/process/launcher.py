"""The front of a lab: what the command in the user's terminal does before and while the lab runs.

Imports as little as possible: everything heavy is imported by the lab's own process, after the fork, while the KDC
starts.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ssosim.lab.base.errors import LabError, LabInputError, MachineLacksError, NameTakenError
from ssosim.lab.base.folder import LabFolder
from ssosim.lab.process.control_extensions import ControlExtensions
from ssosim.lab.process.namespaces import Namespaces, start_in_namespaces
from ssosim.lab.process.status_messages import Failure, failure_in
from ssosim.output import guard_streams

if TYPE_CHECKING:  # imported while the lab starts
    from ssosim.lab.control.answers import LabStatus, Ready

__all__ = ["StartedLab", "Work", "end_of", "launch", "start_lab"]

_START_PATIENCE_S = 60.0
_END_PATIENCE_S = 5.0
_POLL_S = 0.01
_LOG_LINES = 12
_MEANWHILE_S = 0.1

Work = Callable[[int, int], int]
"""(process id as the outside sees it, descriptor to tell the front through) -> exit code. Runs inside the world."""


@dataclass(frozen=True, slots=True)
class StartedLab:
    """A lab that is ready: its folder, its world, and the status that it published."""

    folder: LabFolder
    world: Namespaces
    status: LabStatus
    recovered: str = ""
    """What was taken over from an earlier lab of this name, for people; nothing else."""


def start_lab(
    folder: LabFolder,
    estate_file: Path | None,
    *,
    began: float | None = None,
    extras: ControlExtensions | None = None,
    fresh: bool = False,
) -> StartedLab:
    """Start a lab and wait until it is ready. ``began`` is the monotonic moment from which the user has waited.

    The DNS changes that were applied in an earlier lab of this name stay applied, unless it is to be ``fresh``.

    A listening socket among the ``extras`` is closed here, and the lab's from then on.
    Raises LabInputError (bad estate, name taken), MachineLacksError, or LabError with the end of the lab's log.
    """
    began = time.monotonic() if began is None else began

    def work(outer_pid: int, tell: int) -> int:
        from ssosim.lab.process.lab_process import serve  # noqa: PLC0415 - heavy, and needed only here

        return serve(folder, estate_file, outer_pid=outer_pid, began=began, ready=tell, extras=extras)

    try:
        world, line = launch(folder, work, patience=_START_PATIENCE_S, meanwhile=_import_answers, fresh=fresh)
    finally:
        if extras is not None and extras.listener is not None:
            extras.listener.close()
    try:
        ready = _ready(line)
        return StartedLab(folder, world, ready.status, ready.recovered)
    except LabError:
        world.end()
        raise


def _import_answers() -> None:
    """What the status is read with takes its time to import, and the lab has not started yet."""
    import ssosim.lab.control.answers  # noqa: F401, PLC0415


def _ready(line: bytes) -> Ready:
    from ssosim.lab.control.answers import Ready, read_answer  # noqa: PLC0415

    return read_answer(line, Ready, "the lab that was started")


def launch(
    folder: LabFolder,
    work: Work,
    *,
    patience: float | None = None,
    meanwhile: Callable[[], None] | None = None,
    fresh: bool = True,
) -> tuple[Namespaces, bytes]:
    """Run ``work`` in a private world on ``folder`` and wait for what it tells: one line of JSON.

    ``meanwhile`` is called ten times a second during the wait, for progress on the terminal. Unless ``fresh``, the
    ledger of DNS changes of an earlier lab of this name is left where it is.
    Raises NameTakenError when the name is taken, LabInputError when something that is not the lab's is in its place, or
    the error that the work told. Whatever is raised, the world ends.
    """
    lock = folder.try_lock()
    if lock is None:
        raise NameTakenError(
            f'a lab "{folder.name}" is up already; stop it with: ssosim down --name {folder.name}, '
            "or give this one another --name"
        )
    folder.clear(keep_ledger=not fresh)
    read_end, write_end = os.pipe()

    def body(outer_pid: int) -> int:
        os.close(read_end)
        _quiet(folder)
        return work(outer_pid, write_end)

    world = start_in_namespaces(body, lambda: _tidy(folder))
    os.close(write_end)
    os.close(lock)  # the lab's own processes hold it now
    try:
        line = _read_line(read_end, patience, meanwhile)
        if line is None or (failed := failure_in(line)) is not None:
            world.end()
            _raise(folder, failed if line else None, end_of(folder, world))
    except BaseException:
        world.end()
        with contextlib.suppress(ChildProcessError):
            world.wait()
        raise
    return world, line


def _tidy(folder: LabFolder) -> None:
    """Remove what a lab left behind, in the mount namespace that was its own."""
    from ssosim.lab.program_devices.etc_overlay import release  # noqa: PLC0415 - the front needs nothing of it

    release(folder.path / "etc")
    folder.sweep()


def end_of(folder: LabFolder, world: Namespaces) -> int:
    """Wait until nothing of the lab runs, even if its supervisor was killed; return the exit code."""
    code = world.wait()
    end = time.monotonic() + _END_PATIENCE_S
    while folder.is_running() and time.monotonic() < end:
        time.sleep(_POLL_S)
    return code


def _quiet(folder: LabFolder) -> None:
    """Let the lab's own process speak to its log only; the terminal belongs to the front."""
    os.umask(os.umask(0) & 0o077)  # a lab must be able to use the files that it makes
    log = os.open(folder.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.close(nothing)
    guard_streams()  # a name in an error must not reach the terminal of who reads the log


def _read_line(descriptor: int, patience: float | None, meanwhile: Callable[[], None] | None = None) -> bytes | None:
    """One whole line; None if the other side ends without it. The supervisor holds the pipe open while it lives."""
    end = None if patience is None else time.monotonic() + patience
    text = bytearray()
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        while True:
            left = None if end is None else max(0.0, end - time.monotonic())
            step = left if meanwhile is None else min(_MEANWHILE_S, math.inf if left is None else left)
            if not select.select([stream], [], [], step)[0]:
                if meanwhile is None or left == 0:
                    break
                meanwhile()
                continue
            chunk = stream.read(65536)
            if not chunk:
                break
            text += chunk
            if chunk.endswith(b"\n"):
                break
    return bytes(text[:-1]) if text.endswith(b"\n") else None


def _raise(folder: LabFolder, failed: Failure | None, code: int) -> NoReturn:
    if failed is not None:
        kinds = {LabInputError.exit_code: LabInputError, MachineLacksError.exit_code: MachineLacksError}
        raise kinds.get(failed.exit_code, LabError)(failed.error)
    if code == MachineLacksError.exit_code:
        sys.exit(code)  # the supervisor has said why
    try:
        last = folder.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-_LOG_LINES:]
    except OSError:
        last = []
    raise LabError("\n".join([f"the lab did not start (code {code}); the end of {folder.log}:", *last]))

"""Play several jobs in parallel, each in its own process; collect their cells and report progress.

The labs are in a temporary state folder, so that no files remain however the run ends.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import msgspec

from ssosim.files.owned_folder import temporary_folder
from ssosim.lab.base.errors import LabError, LabInputError, PrerequisiteError
from ssosim.lab.base.folder import ensure_cache_folder
from ssosim.real_clients.batch import Cell, Job, JobDone, JobFailed, Message, PhaseBegan

__all__ = ["Progress", "play_jobs"]

_STOP_TIMEOUT_S = 10.0
_MAX_FOLDER_LENGTH = 50

Progress = Callable[[int, int, Sequence[str]], None]
"""Called with the number of finished phases, the number of all phases, and what runs now (``scenario phase``)."""


@dataclass(slots=True)
class _RunningJob:
    job: Job
    process: subprocess.Popen[bytes]
    phase: str = "starts"
    begun: int = 0
    messages: list[Message] = field(default_factory=list)


def play_jobs(jobs: Sequence[Job], labs_at_once: int, progress: Progress = lambda *_: None) -> tuple[Cell, ...]:
    """Play all jobs in their order, ``labs_at_once`` in parallel, and return their cells. Raises a job's error.

    One more job runs if its clients mostly wait (``Job.waits``). Whatever is raised, KeyboardInterrupt included, every
    lab is ended and its files are removed.
    """
    cells: dict[int, tuple[Cell, ...]] = {}
    with _open_state_folder() as home, _JobProcesses(home) as processes:
        waiting = list(enumerate(jobs))
        phases = sum(len(job.scenario.phases) for job in jobs)
        done = 0
        while waiting or processes.running:
            while (found := _find_startable(waiting, processes.running.values(), labs_at_once)) is not None:
                processes.start(*waiting.pop(found))
            for number, running in processes.wait():
                cells[number] = _read_result(running)
                done += len(running.job.scenario.phases)
            now = [f"{each.job.scenario.name} {each.phase}" for each in processes.running.values()]
            progress(done + sum(max(0, each.begun - 1) for each in processes.running.values()), phases, now)
    return tuple(cell for number in sorted(cells) for cell in cells[number])


def _find_startable(
    waiting: Sequence[tuple[int, Job]], running: Iterable[_RunningJob], labs_at_once: int
) -> int | None:
    """Return the index in ``waiting`` of a job that may start now, or None."""
    waits = [each.job.waits for each in running]
    for place, (_, job) in enumerate(waiting):
        if not any(waits) if job.waits else waits.count(False) < max(1, labs_at_once):
            return place
    return None


@contextlib.contextmanager
def _open_state_folder() -> Iterator[Path]:
    """Yield a temporary state folder."""
    parent = tempfile.gettempdir()
    if len(parent) > _MAX_FOLDER_LENGTH:  # the length of a Unix socket's path is limited
        parent = "/tmp"  # noqa: S108 - the folder made in it is private
    with temporary_folder("ssosim-", parent) as folder:
        yield folder


class _JobProcesses:
    """The running processes of jobs."""

    def __init__(self, home: Path) -> None:
        self._open_state_folder = home
        self._cache = ensure_cache_folder()
        self._selector = selectors.DefaultSelector()
        self.running: dict[int, _RunningJob] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self.running.values():
            with contextlib.suppress(ProcessLookupError):
                each.process.send_signal(signal.SIGINT)
        for each in self.running.values():
            try:
                each.process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                each.process.kill()  # its lab ends with it
                each.process.wait()
            _close_pipes(each)
        self._selector.close()

    def start(self, number: int, job: Job) -> None:
        """Start the process of ``job``, which is job ``number``."""
        process = subprocess.Popen(
            [sys.executable, "-m", "ssosim.real_clients.batch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"SSOSIM_HOME": str(self._open_state_folder), "SSOSIM_CACHE": str(self._cache)},
            start_new_session=True,  # the parent passes Ctrl-C on
        )
        assert process.stdin is not None  # noqa: S101 - asked for
        assert process.stdout is not None  # noqa: S101 - asked for
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(msgspec.json.encode(job))
            process.stdin.close()
        self.running[number] = _RunningJob(job, process)
        self._selector.register(process.stdout, selectors.EVENT_READ, number)

    def wait(self) -> list[tuple[int, _RunningJob]]:
        """Wait up to a second for messages; return the jobs that have ended, with their numbers."""
        ended = []
        for key, _ in self._selector.select(timeout=1.0):
            number: int = key.data
            running = self.running[number]
            assert running.process.stdout is not None  # noqa: S101 - asked for
            line = running.process.stdout.readline()
            message = _decode_message(running, line) if line else None
            if isinstance(message, PhaseBegan):
                running.phase = message.phase
                running.begun += 1
            elif message is not None:
                running.messages.append(message)
            else:
                self._selector.unregister(running.process.stdout)
                running.process.wait()
                ended.append((number, self.running.pop(number)))
                _close_pipes(running)
        return ended


_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


def _decode_message(running: _RunningJob, line: bytes) -> Message:
    try:
        return _decoder.decode(line)
    except msgspec.DecodeError as error:
        name = running.job.scenario.name
        raise LabError(f"{name}: its process sent an invalid message: {error}: {line[:80]!r}") from error


def _close_pipes(running: _RunningJob) -> None:
    for stream in (running.process.stdin, running.process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _read_result(running: _RunningJob) -> tuple[Cell, ...]:
    name = running.job.scenario.name
    for message in running.messages:
        if isinstance(message, JobFailed):
            kinds = {kind.exit_code: kind for kind in (LabInputError, PrerequisiteError)}
            raise kinds.get(message.exit_code, LabError)(f"{name}: {message.error}")
        if isinstance(message, JobDone):
            return message.cells
    raise LabError(f"{name}: the process that played it ended with code {running.process.returncode}")

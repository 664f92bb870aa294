"""Several jobs at once, each in a process of its own; what they come to, and where they are.

The labs stand in a temporary state folder, so that nothing is left, whatever ends the run.
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
from ssosim.real_clients.batch import Begun, Cell, Done, Job, Message, Stopped

__all__ = ["Progress", "play_jobs"]

_END_PATIENCE_S = 10.0
_LONGEST_PLACE = 50

Progress = Callable[[int, int, Sequence[str]], None]
"""Called with how many phases have begun, of how many, and what runs (``scenario phase``)."""


@dataclass(slots=True)
class _Running:
    job: Job
    process: subprocess.Popen[bytes]
    phase: str = "starts"
    begun: int = 0
    said: list[Message] = field(default_factory=list)


def play_jobs(jobs: Sequence[Job], labs_at_once: int, progress: Progress = lambda *_: None) -> tuple[Cell, ...]:
    """Play all jobs, ``labs_at_once`` of them at a time, in their order. Raises the first job's error.

    Of those whose clients wait for long, which costs no processor, one more is under way. Whatever is raised,
    KeyboardInterrupt included, every lab is ended and its files are gone.
    """
    cells: dict[int, tuple[Cell, ...]] = {}
    with _home() as home, _Crew(home) as crew:
        waiting = list(enumerate(jobs))
        phases = sum(len(job.scenario.phases) for job in jobs)
        done = 0
        while waiting or crew.running:
            while (found := _next(waiting, crew.running.values(), labs_at_once)) is not None:
                crew.start(*waiting.pop(found))
            for number, running in crew.wait():
                cells[number] = _result(running)
                done += len(running.job.scenario.phases)
            now = [f"{each.job.scenario.name} {each.phase}" for each in crew.running.values()]
            progress(done + sum(max(0, each.begun - 1) for each in crew.running.values()), phases, now)
    return tuple(cell for number in sorted(cells) for cell in cells[number])


def _next(waiting: Sequence[tuple[int, Job]], running: Iterable[_Running], labs_at_once: int) -> int | None:
    """Where in ``waiting`` the job is that may start now."""
    waits = [each.job.waits for each in running]
    for place, (_, job) in enumerate(waiting):
        if not any(waits) if job.waits else waits.count(False) < max(1, labs_at_once):
            return place
    return None


@contextlib.contextmanager
def _home() -> Iterator[Path]:
    """A state folder for a while."""
    place = tempfile.gettempdir()
    if len(place) > _LONGEST_PLACE:  # the path of a Unix socket is bounded
        place = "/tmp"  # noqa: S108 - the folder made in it is ours alone
    with temporary_folder("ssosim-", place) as folder:
        yield folder


class _Crew:
    """The processes that play."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._cache = ensure_cache_folder()
        self._selector = selectors.DefaultSelector()
        self.running: dict[int, _Running] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self.running.values():
            with contextlib.suppress(ProcessLookupError):
                each.process.send_signal(signal.SIGINT)
        for each in self.running.values():
            try:
                each.process.wait(_END_PATIENCE_S)
            except subprocess.TimeoutExpired:
                each.process.kill()  # its lab ends with it
                each.process.wait()
            _close(each)
        self._selector.close()

    def start(self, number: int, job: Job) -> None:
        """Start ``job``."""
        process = subprocess.Popen(
            [sys.executable, "-m", "ssosim.real_clients.batch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"SSOSIM_HOME": str(self._home), "SSOSIM_CACHE": str(self._cache)},
            start_new_session=True,  # Ctrl-C is for us to pass on
        )
        assert process.stdin is not None  # noqa: S101 - asked for
        assert process.stdout is not None  # noqa: S101 - asked for
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(msgspec.json.encode(job))
            process.stdin.close()
        self.running[number] = _Running(job, process)
        self._selector.register(process.stdout, selectors.EVENT_READ, number)

    def wait(self) -> list[tuple[int, _Running]]:
        """Wait until something is said; those that have ended."""
        ended = []
        for key, _ in self._selector.select(timeout=1.0):
            number: int = key.data
            running = self.running[number]
            assert running.process.stdout is not None  # noqa: S101 - asked for
            line = running.process.stdout.readline()
            message = _message(running, line) if line else None
            if isinstance(message, Begun):
                running.phase = message.phase
                running.begun += 1
            elif message is not None:
                running.said.append(message)
            else:
                self._selector.unregister(running.process.stdout)
                running.process.wait()
                ended.append((number, self.running.pop(number)))
                _close(running)
        return ended


_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


def _message(running: _Running, line: bytes) -> Message:
    try:
        return _decoder.decode(line)
    except msgspec.DecodeError as error:
        name = running.job.scenario.name
        raise LabError(f"{name}: the process that plays it said what is no message: {error}: {line[:80]!r}") from error


def _close(running: _Running) -> None:
    for stream in (running.process.stdin, running.process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _result(running: _Running) -> tuple[Cell, ...]:
    name = running.job.scenario.name
    for message in running.said:
        if isinstance(message, Stopped):
            kinds = {kind.exit_code: kind for kind in (LabInputError, PrerequisiteError)}
            raise kinds.get(message.exit_code, LabError)(f"{name}: {message.error}")
        if isinstance(message, Done):
            return message.cells
    raise LabError(f"{name}: the process that played it ended with code {running.process.returncode}")

"""Copy what a program prints to a file in memory, while it goes where it went before: ``ssosim exec --record-output``.

For each of the two streams a child process reads a pipe and writes what comes to the stream that was there, and the
beginning of it to one common file. The program prints to a pipe, so it sees no terminal.
"""

from __future__ import annotations

import contextlib
import os
import signal

from ssosim.lab.base import linux

__all__ = ["RecordedOutput"]

_STREAMS = (1, 2)
_MOST = 16_384  # octets that are stored
_IGNORED = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)  # they end with the last writer


class RecordedOutput:
    """The output of the programs that this process starts from now on, until ``stop``."""

    def __init__(self) -> None:
        self._file = os.memfd_create("output")
        self._saved = [os.dup(stream) for stream in _STREAMS]
        self._children = []
        for stream, saved in zip(_STREAMS, self._saved, strict=True):
            source, target = os.pipe()
            child = linux.fork_dependent()
            if child == 0:
                for each in (*_STREAMS, target):
                    os.close(each)
                self._copy(source, saved)
            os.close(source)
            os.dup2(target, stream)
            os.close(target)
            self._children.append(child)

    def _copy(self, source: int, target: int) -> None:
        """Copy until the last writer has closed ``source``; ends this process."""
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _IGNORED)
        stored = 0
        with contextlib.suppress(OSError):
            while chunk := os.read(source, 65_536):
                if stored < _MOST:
                    stored += os.write(self._file, chunk[: _MOST - stored])
                rest = chunk
                while rest:
                    rest = rest[os.write(target, rest) :]
        os._exit(0)

    def stop(self) -> str:
        """Let output go where it went before, and return what was printed: the beginning of each stream."""
        for stream, saved in zip(_STREAMS, self._saved, strict=True):
            os.dup2(saved, stream)
            os.close(saved)
        for child in self._children:
            with contextlib.suppress(ChildProcessError):  # it has ended, and whoever waited for another has met it
                os.waitpid(child, 0)
        with os.fdopen(self._file, "rb") as file:
            file.seek(0)
            return file.read(2 * _MOST).decode("utf-8", "replace")

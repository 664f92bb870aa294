"""Ask ``samba_directory``, a process with Samba's Python modules, to create or change directories."""

from __future__ import annotations

import contextlib
import json
import select
import subprocess
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from ssosim.kerberos.errors import RealmError
from ssosim.kerberos.programs import build_tool_environment, describe_end
from ssosim.kerberos.samba_programs import DIRECTORY_PROGRAM, SambaPrograms

__all__ = ["SambaEditor"]

_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 5.0


class SambaEditor:
    """One process of ``samba_directory``, for all domain controllers of a lab; it starts at once.

    ``folder`` is the working directory. The process ends with ``close``, and with the thread that started it.
    """

    def __init__(self, samba: SambaPrograms, folder: Path) -> None:
        self._errors: IO[bytes] = (folder / "editor.log").open("w+b")
        self._waiting = 0
        command = samba.build_command(["/usr/bin/python3", "-I", str(DIRECTORY_PROGRAM)])
        self._process = subprocess.Popen(  # noqa: S603 - the programs were found by name, the arguments are fixed here
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=folder,
            env=build_tool_environment(folder),
            process_group=0,
        )

    def open(self, folder: Path) -> None:
        """Open the directory of ``folder`` without waiting for it, so that the next request is quick."""
        self._send("open", folder, {})

    def ask(self, do: str, folder: Path, **parts: object) -> dict[str, Any]:
        """Return the answer to the request ``do`` for the domain controller in ``folder``. Raises RealmError."""
        self._send(do, folder, parts)
        while self._waiting:
            answer = self._receive(do)
        return answer

    def close(self) -> None:
        """End the process."""
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, do: str, folder: Path, parts: dict[str, object]) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        try:
            self._process.stdin.write(json.dumps({"do": do, "folder": str(folder), **parts}).encode() + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise RealmError(f"Samba's directory cannot be changed: {self._describe_end()}") from error
        self._waiting += 1

    def _receive(self, do: str) -> dict[str, Any]:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        self._waiting -= 1
        poll = select.poll()
        poll.register(self._process.stdout, select.POLLIN)
        if not poll.poll(_TIMEOUT_S * 1000):
            raise RealmError(f"Samba's directory: no answer to {do} in {_TIMEOUT_S:.0f} s; is the machine overloaded?")
        line = self._process.stdout.readline()
        if not line:
            raise RealmError(f"Samba's directory cannot be changed: {self._describe_end()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RealmError(f"Samba's directory: {do}: {answer['error']}")
        return answer

    def _describe_end(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_TIMEOUT_S)
        how = "still runs" if self._process.returncode is None else describe_end(self._process.returncode)
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return f"its editor {how}{': ' + lines[-1] if lines else ''}"

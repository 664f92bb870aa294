"""The clocks of the devices of programs, which faults set wrong.

Two ways, since none works with all programs:

- libfaketime gives the program another clock for all that it does. Version 0.9.10 (Debian 12) breaks programs that wait
  by the monotonic clock: ``time.sleep`` of Python 3.11 fails, Java waits for ever. In a thread of Node, libkrb5 keeps
  the machine's clock. So it is used for programs that are known to work with it (``_WITH_FAKETIME``). Source:
  libfaketime issue 426; measured with 0.9.10.
- For all others the time offset of the credential cache has the device's clock. libkrb5 adds it to the machine's time,
  so Kerberos is as on such a device; the other dates of the program are those of the machine. The trace says so.

Programs that use neither the C library's clock nor libkrb5 keep the machine's clock: those in Go and Java, and those
that are linked statically. They would show that a wrong clock does no harm, so they are refused.

A fault may come and go while a program runs. Under libfaketime it reads a file, the credential cache is written again.
"""

from __future__ import annotations

import asyncio
import mmap
import re
import shutil
from functools import partial
from pathlib import Path
from typing import Literal

from msgspec import Struct

from ssosim.faults.core.clocks import NO_OFFSET, Clocks, describe_offset
from ssosim.faults.core.errors import FaultError
from ssosim.kerberos.ccache_offset import write_time_offset
from ssosim.kerberos.errors import KerberosMissingError
from ssosim.kerberos.faketime import build_clock_environment
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.trace import LabEvent, Trace

__all__ = ["DeviceClocks", "ReadsClock", "check_program_clock", "classify_program"]

ReadsClock = Literal["faketime", "krb5", "itself"]
"""How a program can get another clock: by libfaketime, as far as libkrb5 reads it, or not at all."""

_WITH_FAKETIME = frozenset({"curl", "date", "kinit", "klist", "kvno", "perl"})
_ITSELF = frozenset({"java"})
_GO = b"\xff Go buildinf:"
_DYNAMIC = 3  # PT_INTERP
_DEEPEST = 4
_ATTEMPTS, _RETRY_S = 50, 0.02


def classify_program(path: str, depth: int = 0) -> ReadsClock:
    """Return how the program at ``path`` can get another clock. A script is as its interpreter."""
    try:
        with Path(path).open("rb") as file:
            start = file.read(256)
            if start.startswith(b"#!") and depth < _DEEPEST:
                words = start[2:].partition(b"\n")[0].decode(errors="replace").split()
                words = words[1:] if words and Path(words[0]).name == "env" else words
                found = shutil.which(words[0]) if words else None
                return "krb5" if found is None else classify_program(found, depth + 1)
            if not start.startswith(b"\x7fELF"):
                return "krb5"
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                is_own = not _has_interpreter(content) or content.find(_GO) >= 0
    except (OSError, ValueError):  # the program itself will say what is wrong
        return "krb5"
    names = {Path(path).name, Path(path).resolve().name}
    if is_own or names & _ITSELF:
        return "itself"
    return "faketime" if names & _WITH_FAKETIME else "krb5"


def _has_interpreter(content: mmap.mmap) -> bool:
    """Return whether an ELF file has a dynamic linker. Source: elf(5)."""
    wide = content[4] == 2  # ELFCLASS64
    order: Literal["little", "big"] = "little" if content[5] == 1 else "big"

    def read(at: int, size: int) -> int:
        return int.from_bytes(content[at : at + size], order)

    table, size, count = (read(32, 8), read(54, 2), read(56, 2)) if wide else (read(28, 4), read(42, 2), read(44, 2))
    return any(read(table + number * size, 4) == _DYNAMIC for number in range(min(count, 64)))


class _Running(Struct, frozen=True):
    """A program that runs: how it reads its clock, and the files that have its clock."""

    program: str
    reads: ReadsClock
    clock: Path
    ccache: Path
    by_faketime: bool


def check_program_clock(clocks: Clocks, client: str, file: str | None) -> None:
    """Raise LabInputError where the device of ``client`` has another clock that the program at ``file`` cannot get."""
    if clocks.of_device(client).seconds and file and classify_program(file) == "itself":
        raise LabInputError(f"{_explain(Path(file).name)}; undo the fault clock-skew, or limit it to other clients")


class DeviceClocks:
    """The clocks of the devices of running programs, by client."""

    def __init__(self, clocks: Clocks, trace: Trace) -> None:
        self._clocks = clocks
        self._trace = trace
        self._running: dict[str, _Running] = {}
        clocks.watchers.append(self._update)

    def start(self, client: str, program: str, file: str, home: Path, settings: Path | None = None) -> dict[str, str]:
        """Set the clock of a device, and return the variables of its program.

        ``file`` is the path of the program, ``home`` the folder of the device with its credential cache,
        ``settings`` a krb5.conf of the device's own. Raises LabInputError for a program whose clock cannot be set,
        LabError where libfaketime is missing.
        """
        seconds = self._clocks.of_device(client).seconds
        check_program_clock(self._clocks, client, file)
        reads = classify_program(file) if file else "krb5"
        by_faketime = bool(seconds) and reads == "faketime"
        running = _Running(program, reads, home / "clock", home / "ccache", by_faketime)
        if seconds and not by_faketime and settings is not None and _ignores_offset(settings):
            raise LabInputError(
                f"the clock of {program} cannot be set: {settings} has kdc_timesync = 0, so libkrb5 ignores the offset "
                "of the credential cache"
            )
        variables = {}
        if by_faketime:
            try:
                variables = build_clock_environment(running.clock)
            except KerberosMissingError as error:
                raise LabError(
                    f"the clock of the device of {client} is wrong, which needs libfaketime: {error}"
                ) from error
        try:
            self._set(client, running)
        except (OSError, ValueError) as error:  # nobody else has the file yet
            raise LabError(f"the clock of {program} cannot be set: {running.ccache}: {error}") from error
        self._running[client] = running
        if seconds:
            how = "by libfaketime" if by_faketime else "for libkrb5 only: its other dates are those of the machine"
            text = f"the clock of {program} is {describe_offset(seconds)}, {how}"
            self._trace.record(client, LabEvent(part="device", text=text))
        return variables

    def forget(self, client: str) -> None:
        """Forget a program that has ended."""
        self._running.pop(client, None)

    def _update(self) -> None:
        """Set the clocks anew. Raises FaultError for a running program whose clock cannot be set."""
        for client, running in self._running.items():
            if running.reads == "itself" and self._clocks.of_device(client).seconds:
                raise FaultError(f"{_explain(running.program)}, and it runs as {client}")
        for client, running in self._running.items():
            self._set_while_running(client, running)

    def _set_while_running(self, client: str, running: _Running, attempts: int | None = None) -> None:
        """Set the clock of a running program; later, if the program is writing its credential cache just now.

        Where it stays impossible, the trace says so.
        """
        if self._running.get(client) is not running:
            return
        attempts = _ATTEMPTS if attempts is None else attempts
        try:
            self._set(client, running)
        except (OSError, ValueError) as error:
            if attempts > 1:
                retry = partial(self._set_while_running, client, running, attempts - 1)
                asyncio.get_running_loop().call_later(_RETRY_S, retry)
            else:
                text = f"the clock of {running.program} has not been changed: its credential cache: {error}"
                self._trace.record(client, LabEvent(part="device", text=text))

    def _set(self, client: str, running: _Running) -> None:
        """Write the files with the clock of a program. Raises what ``write_time_offset`` raises."""
        clocks = self._clocks
        if not clocks.in_use:
            return
        if running.by_faketime:
            running.clock.write_text(f"{clocks.of_device(client).seconds:+d}s\n", encoding="ascii")
        if running.ccache.exists():
            ahead = clocks.of_authenticator(client) - (clocks.of_device(client) if running.by_faketime else NO_OFFSET)
            write_time_offset(running.ccache, ahead.seconds)


def _ignores_offset(settings: Path) -> bool:
    """Return whether a krb5.conf makes libkrb5 ignore the time offset of a credential cache."""
    try:
        text = settings.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return (
        re.search(r"^\s*kdc_timesync\s*=\s*(0|n|no|f|false|nil|off)\s*$", text, re.IGNORECASE | re.MULTILINE)
        is not None
    )


def _explain(program: str) -> str:
    return (
        f"the clock of {program} cannot be set: programs in Go and Java, and static ones, read it neither "
        "through the C library nor through libkrb5"
    )

"""The table of running programs: each end is reported once, and no descriptor stays open."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ssosim.lab.base.errors import LabInputError
from ssosim.lab.program_devices.running_programs import RunningPrograms

DEVICE = "100.64.1.1"


@pytest.fixture
def program() -> Iterator[subprocess.Popen[bytes]]:
    """A process that sleeps."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def handles() -> int:
    """Return the number of open process descriptors, without those that earlier tests left to the collector."""
    gc.collect()
    links = []
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            links.append(str(each.readlink()))
    return sum("pidfd" in link for link in links)


async def test_one_handle_for_each_program_and_one_report_of_its_end(program: subprocess.Popen[bytes]) -> None:
    """A killed program is reported once and removed, and its handle is closed."""
    running, gone, before = RunningPrograms(), asyncio.Queue[str](), handles()
    running.watch(DEVICE, program.pid, "c", "sleep", lambda: gone.put_nowait("gone"))
    assert handles() == before + 1
    (listed,) = running.list_programs()
    assert (listed["device"], listed["client"], listed["program"]) == (DEVICE, "c", "sleep")
    program.kill()
    assert await asyncio.wait_for(gone.get(), 60) == "gone"
    assert (running.list_programs(), handles()) == ([], before)
    running.forget(DEVICE)
    await asyncio.sleep(0.05)
    assert gone.empty()


async def test_a_removed_program_is_not_reported(program: subprocess.Popen[bytes]) -> None:
    """After ``forget`` or ``close``, the end of the process is not reported."""
    running, gone, before = RunningPrograms(), asyncio.Queue[str](), handles()
    running.watch(DEVICE, program.pid, "c", "sleep", lambda: gone.put_nowait("gone"))
    running.forget(DEVICE)
    running.watch("100.64.1.2", program.pid, "d", "sleep", lambda: gone.put_nowait("gone"))
    running.close()
    assert handles() == before
    program.kill()
    program.wait()
    await asyncio.sleep(0.05)
    assert gone.empty()
    with pytest.raises(LabInputError, match="has already ended"):
        running.watch(DEVICE, program.pid, "c", "sleep", lambda: None)
    assert running.list_programs() == []


async def test_one_of_several_programs_is_stopped(program: subprocess.Popen[bytes]) -> None:
    """By its client name or its address; for an unknown name, the error lists the running programs."""
    running = RunningPrograms()
    running.watch(DEVICE, program.pid, "c", "sleep", lambda: None)
    with pytest.raises(LabInputError, match=rf"no program 'x' is running; running programs: c \({DEVICE}\)"):
        await running.stop("x")
    assert [each["client"] for each in await running.stop(DEVICE)] == ["c"]
    assert program.wait(60) == -15
    with pytest.raises(LabInputError, match="running programs: none"):
        await running.stop("c")

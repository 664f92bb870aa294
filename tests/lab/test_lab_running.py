"""Programs that run: word of their end comes once, and nothing is held after it."""

from __future__ import annotations

import asyncio
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
    """A process that waits."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def handles() -> int:
    """How many descriptors of processes this one holds."""
    links = (str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink())
    return sum("pidfd" in link for link in links)


async def test_one_handle_for_each_and_word_of_its_end_once(program: subprocess.Popen[bytes]) -> None:
    """Who is killed is reported once and forgotten, with its handle."""
    running, gone, before = RunningPrograms(), asyncio.Queue[str](), handles()
    running.watch(DEVICE, program.pid, "c", "sleep", lambda: gone.put_nowait("gone"))
    assert handles() == before + 1
    (listed,) = running.listing()
    assert (listed["device"], listed["client"], listed["program"]) == (DEVICE, "c", "sleep")
    program.kill()
    assert await asyncio.wait_for(gone.get(), 10) == "gone"
    assert (running.listing(), handles()) == ([], before)
    running.forget(DEVICE)
    await asyncio.sleep(0.05)
    assert gone.empty()


async def test_who_has_said_so_is_not_reported_again(program: subprocess.Popen[bytes]) -> None:
    """Forgotten, or nobody watches any more: the end of the process is no news."""
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
    with pytest.raises(LabInputError, match="is gone"):
        running.watch(DEVICE, program.pid, "c", "sleep", lambda: None)
    assert running.listing() == []


async def test_ending_one_of_several(program: subprocess.Popen[bytes]) -> None:
    """By its client's name or its address; who is unknown is said, with those who are known."""
    running = RunningPrograms()
    running.watch(DEVICE, program.pid, "c", "sleep", lambda: None)
    with pytest.raises(LabInputError, match=rf"no program 'x' runs; there are: c \({DEVICE}\)"):
        await running.end("x")
    assert [each["client"] for each in await running.end(DEVICE)] == ["c"]
    assert program.wait(10) == -15
    with pytest.raises(LabInputError, match="there are: none"):
        await running.end("c")

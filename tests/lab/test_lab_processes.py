"""Forked children, links of devices, and the trace file: behaviour that no single command shows."""

import asyncio
import errno
import resource
import subprocess
import sys

import pytest

from ssosim.lab.base.errors import LabError
from ssosim.lab.core import trace_writer
from ssosim.lab.core.trace_writer import record_to_file
from ssosim.lab.network.networks import LoopbackNetwork, device_link_commands
from ssosim.trace import LabEvent, Trace
from ssosim.trace.export import read_records

RAISING = """
import os, sys
from ssosim.lab.process import namespaces
def raises(*_):
    raise {error}
namespaces._enter = raises if sys.argv[1] == "enter" else lambda: None
made = namespaces.start_in_namespaces(raises)
code = made.wait()
print("caller", os.getpid(), code, flush=True)
"""


@pytest.mark.parametrize("error", ["RuntimeError('x')", "KeyboardInterrupt", "SystemExit(9)"])
def test_what_is_raised_in_a_forked_child_ends_the_child(error):
    """The caller's code goes on once, in the caller: a child never returns into it, whatever is raised in it."""
    done = subprocess.run(
        [sys.executable, "-c", RAISING.format(error=error), "enter"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == ["caller"], done.stdout
    assert lines[0][2] == ("9" if "SystemExit" in error else "70")


def test_every_address_has_a_link_of_its_own():
    """No two of the devices of a lab's life share the name of their link, which Linux limits to 15 letters."""
    addresses = [f"100.64.{high}.{low}" for high in range(1, 256) for low in range(256)]
    names = {device_link_commands(address, 1)[0].split()[2] for address in addresses}
    assert len(names) == len(addresses)
    assert max(map(len, names)) <= 15


def test_a_loopback_block_that_is_too_small_is_reported():
    """More hosts than a block has host addresses are an error; no two hosts get one address."""
    with pytest.raises(LabError, match="99 addresses, more than 98"):
        LoopbackNetwork().configure(f"192.0.2.{number}" for number in range(1, 100))


async def test_records_that_a_full_disk_refused_are_written_when_there_is_room(tmp_path, monkeypatch):
    """The failure is reported once; no record is lost, none is written twice."""
    monkeypatch.setattr(trace_writer, "RETRY_S", 0.02)
    errors, trace, before = [], Trace(), resource.getrlimit(resource.RLIMIT_FSIZE)
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context["exception"]))
    with record_to_file(trace, tmp_path / "trace.jsonl"):
        trace.record("a", LabEvent(part="lab", text="small"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, before[1]))  # like a full disk, for this process
        try:
            for _ in range(3):
                trace.record("a", LabEvent(part="lab", text="x" * 10_000))
                await asyncio.sleep(0.1)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert [error.errno for error in errors] == [errno.EFBIG]
    written = read_records((tmp_path / "trace.jsonl").read_text().splitlines())
    assert [record.seq for record in written] == [1, 2, 3, 4]

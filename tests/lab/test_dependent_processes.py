"""A process of a lab ends with its parent, at whatever moment the parent is killed."""

from __future__ import annotations

import subprocess
import sys

import pytest

CHAIN = """
import os, select, signal, sys
from ssosim.lab.base import linux

moment = sys.argv[1]
told, tell = os.pipe()
set_death_signal = linux.set_death_signal

def set_late(number):
    os.write(tell, str(os.getpid()).encode())
    select.select([parent], [], [])  # until the parent has ended
    set_death_signal(number)

if moment == "before it is asked for":
    linux.set_death_signal = set_late
middle = os.fork()
if middle == 0:
    parent = os.pidfd_open(os.getpid())
    linux.unshare((0 if os.getuid() == 0 else linux.CLONE_NEWUSER) | linux.CLONE_NEWPID)
    if linux.fork_dependent() == 0:
        os.write(tell, b"x")
        select.select([parent], [], [])
        if moment == "before it is asked for":
            os.write(1, b"alive")
            os._exit(0)
    signal.pause()
os.close(tell)
os.read(told, 16)  # the child is where we want it
os.kill(middle, signal.SIGKILL)
os.waitpid(middle, 0)
"""


@pytest.mark.parametrize("moment", ["before it is asked for", "afterwards"])
def test_a_child_ends_with_its_parent_at_any_moment(moment):
    """A child in a pid namespace of its own ends, also if its parent was killed before it could ask the kernel for it.

    Its parent has the process id 0 there before and after, so a look at the parent's id sees nothing. The output ends
    when the child does, because it holds the other end.
    """
    done = subprocess.run([sys.executable, "-c", CHAIN, moment], capture_output=True, check=False, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

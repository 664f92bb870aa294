"""Kill one process of a lab at a random moment, again and again: nothing stays, and the next lab starts.

``SSOSIM_KILL_CYCLES`` is the number of cycles (default 50), ``SSOSIM_KILL_SEED`` the seed of the moments and processes.
"""

import contextlib
import os
import random
import select
import signal
import time

import pytest

CYCLES = int(os.environ.get("SSOSIM_KILL_CYCLES", "50"))
SEED = int(os.environ.get("SSOSIM_KILL_SEED", "9"))
PER_TEST = 10


def kill_one(bench, draw):
    """Kill a random process of the lab, or of the command that started it; return what it was."""
    processes = bench.processes()
    if not processes:
        return "nothing"
    victim = draw.choice(sorted(processes))
    with contextlib.suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)
    return processes[victim].decode(errors="replace")[:60]


@pytest.mark.parametrize("block", range(max(1, CYCLES // PER_TEST)))
def test_nothing_stays_of_a_lab_that_was_killed(bench, block):
    """Starting, ready, with a program, stopping: no process, mount or secret is left after ``status``."""
    draw = random.Random(SEED * 1000 + block)  # noqa: S311 - moments, no secrets
    for cycle in range(PER_TEST):
        command = bench.popen("up")
        when = draw.choice(("starting", "ready", "with a program", "stopping"))
        if when == "starting":
            time.sleep(draw.random() * 0.5)  # any moment of the start will do: nothing is judged by it
        else:
            assert select.select([command.stdout], [], [], 60)[0], "the lab is not ready"
        if when == "with a program":
            bench.popen("exec", "--", "sleep", "60")
            time.sleep(draw.random() * 0.2)
        if when == "stopping":
            command.send_signal(signal.SIGINT)
            time.sleep(draw.random() * 0.1)
        victim = kill_one(bench, draw)
        if command.poll() is None and "krb5kdc" in victim:
            command.send_signal(signal.SIGINT)  # a lab without its KDC goes on until it is stopped
        elif (command.poll() is None and "exec" in victim) or (command.poll() is None and "sleep" in victim):
            command.send_signal(signal.SIGINT)
        command.wait(timeout=60)
        bench.assert_nothing_running()
        bench.run("status")  # it removes what nobody was left to remove
        bench.assert_nothing_left()
        assert bench.run("exec", "--", "true").returncode != 0, f"cycle {cycle}: a lab is up ({when}, {victim})"

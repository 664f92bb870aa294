"""``ssosim exec`` whose lab ends while the program runs."""

import os
import signal

import pytest


def kill_lab(bench):
    """Kill the first process of the lab."""
    for number, line in bench.processes().items():
        if b" up " in line:
            os.kill(number, signal.SIGKILL)


@pytest.mark.parametrize("end", [lambda bench: bench.run("down"), kill_lab], ids=["down", "killed"])
def test_the_end_of_the_lab_is_told(bench, end):
    """The program ends with its lab: exit code 125 and the reason, not 137, as if somebody had killed the program."""
    assert bench.run("up", "--detach").returncode == 0
    program = bench.popen("exec", "--", "sh", "-c", "echo running; exec sleep 600")
    assert program.stdout.readline() == b"running\n"
    end(bench)
    _, errors = program.communicate(timeout=60)
    assert (program.returncode, errors) == (125, b'ssosim: lab "default" has ended, and the program with it\n')


def test_a_program_that_is_killed_keeps_its_exit_code(running):
    """137 and no message: the lab is up."""
    done = running.run("exec", "--", "sh", "-c", "kill -9 $$")
    assert (done.returncode, done.stderr) == (137, "")

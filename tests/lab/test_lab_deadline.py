"""A program that resists all signals is stopped at its deadline, with all its descendants."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

UNSTOPPABLE = str(Path(__file__).with_name("unstoppable_program.py"))


def left(bench):
    """Return the processes of the program that still run."""
    return [line for line in bench.processes().values() if b"unstoppable_program.py" in line]


def devices(bench, patience=5.0):
    """Return the folders of devices that are not released yet."""
    folder, end = bench.home / "labs/default/devices", time.monotonic() + patience
    while (found := list(folder.iterdir()) if folder.exists() else []) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def last(bench, label):
    """The last record of a client."""
    return [record for record in bench.records() if record["client"] == label][-1]


def test_an_unstoppable_program_ends_at_the_deadline(running):
    """Processes that ignore signals, in own sessions, stopped, with threads, holding the output: exit code 124."""
    began = time.monotonic()
    done = running.run("exec", "--as", "unstoppable", "--deadline", "8.5", "--", sys.executable, UNSTOPPABLE)
    assert (done.returncode, done.stdout) == (124, "alive\n" * 3), done.stderr
    assert done.stderr == "ssosim exec: stopped after 8.5 s\n"
    assert time.monotonic() - began > 8.5  # it runs for ten minutes
    assert (left(running), devices(running)) == ([], [])
    assert (last(running, "unstoppable")["event"], last(running, "unstoppable")["exit_code"]) == ("ClientFinished", -9)


def test_what_an_unstoppable_program_leaves_behind_ends_with_it(running):
    """The end of the program itself is the end of all, without any deadline."""
    done = running.run("exec", "--", sys.executable, UNSTOPPABLE, "--end")
    assert done.returncode == 0
    assert (left(running), devices(running)) == ([], [])


def test_a_program_that_ends_in_time_keeps_its_exit_code(running):
    """The deadline changes nothing else."""
    assert running.run("exec", "--deadline", "30", "--", "sh", "-c", "exit 7").returncode == 7


@pytest.mark.parametrize("wrong", ["0", "-1", "nan", "inf", "soon"])
def test_an_invalid_deadline_is_reported(running, wrong):
    """Exit code 125 and one line that names the option."""
    done = running.run("exec", f"--deadline={wrong}", "--", "true")
    assert (done.returncode, "--deadline" in done.stderr) == (125, True)


def test_the_device_of_a_killed_exec_is_released(running):
    """The ticket and the password's file of a device go also when ``exec`` is killed, and the trace records it."""
    process = running.popen("exec", "--as", "killed", "--", "sh", "-c", "echo up; sleep 600")
    assert process.stdout.readline() == b"up\n"
    assert devices(running, 0) != []
    process.kill()
    process.wait()
    assert devices(running) == []
    assert (last(running, "killed")["event"], last(running, "killed")["exit_code"]) == ("ClientFinished", -9)


def test_a_scenario_ends_an_unstoppable_program_at_its_deadline(bench, tmp_path):
    """``ssosim run``: the program is stopped and judged stalled, its output is kept, and nothing is left."""
    file = tmp_path / "unstoppable.toml"
    file.write_text(
        'name = "unstoppable"\ntitle = "t"\nend = 2025-01-01T01:00:00Z\n'
        f'[[clients]]\nname = "unstoppable"\nrun = ["{sys.executable}", "{UNSTOPPABLE}"]\ndeadline = 2\n'
        '[[phases]]\nname = "only"\nstart = 2025-01-01T00:00:00Z\nexpect = { unstoppable = "stalled" }\n'
    )
    done = bench.run("run", str(file))
    assert done.returncode == 0, done.stdout + done.stderr  # it runs for ten minutes, and the command gets three
    assert left(bench) == []
    said = [
        r
        for r in bench.records("run-unstoppable")
        if r["client"] == "unstoppable" and r["event"] in ("ClientMessage", "ClientFinished")
    ]
    assert [(r.get("exit_code"), r.get("text", "").split("\n")[-1]) for r in said] == [
        (-signal.SIGKILL, ""),
        (None, "ssosim exec: stopped after 2 s"),
    ]


def test_an_ordinary_users_unstoppable_program_ends_as_well(as_user):
    """The same without any privilege."""
    assert as_user("up", "--detach").returncode == 0
    done = as_user("exec", "--deadline", "8.5", "--", sys.executable, UNSTOPPABLE)
    assert (done.returncode, done.stdout) == (124, "alive\n" * 3), done.stderr
    assert UNSTOPPABLE not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout

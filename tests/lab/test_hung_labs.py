"""Labs that hang, were killed, or lost their folder: each command still answers, and secrets do not stay."""

import contextlib
import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from ssosim.lab.base.folder import LabFolder
from ssosim.lab.base.sweep import sweep_killed_labs
from tests.processes import is_running

KEPT = {"lock", "trace.jsonl", "lab.log"}


@pytest.fixture
def lab(bench):
    """A lab that is up: the bench, its process, its supervisor, its folder."""
    assert bench.run("up", "--detach").returncode == 0
    folder = bench.home / "labs" / "default"
    first = json.loads((folder / "lab.json").read_text())["pid"]
    supervisor = int(Path(f"/proc/{first}/stat").read_text().rpartition(")")[2].split()[1])
    yield bench, first, supervisor, folder
    for process in (supervisor, first):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def wait_for_end(process: int) -> None:
    """Wait until a process is gone, or only waits for its parent; fail after a minute."""
    end = time.monotonic() + 60
    while is_running(process):
        assert time.monotonic() < end, f"process {process} still runs"
        time.sleep(0.02)


def test_status_tells_a_lab_that_does_not_answer(lab):
    """A stopped process does not stop ``status``: the other lab is shown, this one is named with the remedy."""
    bench, first, _, _ = lab
    assert bench.run("up", "--detach", "--name", "other").returncode == 0
    os.kill(first, signal.SIGSTOP)
    done = bench.run("status")
    assert 'lab "other": up' in done.stdout
    assert 'lab "default": does not answer; to end it: ssosim down --name default' in done.stdout
    found = json.loads(bench.run("status", "--json").stdout)
    assert ([each["name"] for each in found["labs"]], found["not_answering"]) == (["other"], ["default"])
    assert bench.run("status", "--name", "default").returncode == 0


@pytest.mark.parametrize("which", ["lab", "supervisor too"])
def test_down_ends_a_lab_that_does_not_answer(lab, which):
    """``down`` kills what is stopped, says so, and leaves no secret."""
    bench, first, supervisor, folder = lab
    for process in (first, supervisor) if which == "supervisor too" else (first,):
        os.kill(process, signal.SIGSTOP)
    done = bench.run("down")
    assert (done.returncode, done.stdout) == (0, 'lab "default" is down; it did not answer and was killed\n')
    wait_for_end(first)
    assert {each.name for each in folder.iterdir()} <= KEPT
    assert bench.run("up", "--detach").returncode == 0


@pytest.mark.parametrize("command", [("--version",), ("status",), ("scenarios",), ("exec", "--", "true"), ("spn", "x")])
def test_any_command_sweeps_the_secrets_of_a_killed_lab(lab, command):
    """The next command removes KDC database, tickets and keys of a lab whose processes were all killed at once."""
    bench, first, supervisor, folder = lab
    for how in (signal.SIGSTOP, signal.SIGKILL):  # stopped first, so that neither can remove anything
        for process in (supervisor, first):
            os.kill(process, how)
    for process in (supervisor, first):
        wait_for_end(process)
    assert {"kdc", "tickets"} <= {each.name for each in folder.iterdir()}
    bench.run(*command)
    assert {each.name for each in folder.iterdir()} <= KEPT


def test_a_running_lab_is_not_swept(lab):
    """Another command leaves the files of a lab that is up."""
    bench, _, _, folder = lab
    before = {each.name for each in folder.iterdir()}
    bench.run("--version")
    assert {each.name for each in folder.iterdir()} == before
    assert bench.run("exec", "--", "true").returncode == 0


def test_no_command_waits_for_the_lock_of_a_running_lab(tmp_path, monkeypatch):
    """The sweep comes before every command, so it never tries to take a lock that a lab holds."""
    monkeypatch.setenv("SSOSIM_HOME", str(tmp_path / "s"))
    folder = LabFolder.of("default")
    held = folder.try_lock()
    (folder.path / "control.sock").write_text("")
    waited = []
    monkeypatch.setattr(LabFolder, "try_lock", lambda *_, **__: waited.append("tried"))
    sweep_killed_labs()
    assert waited == []
    os.close(held)
    sweep_killed_labs()
    assert len(waited) == 1, "one that does not run is swept"


def test_a_lab_without_a_folder_ends_by_itself(lab):
    """Nobody could stop it any more."""
    bench, first, supervisor, folder = lab
    shutil.rmtree(folder)
    for process in (first, supervisor):
        wait_for_end(process)
    assert bench.run("up", "--detach").returncode == 0, "the name is free again"

"""Kill one process of a lab at a random moment, again and again: nothing stays, and the next lab starts.

``SSOSIM_KILL_CYCLES`` is the number of cycles (default 50), ``SSOSIM_KILL_SEED`` the seed of the moments and processes.
"""

from __future__ import annotations

import contextlib
import os
import random
import select
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

CYCLES = int(os.environ.get("SSOSIM_KILL_CYCLES", "50"))
SEED = int(os.environ.get("SSOSIM_KILL_SEED", "9"))
PER_TEST = 10

EVENT_S = 120.0
"""How long an event may take on a machine with much else to do; nothing is judged by how long it took."""


@dataclass
class Cycle:
    """One lab and the process that was killed."""

    bench: object
    when: str
    command: subprocess.Popen[bytes]
    victim: int = 0
    what: str = "nothing"
    program: str = ""
    errors: bytes = b""

    def kill_one(self, draw: random.Random) -> None:
        """Kill a random process: of the lab, of the command that started it, or of a program in it."""
        processes = self.bench.processes()
        if not processes:
            return
        self.victim = draw.choice(sorted(processes))
        with contextlib.suppress(OSError):  # it may have ended meanwhile, or become another program
            self.program = Path(f"/proc/{self.victim}/comm").read_text().strip()
            status = Path(f"/proc/{self.victim}/status").read_text()
            ids = " ".join(line for line in status.splitlines() if line.startswith(("PPid", "NSpid")))
            self.what = f"{processes[self.victim].decode(errors='replace')}({self.program}, {ids})"
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.victim, signal.SIGKILL)

    def serves(self) -> bool:
        """Whether the lab still answers, and gives a program what it is for: a ticket of the KDC, over DNS and TLS."""
        address = "https://autologon.microsoftazuread-sso.com/contoso.com/winauth/sso"
        command = ("curl", "-sf", "-o", "/dev/null", "--negotiate", "-u", ":", address)
        return self.bench.run("exec", "--", *command).returncode == 0

    def end(self) -> None:
        """Wait until the command has ended by itself; a lab that still serves all it is for is stopped by Ctrl-C."""
        end = time.monotonic() + EVENT_S
        while self.command.poll() is None and time.monotonic() < end:
            if select.select([self.command.stdout], [], [], 0.05)[0] and self.serves():
                self.command.send_signal(signal.SIGINT)
                break
        try:
            _, self.errors = self.command.communicate(timeout=EVENT_S)
        except subprocess.TimeoutExpired:
            pytest.fail(self.report("the command neither ended nor was there a lab that serves"))

    def report(self, fault: str) -> str:
        """Return all that helps to find the fault."""
        log = self.bench.home / "labs/default/lab.log"
        shown = log.read_text(errors="replace") if log.exists() else "(none)"
        running = "\n".join(f"  {pid} {line.decode(errors='replace')}" for pid, line in self.bench.processes().items())
        status = self.bench.run("status")
        return (
            f"{fault}\nkilled {self.when}: {self.victim} {self.what}\nup: exit code {self.command.poll()}, "
            f"{self.errors.decode(errors='replace')}\nstatus: {status.stdout}{status.stderr}\nlog:\n{shown}\n"
            f"running:\n{running}"
        )


@pytest.mark.parametrize("block", range(max(1, CYCLES // PER_TEST)))
def test_nothing_stays_of_a_lab_that_was_killed(bench, block):
    """A lab with a killed process serves all that it is for, or ends by itself and says why; then nothing is left."""
    draw = random.Random(SEED * 1000 + block)  # noqa: S311 - moments, no secrets
    for number in range(PER_TEST):
        when = draw.choice(("starting", "ready", "with a program", "stopping"))
        cycle = Cycle(bench, f"in cycle {number}, {when}", bench.popen("up"))
        if when == "starting":
            time.sleep(draw.random() * 0.5)  # any moment of the start will do: nothing is judged by it
        else:
            ready = select.select([cycle.command.stdout], [], [], EVENT_S)[0]
            assert ready, cycle.report("the lab was never ready")
        if when == "with a program":
            bench.popen("exec", "--", "sleep", "60")
            time.sleep(draw.random() * 0.5)
        if when == "stopping":
            cycle.command.send_signal(signal.SIGINT)
            time.sleep(draw.random() * 0.1)
        cycle.kill_one(draw)
        cycle.end()
        if cycle.command.returncode > 0:
            assert cycle.errors.strip(), cycle.report("up ended with a code and without a reason")
            assert b"Traceback" not in cycle.errors, cycle.report("up showed a traceback")
        try:
            bench.assert_nothing_running(EVENT_S)
            bench.run("status")  # it removes what nobody was left to remove
            bench.assert_nothing_left(timeout_s=EVENT_S)
        except AssertionError as error:
            pytest.fail(cycle.report(str(error)))
        assert bench.run("exec", "--", "true").returncode != 0, cycle.report("a lab is up")
        bench.close()  # the program of the cycle

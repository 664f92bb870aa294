"""Common functions of the benchmarks: a temporary state folder, medians with their spread, and the JSON result."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

__all__ = [
    "SSOSIM",
    "SSO_URL",
    "LabUnderTest",
    "lab_up",
    "measure_imports",
    "print_result",
    "run",
    "spread",
    "temporary_home",
    "time_command",
]

SSOSIM = str(Path(sys.executable).with_name("ssosim"))
SSO_URL = "https://autologon.microsoftazuread-sso.com/contoso.com/winauth/sso"
_TIMEOUT_S = 30

# As on a machine without this variable: byte code is kept, so a second start does not compile again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


_IMPORTS = """
import importlib, json, sys, time
names, after = json.load(sys.stdin)
for name in after:
    importlib.import_module(name)
began = time.process_time()
for name in names:
    importlib.import_module(name)
print(time.process_time() - began)
"""


def measure_imports(modules: Sequence[str], *, after: str = "") -> float:
    """Return the seconds of CPU for the import of ``modules`` in a new process, which has imported ``after`` before."""
    command = [sys.executable, "-c", _IMPORTS]
    given = json.dumps([list(modules), [after] if after else []])
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=True, timeout=60)
    return float(done.stdout)


@contextlib.contextmanager
def temporary_home() -> Iterator[Path]:
    """Use a state folder for this benchmark alone; a lab that is still up at the end is stopped."""
    before = os.environ.get("SSOSIM_HOME")
    with tempfile.TemporaryDirectory(prefix="ssobench-") as folder:
        os.environ["SSOSIM_HOME"] = folder
        try:
            yield Path(folder)
        finally:
            if (Path(folder) / "labs").exists():
                run("down", check=False)
            if before is None:
                del os.environ["SSOSIM_HOME"]
            else:
                os.environ["SSOSIM_HOME"] = before


def run(*arguments: str, check: bool = True) -> str:
    """Run the command ``ssosim``; returns its standard output. If it fails, the benchmark ends."""
    done = subprocess.run(
        [SSOSIM, *arguments], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
    )
    if check and done.returncode != 0:
        sys.exit(f"ssosim {' '.join(arguments)}: exit code {done.returncode}: {done.stderr.strip()}")
    return done.stdout


class LabUnderTest:
    """A detached lab: its folder, and the process id of the lab in the namespace of this process."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "labs" / "default"
        self.facts: dict[str, Any] = json.loads((self.folder / "lab.json").read_text(encoding="utf-8"))
        self.pid: int = self.facts["pid"]

    def cpu_s(self) -> float:
        """Return the CPU seconds that all threads of the lab's process have used so far."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text(encoding="ascii").split()[0]) for task in tasks) / 1e9


@contextlib.contextmanager
def lab_up(home: Path) -> Iterator[LabUnderTest]:
    """Run a detached lab in ``home`` for the time of the block."""
    run("up", "--detach")
    try:
        yield LabUnderTest(home)
    finally:
        run("down")


def time_command(command: Sequence[str], **options: Any) -> float:
    """Run ``command``; returns the seconds that it took. If it fails, the benchmark ends."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False, **options)
    took = time.perf_counter() - began
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr.strip()}")
    return took


def spread(values: Sequence[float], digits: int = 3) -> dict[str, float | int]:
    """Return median, minimum, maximum and number of ``values``."""
    return {
        "median": round(median(values), digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
        "runs": len(values),
    }


def print_result(name: str, *, met: bool, **parts: Any) -> None:
    """Print the result as one JSON object; ``parts`` are figures, reference, ratio and target, in this order."""
    machine = {
        "cores": os.cpu_count(),
        "load_1m": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    print(json.dumps({"bench": name, "machine": machine, **parts, "met": met}, indent=2))

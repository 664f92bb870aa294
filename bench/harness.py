"""What the benches share: a state folder of their own, medians with their spread, and one JSON object at the end."""

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

__all__ = ["SSOSIM", "SSO_URL", "LabUnderTest", "finish", "lab_up", "own_home", "run", "spread", "timed"]

SSOSIM = str(Path(sys.executable).with_name("ssosim"))
SSO_URL = "https://autologon.microsoftazuread-sso.com/contoso.com/winauth/sso"
_PATIENCE_S = 30

# As on a machine where nobody set it: byte code is kept, so that a second start does not compile again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@contextlib.contextmanager
def own_home() -> Iterator[Path]:
    """A state folder for this bench alone; its lab, if one is still up, is stopped at the end."""
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
    """Run the command ``ssosim``; what it printed."""
    done = subprocess.run(
        [SSOSIM, *arguments], capture_output=True, text=True, timeout=_PATIENCE_S, check=False, stdin=subprocess.DEVNULL
    )
    if check and done.returncode != 0:
        sys.exit(f"ssosim {' '.join(arguments)}: exit code {done.returncode}: {done.stderr.strip()}")
    return done.stdout


class LabUnderTest:
    """A detached lab: its folder, and the process id of the lab itself as seen from here."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "labs" / "default"
        self.facts: dict[str, Any] = json.loads((self.folder / "lab.json").read_text(encoding="utf-8"))
        self.pid: int = self.facts["pid"]

    def cpu_s(self) -> float:
        """CPU seconds that the lab's process has used so far, all threads."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text(encoding="ascii").split()[0]) for task in tasks) / 1e9


@contextlib.contextmanager
def lab_up(home: Path) -> Iterator[LabUnderTest]:
    """A detached lab in ``home``, for the time of the body."""
    run("up", "--detach")
    try:
        yield LabUnderTest(home)
    finally:
        run("down")


def timed(command: Sequence[str], **options: Any) -> float:
    """Seconds that ``command`` took; ends the bench when it failed."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False, **options)
    took = time.perf_counter() - began
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr.strip()}")
    return took


def spread(values: Sequence[float], digits: int = 3) -> dict[str, float | int]:
    """Median, extremes and number of ``values``."""
    return {
        "median": round(median(values), digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
        "runs": len(values),
    }


def finish(name: str, *, met: bool, **parts: Any) -> None:
    """Print the bench's one JSON object; ``parts`` are its figures, reference, ratio and target, in this order."""
    machine = {
        "cores": os.cpu_count(),
        "load_1m": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    print(json.dumps({"bench": name, "machine": machine, **parts, "met": met}, indent=2))

"""Run a lab under mixed load for a long time, and judge that its memory and descriptors do not grow.

    python bench/soak.py [--minutes 60] [--growth 0.05]

Load: ``soak_load.py`` in three programs, sign-ins with Kerberos by curl, and faults that come and go. The trace in
memory is limited to 20,000 records, so that it is full early. The resident size of all processes of the lab is sampled.
The first third of the time is for warming up. The median of the last third must not be above that of the second third
by more than ``--growth`` of it; nor may the number of open descriptors. Exit code 1 if one is.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from harness import print_result, temporary_home

KINDS = ("dns", "tls", "http")
RECORDS = "20000"
SSOSIM = (sys.executable, "-m", "ssosim")
LOAD = Path(__file__).with_name("soak_load.py")
SSO = "https://autologon.microsoftazuread-sso.com/contoso.com/winauth/sso"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run one command of ssosim."""
    return subprocess.run([*SSOSIM, *words], capture_output=True, text=True, check=False, timeout=120)


def find_processes(first: int) -> list[int]:
    """Return the lab's process and all its descendants."""
    found, parents = [first], {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    for each in found:
        found += [process for process, parent in parents.items() if parent == each]
    return found


def sample(first: int) -> tuple[int, int]:
    """Return the resident size of the lab's processes in octets, and the number of its open descriptors."""
    size = 0
    for process in find_processes(first):
        try:
            size += int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            continue
    return size, len(list(Path(f"/proc/{first}/fd").iterdir()))


def disturb(number: int, counts: dict[str, int]) -> None:
    """Sign in, break something, sign in again, mend it."""
    steps = (
        ("exec", "--as", "soak-curl", "--", "curl", "-s", "-o", "/dev/null", "--negotiate", "-u", ":", SSO),
        ("fault", "apply", "servfail", "names=autologon.microsoftazuread-sso.com", "--for", "5s"),
        ("exec", "--as", "soak-curl", "--", "curl", "-s", "-o", "/dev/null", "--negotiate", "-u", ":", SSO),
        ("fault", "undo", "all"),
        ("dns", "drift"),
        ("status",),
    )
    done = run(*steps[number % len(steps)])
    counts[f"{steps[number % len(steps)][0]} {done.returncode}"] = (
        counts.get(f"{steps[number % len(steps)][0]} {done.returncode}", 0) + 1
    )


def soak(minutes: float) -> tuple[list[tuple[int, int]], dict[str, int], list[dict[str, int]]]:
    """Run the load; return the samples, the counts of the commands, and those of each load."""
    first = json.loads(run("status", "--json").stdout)["labs"][0]["pid"]
    loads = [
        subprocess.Popen(
            [*SSOSIM, "exec", "--as", f"soak-{kind}", "--", sys.executable, "-I", str(LOAD), kind, str(number)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number, kind in enumerate(KINDS)
    ]
    samples, counts, number, end = [], dict[str, int](), 0, time.monotonic() + minutes * 60
    while time.monotonic() < end:
        disturb(number, counts)
        samples.append(sample(first))
        number += 1
    for load in loads:
        load.send_signal(signal.SIGTERM)
    texts = [load.communicate(timeout=60)[0] for load in loads]
    return samples, counts, [json.loads(text) for text in texts if text]


def growth_of(values: list[int]) -> float:
    """Return the median of the last third over that of the second third, minus 1."""
    third = len(values) // 3
    return median(values[-third:]) / median(values[third : 2 * third]) - 1


def main() -> int:
    """Measure, print the result, and judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--growth", type=float, default=0.05, help="the largest growth, as a share")
    options = parser.parse_args()
    minutes = options.minutes
    os.environ["SSOSIM_TRACE_RECORDS"] = RECORDS
    with temporary_home():
        started = run("up", "--detach")
        if started.returncode:
            print(started.stderr, file=sys.stderr)
            return 2
        try:
            samples, counts, loads = soak(minutes)
        finally:
            run("down")
    sizes, descriptors = [size for size, _ in samples], [number for _, number in samples]
    growth = {"resident size": round(growth_of(sizes), 4), "descriptors": round(growth_of(descriptors), 4)}
    met = all(value <= options.growth for value in growth.values())
    figures: dict[str, Any] = {
        "minutes": minutes,
        "samples": len(samples),
        "resident MiB, first third": round(median(sizes[: len(sizes) // 3]) / 2**20, 1),
        "resident MiB, last third": round(median(sizes[-(len(sizes) // 3) :]) / 2**20, 1),
        "growth": growth,
        "commands": counts,
        "load": dict(zip(KINDS, loads, strict=False)),
    }
    print_result("soak", figures=figures, reference={}, ratio=growth, target={"growth": options.growth}, met=met)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())

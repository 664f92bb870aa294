"""Run a lab under mixed load for a long time, and judge that its memory and descriptors do not grow.

    python bench/soak.py [--minutes 60] [--growth 0.05]

Load: ``soak_load.py`` in three programs, sign-ins with Kerberos by curl, and faults that come and go. The trace in
memory is limited to 20,000 records, so that it is full early. The resident size of all processes of the lab is sampled.
The first third of the time is for warming up; it ends later if the counters of DNS names are full only then, which
depends on the speed of the machine, but not after two thirds. Of the rest, the median of the second half must not be
above that of the first half by more than ``--growth`` of it; nor may the number of open descriptors. Exit code 1 if one
is. What fills up is in ``docs/memory.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
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


def disturb(number: int, counts: dict[str, int]) -> bool:
    """Sign in, break something, sign in again, mend it; return whether the counters of names are seen to be full."""
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
    return "and the oldest were dropped" in done.stdout


@dataclass(frozen=True, slots=True)
class Soak:
    """The samples (seconds since the start, resident octets, descriptors), when the counters were full, the counts."""

    samples: list[tuple[float, int, int]]
    full_at: float | None
    commands: dict[str, int]
    loads: list[dict[str, int]]


def soak(minutes: float) -> Soak:
    """Run the load and sample the lab's size."""
    first = json.loads(run("status", "--json").stdout)["labs"][0]["pid"]
    loads = [
        subprocess.Popen(
            [*SSOSIM, "exec", "--as", f"soak-{kind}", "--", sys.executable, "-I", str(LOAD), kind, str(number)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number, kind in enumerate(KINDS)
    ]
    samples, counts, full_at = [], dict[str, int](), None
    number, began = 0, time.monotonic()
    while (now := time.monotonic() - began) < minutes * 60:
        if disturb(number, counts) and full_at is None:
            full_at = now
        samples.append((now, *sample(first)))
        number += 1
    for load in loads:
        load.send_signal(signal.SIGTERM)
    texts = [load.communicate(timeout=60)[0] for load in loads]
    return Soak(samples, full_at, counts, [json.loads(text) for text in texts if text])


def halve(soaked: Soak, minutes: float) -> tuple[float, list[list[tuple[float, int, int]]]]:
    """Return the end of warming up, in seconds, and the samples of both halves of the time after it."""
    total = minutes * 60
    warm = min(max(total / 3, soaked.full_at or 0.0), total * 2 / 3)
    middle = (warm + total) / 2
    halves = [
        [each for each in soaked.samples if start <= each[0] < end] for start, end in ((warm, middle), (middle, total))
    ]
    return warm, halves


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
            soaked = soak(minutes)
        finally:
            run("down")
    warm, (before, after) = halve(soaked, minutes)
    size, later_size = median(each[1] for each in before), median(each[1] for each in after)
    growth = {
        "resident size": round(later_size / size - 1, 4),
        "descriptors": round(median(each[2] for each in after) / median(each[2] for each in before) - 1, 4),
    }
    met = all(value <= options.growth for value in growth.values())
    figures: dict[str, Any] = {
        "minutes": minutes,
        "samples": len(soaked.samples),
        "counters full after minutes": None if soaked.full_at is None else round(soaked.full_at / 60, 1),
        "warm after minutes": round(warm / 60, 1),
        "resident MiB at the start": round(soaked.samples[0][1] / 2**20, 1),
        "resident MiB, first half after warming up": round(size / 2**20, 1),
        "resident MiB, second half": round(later_size / 2**20, 1),
        "growth": growth,
        "commands": soaked.commands,
        "load": dict(zip(KINDS, soaked.loads, strict=False)),
    }
    print_result("soak", figures=figures, reference={}, ratio=growth, target={"growth": options.growth}, met=met)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())

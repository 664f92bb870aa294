"""Run a lab under mixed load for a long time, and judge that its memory and descriptors do not grow.

    python bench/soak.py [--minutes 60] [--growth 0.05]

Load: ``soak_load.py`` in three programs, sign-ins with Kerberos by curl, and faults that come and go. The trace in
memory is limited to 20,000 records, so that it is full early. The resident size of all processes of the lab is sampled.
The first third of the time is for warming up; it ends later if the counters of DNS names are full only then, which
depends on the speed of the machine, but not after two thirds. Of the rest, the median of the second half must not be
above that of the first half by more than ``--growth`` of it; nor may the number of open descriptors. A lab that fails
needs no memory: so each command and each request must end as expected, and the lab must have logged nothing. Exit code
1 if one of this is not so. What fills up is in ``docs/memory.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from harness import print_result, temporary_home

EXPECTED = {
    "dns": {"rcode 0", "rcode 3", "about the faulted name", "no message"},
    "tls": {"broken connections"},
    "http": {"status 200", "status 400", "status 404"},
}
"""What the programs of the load count where all is well; each of it must be there."""
TIMEOUTS = 0.001
"""The largest share of requests without an answer in time: other work on the machine may delay one."""
RECORDS = "20000"
SSOSIM = (sys.executable, "-m", "ssosim")
LOAD = Path(__file__).with_name("soak_load.py")
SSO = "https://autologon.microsoftazuread-sso.com/contoso.com/winauth/sso"
SIGN_IN = ("exec", "--as", "soak-curl", "--", "curl", "-sf", "-o", "/dev/null", "--negotiate", "-u", ":", SSO)
STEPS: tuple[tuple[tuple[str, ...], tuple[int, ...]], ...] = (
    (SIGN_IN, (0,)),
    (("fault", "apply", "servfail", "names=autologon.microsoftazuread-sso.com", "--for", "5s"), (0,)),
    (SIGN_IN, (0, 6)),  # curl: the name has no address; 0 if the fault has ended before
    (("fault", "undo", "all"), (0,)),
    (("dns", "drift"), (0, 1)),  # names that were asked for, and that the inventory does not know
    (("status",), (0,)),
)
"""Commands, each with the exit codes that are expected."""


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


def disturb(number: int, counts: dict[str, int], failures: list[str]) -> bool:
    """Sign in, break something, sign in again, mend it; return whether the counters of names are seen to be full.

    A command that does not end as expected is added to ``failures``.
    """
    words, expected = STEPS[number % len(STEPS)]
    done = run(*words)
    label = f"{words[0]} {done.returncode}"
    counts[label] = counts.get(label, 0) + 1
    if done.returncode not in expected or "Traceback" in done.stderr:
        failures.append(f"{' '.join(words)}: exit code {done.returncode}: {done.stderr.strip()}")
    return "and the oldest were dropped" in done.stdout


@dataclass(frozen=True, slots=True)
class Soak:
    """The samples (seconds since the start, resident octets, descriptors), when the counters were full, the counts.

    ``loads`` is empty for a kind whose program did not run to the end; ``failures`` are commands that failed.
    """

    samples: list[tuple[float, int, int]]
    full_at: float | None
    commands: dict[str, int]
    loads: Mapping[str, Mapping[str, int]]
    failures: tuple[str, ...] = ()


def soak(minutes: float) -> Soak:
    """Run the load and sample the lab's size."""
    first = json.loads(run("status", "--json").stdout)["labs"][0]["pid"]
    loads = [
        subprocess.Popen(
            [*SSOSIM, "exec", "--as", f"soak-{kind}", "--", sys.executable, "-I", str(LOAD), kind, str(number)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number, kind in enumerate(EXPECTED)
    ]
    samples, counts, failures, full_at = [], dict[str, int](), list[str](), None
    number, began = 0, time.monotonic()
    while (now := time.monotonic() - began) < minutes * 60:
        if disturb(number, counts, failures) and full_at is None:
            full_at = now
        samples.append((now, *sample(first)))
        number += 1
    for load in loads:
        load.send_signal(signal.SIGTERM)
    texts = [load.communicate(timeout=60)[0] for load in loads]
    counted = {kind: json.loads(text) if text else {} for kind, text in zip(EXPECTED, texts, strict=True)}
    return Soak(samples, full_at, counts, counted, tuple(failures))


def find_failures(soaked: Soak, log: str) -> list[str]:
    """Return all that did not work; ``log`` is the text that the lab wrote to its log."""
    failures = list(soaked.failures)
    for kind, expected in EXPECTED.items():
        counts = soaked.loads[kind]
        failures += [f"load {kind}: never {each}" for each in sorted(expected) if not counts.get(each)]
        for each in sorted(counts.keys() - expected):
            if each != "TimeoutError" or counts[each] > TIMEOUTS * sum(counts.values()):
                failures.append(f"load {kind}: {counts[each]} times {each}")
    failures += [f"lab.log: {line}" for line in log.splitlines()[-1:]]
    return failures


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
    with temporary_home() as home:
        started = run("up", "--detach")
        if started.returncode:
            print(started.stderr, file=sys.stderr)
            return 2
        try:
            soaked = soak(minutes)
        finally:
            run("down")
        failures = find_failures(soaked, (home / "labs/default/lab.log").read_text(encoding="utf-8", errors="replace"))
    warm, (before, after) = halve(soaked, minutes)
    size, later_size = median(each[1] for each in before), median(each[1] for each in after)
    growth = {
        "resident size": round(later_size / size - 1, 4),
        "descriptors": round(median(each[2] for each in after) / median(each[2] for each in before) - 1, 4),
    }
    met = all(value <= options.growth for value in growth.values()) and not failures
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
        "load": soaked.loads,
        "failures": failures[:20],
    }
    print_result("soak", figures=figures, reference={}, ratio=growth, target={"growth": options.growth}, met=met)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())

"""What ``ssosim exec -- true`` costs, beside ``unshare ... true`` with a veth pair in the same run.

    python bench/exec_start.py [--rounds 15]

The reference creates the namespaces that a device has (network, mounts, host name, IPC, processes) with unshare(1), a
veth pair with an address, and runs ``true``. CPU time is that of the command and all its children; for ssosim that of
the lab's process, which creates the link and the ticket, is added. With the code of an older commit on PYTHONPATH, that
one is measured.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from statistics import median

from harness import SSOSIM, LabUnderTest, lab_up, print_result, spread, temporary_home

TARGET = {"exec / unshare, CPU": 6.0}  # half of what it was at commit b05f140
LINK = """\
link add eth0 type veth peer name lab0
link set lo up
addr add 10.99.0.2 peer 10.99.0.1 dev eth0
link set lab0 up
link set eth0 up
route add 192.0.2.0/24 via 10.99.0.1
"""
UNSHARE = [
    *("unshare", "--user", "--map-root-user", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--mount-proc"),
    *("sh", "-c", f"ip -batch - <<END && exec true\n{LINK}END"),
]
COMMANDS = {
    "exec": [SSOSIM, "exec", "--", "true"],
    "unshare": UNSHARE,
    "python": [sys.executable, "-c", "pass"],
    "true": ["true"],
}


def cpu_of_children() -> float:
    """Return the CPU seconds of all child processes that have ended, with their children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(command: Sequence[str]) -> tuple[float, float]:
    """Run ``command``; return its wall-clock and CPU time in milliseconds. If it fails, the benchmark ends."""
    used, began = cpu_of_children(), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL)
    took = time.perf_counter() - began
    if done.returncode != 0:
        sys.exit(f"{command[0]}: exit code {done.returncode}: {done.stderr.strip()}")
    return took * 1000, (cpu_of_children() - used) * 1000


def measure_rounds(rounds: int, lab: LabUnderTest) -> dict[str, list[float]]:
    """Measure all commands in turns; return the times of each in milliseconds."""
    times: dict[str, list[float]] = defaultdict(list)
    for number in range(rounds + 2):
        for name, command in COMMANDS.items():
            before = lab.cpu_s()
            wall, cpu = measure(command)
            if name == "exec":
                in_lab = (lab.cpu_s() - before) * 1000
            if number < 2:  # byte code and page cache
                continue
            times[f"{name}, wall"].append(wall)
            if name == "exec":
                times["exec, CPU of the command"].append(cpu)
                times["exec, CPU of the lab"].append(in_lab)
                cpu += in_lab
            times[f"{name}, CPU"].append(cpu)
    return times


def main() -> None:
    """Measure, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    with temporary_home() as home, lab_up(home) as lab:
        times = measure_rounds(options.rounds, lab)
    middle = {name: median(values) for name, values in times.items()}
    # The least is what the work itself takes: other load on the machine only adds to it.
    least = {name: min(values) for name, values in times.items()}
    ratio = {
        f"exec / unshare, {kind}": {
            "median": round(middle[f"exec, {kind}"] / middle[f"unshare, {kind}"], 2),
            "least": round(least[f"exec, {kind}"] / least[f"unshare, {kind}"], 2),
        }
        for kind in ("wall", "CPU")
    }
    print_result(
        "exec_start",
        figures={name: spread(values, 1) for name, values in times.items() if name.startswith("exec")},
        reference={
            "what": "unshare with the namespaces of a device, a veth pair, an address and a route; milliseconds",
            **{name: spread(values, 1) for name, values in times.items() if not name.startswith("exec")},
        },
        ratio=ratio,
        target=TARGET,
        met=ratio["exec / unshare, CPU"]["median"] <= TARGET["exec / unshare, CPU"],
    )


if __name__ == "__main__":
    main()

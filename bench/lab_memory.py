"""Memory of all processes of an idle lab: the command in the terminal (launcher), supervisor, lab, krb5kdc.

    python bench/lab_memory.py [--runs 3]

PSS counts a page that n processes share as 1/n for each process, so the sum is the memory of the lab; RSS counts such a
page once for each process and is an upper bound. Both are read from ``/proc/PID/smaps_rollup`` after one sign-in. The
reference is an interpreter that has imported the libraries and nothing of ssosim.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import median

from harness import SSO_URL, SSOSIM, print_result, spread, temporary_home, time_command

TARGET_MIB = 150
PROCESSES = {"launcher", "supervisor", "lab", "krb5kdc"}
LIBRARIES = "import asyncio, aiohttp.web, cryptography.x509, dns.message, gssapi, lxml.etree, msgspec, trustme, uvloop"


def list_process_tree(pid: int) -> list[int]:
    """Return the process ``pid`` and all its descendants."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text(encoding="ascii").split()]
    return found


def read_memory(pid: int) -> tuple[float, float]:
    """Return PSS and RSS of a process in MiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    sizes = {name: int(rest.split()[0]) / 1024 for name, _, rest in (line.partition(":") for line in lines)}
    return sizes["Pss"], sizes["Rss"]


def classify_process(pid: int, launcher: int, lab: int) -> str:
    """Return which process of the lab ``pid`` is."""
    if pid in (launcher, lab):
        return "launcher" if pid == launcher else "lab"
    name = Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip()
    return name if name == "krb5kdc" else "supervisor"


def add_up(processes: Iterable[tuple[str, tuple[float, float]]]) -> dict[str, tuple[float, float]]:
    """Return the sums by name, as several processes may have the same one. Ends the benchmark if one is missing."""
    sizes: dict[str, tuple[float, float]] = {}
    for name, (pss, rss) in processes:
        before = sizes.get(name, (0.0, 0.0))
        sizes[name] = before[0] + pss, before[1] + rss
    if sizes.keys() != PROCESSES:
        sys.exit(f"the lab has the processes {', '.join(sorted(sizes))}")
    return sizes


def measure_idle_lab() -> dict[str, tuple[float, float]]:
    """Run a lab in the foreground and sign in once; returns PSS and RSS of each of its processes in MiB."""
    launcher = subprocess.Popen([SSOSIM, "up", "--json"], stdout=subprocess.PIPE, text=True)
    assert launcher.stdout
    text = ""
    for line in launcher.stdout:
        text += line
        if line == "}\n":
            break
    status = json.loads(text)
    try:
        time_command([SSOSIM, "exec", "--", "curl", "-sf", "-o", "/dev/null", "--negotiate", "-u", ":", SSO_URL])
        facts = json.loads((Path(status["folder"]) / "lab.json").read_text(encoding="utf-8"))
        return add_up(
            (classify_process(pid, launcher.pid, facts["pid"]), read_memory(pid))
            for pid in list_process_tree(launcher.pid)
        )
    finally:
        launcher.send_signal(signal.SIGINT)
        launcher.wait(15)
        launcher.stdout.close()


def measure_reference() -> float:
    """Return the PSS of an interpreter with the libraries, in MiB."""
    command = [sys.executable, "-c", f"{LIBRARIES}\nprint(flush=True)\ninput()"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    size, _ = read_memory(process.pid)
    process.communicate(b"\n")
    return size


def main() -> None:
    """Measure, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    values: dict[str, list[float]] = defaultdict(list)
    with temporary_home():
        for _ in range(runs):
            sizes = measure_idle_lab()
            for name, (pss, _) in sizes.items():
                values[f"pss {name}"].append(pss)
            values["pss"].append(sum(pss for pss, _ in sizes.values()))
            values["rss"].append(sum(rss for _, rss in sizes.values()))
            values["bare"].append(measure_reference())
    rss = median(values["rss"])
    print_result(
        "lab_memory",
        figures={
            "pss_mib": spread(values["pss"], 1),
            "rss_mib": spread(values["rss"], 1),
            "pss_by_process_mib": {
                name.partition(" ")[2]: round(median(sizes), 1) for name, sizes in values.items() if " " in name
            },
        },
        reference={"what": "an interpreter with the libraries imported, PSS", "mib": spread(values["bare"], 1)},
        ratio=round(median(values["pss"]) / median(values["bare"]), 2),
        target={"rss_mib": TARGET_MIB},
        met=rss <= TARGET_MIB,
    )


if __name__ == "__main__":
    main()

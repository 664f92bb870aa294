"""Memory of the idle lab, all its processes: the command that stays in the terminal, supervisor, lab, krb5kdc.

    python bench/lab_memory.py [--runs 3]

PSS counts a page that n processes share as one n-th for each, so its sum is what the lab takes; RSS counts such a page
once a process and is an upper bound. Read from ``/proc/PID/smaps_rollup`` after one sign-in. The reference is an
interpreter that has imported the libraries and nothing of ssosim.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median

from harness import SSO_URL, SSOSIM, finish, own_home, spread, timed

TARGET_MIB = 150
LIBRARIES = "import asyncio, aiohttp.web, cryptography.x509, dns.message, gssapi, lxml.etree, msgspec, trustme, uvloop"


def family(pid: int) -> list[int]:
    """The process ``pid`` and all its descendants."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text(encoding="ascii").split()]
    return found


def memory(pid: int) -> tuple[float, float]:
    """PSS and RSS in MiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    sizes = {name: int(rest.split()[0]) / 1024 for name, _, rest in (line.partition(":") for line in lines)}
    return sizes["Pss"], sizes["Rss"]


def kind_of(pid: int, front: int, lab: int) -> str:
    """Which of the lab's processes ``pid`` is."""
    if pid in (front, lab):
        return "front" if pid == front else "lab"
    name = Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip()
    return name if name == "krb5kdc" else "supervisor"


def idle_lab() -> dict[str, tuple[float, float]]:
    """PSS and RSS of each process of one attached lab that has served a sign-in, in MiB."""
    front = subprocess.Popen([SSOSIM, "up", "--json"], stdout=subprocess.PIPE, text=True)
    assert front.stdout
    text = ""
    for line in front.stdout:
        text += line
        if line == "}\n":
            break
    status = json.loads(text)
    try:
        timed([SSOSIM, "exec", "--", "curl", "-sf", "-o", "/dev/null", "--negotiate", "-u", ":", SSO_URL])
        facts = json.loads((Path(status["folder"]) / "lab.json").read_text(encoding="utf-8"))
        return {kind_of(pid, front.pid, facts["pid"]): memory(pid) for pid in family(front.pid)}
    finally:
        front.send_signal(signal.SIGINT)
        front.wait(15)
        front.stdout.close()


def bare() -> float:
    """PSS of an interpreter with the libraries, in MiB."""
    command = [sys.executable, "-c", f"{LIBRARIES}\nprint(flush=True)\ninput()"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    size, _ = memory(process.pid)
    process.communicate(b"\n")
    return size


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    values: dict[str, list[float]] = defaultdict(list)
    with own_home():
        for _ in range(runs):
            sizes = idle_lab()
            for name, (pss, _) in sizes.items():
                values[f"pss {name}"].append(pss)
            values["pss"].append(sum(pss for pss, _ in sizes.values()))
            values["rss"].append(sum(rss for _, rss in sizes.values()))
            values["bare"].append(bare())
    rss = median(values["rss"])
    finish(
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

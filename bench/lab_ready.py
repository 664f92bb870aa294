"""The time until a lab is ready: from the command to the first silent sign-in, and in a process that runs already.

    python bench/lab_ready.py [--rounds 7]

Private network: ``ssosim up --detach``, then ``ssosim exec -- curl --negotiate`` with the sign-on address for browsers;
the start-up of both commands counts, and the response must be 200. "cold" is the first run in a new state folder, which
makes the realm and the keys. In process: ``Lab`` on loopback in a new interpreter, then further labs. k5test's realm is
measured in the same rounds: ``K5Realm()`` with its defaults, and bare, with the KDC alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

from harness import SSO_URL, SSOSIM, print_result, run, spread, temporary_home

TARGET = {"up_and_sign_in_s": 1.0, "first_lab_s": 0.3, "further_lab_s": 0.05}
LABS_IN_A_PROCESS = 6
CURL = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %{time_total}", "--negotiate", "-u", ":", SSO_URL]
K5TEST = """
import json, time, k5test
conf = {"realms": {"$realm": {"kdc": "127.0.0.1:$port0"}}}
times = []
for options in ({}, {"create_user": False, "create_host": False, "get_creds": False}):
    began = time.perf_counter()
    realm = k5test.K5Realm(krb5_conf=conf, portbase=43000, **options)
    times.append(time.perf_counter() - began)
    realm.stop()
print(json.dumps(times))
"""


def run_python(*arguments: str) -> str:
    """Run a new interpreter; returns its output. If it fails, the benchmark ends."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=30, check=False)
    if done.returncode != 0:
        sys.exit(f"python {arguments[0]}: {done.stderr}")
    return done.stdout


def measure_private_lab(times: dict[str, list[float]], kind: str) -> None:
    """Measure one lab in the private network: start, first sign-in, end."""
    began = time.perf_counter()
    status = json.loads(run("up", "--detach", "--json"))
    up = time.perf_counter()
    answer = subprocess.run([SSOSIM, "exec", "--", *CURL], capture_output=True, text=True, timeout=30, check=False)
    ended = time.perf_counter()
    run("down")
    code, _, curl = answer.stdout.partition(" ")
    if code != "200":
        sys.exit(f"the sign-in failed: status {code}, {answer.stderr}")
    parts = {"total": ended - began, "up": up - began, "up says": status["ready_s"], "exec": ended - up}
    for name, value in {**parts, "curl in exec": float(curl)}.items():
        times[f"{kind} {name}"].append(value)


def measure_labs_in_process(times: dict[str, list[float]], kind: str, folder: Path) -> None:
    """Measure a new process: interpreter, imports, a first lab, and further labs."""
    began = time.monotonic()
    answer: dict[str, Any] = json.loads(
        run_python(str(Path(__file__).with_name("lab_in_process.py")), str(began), str(folder), str(LABS_IN_A_PROCESS))
    )
    first, *others = answer["labs"]
    times[f"{kind} imports"].append(answer["imports"])
    times[f"{kind} first lab"].append(first["start"])
    times[f"{kind} process start to first lab"].append(answer["python"] + answer["imports"] + first["start"])
    times["sign-in by a model"].extend(lab["sign_in"] for lab in answer["labs"])
    times["further lab"].extend(lab["start"] for lab in others)
    times["stop"].extend(lab["stop"] for lab in answer["labs"])


def main() -> None:
    """Measure, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    times: dict[str, list[float]] = defaultdict(list)
    with temporary_home() as home:
        measure_private_lab(defaultdict(list), "warm-up")  # byte code and page cache
        for number in range(options.rounds):
            measure_private_lab(times, "warm")
            measure_labs_in_process(times, "warm", home / "process")
            whole, bare = json.loads(run_python("-c", K5TEST))
            times["k5test"].append(whole)
            times["k5test bare"].append(bare)
            if number < 3:
                with temporary_home() as fresh:
                    measure_private_lab(times, "cold")
                    measure_labs_in_process(times, "cold", fresh / "process")
    warm_first = times["warm first lab"][1:]  # the first run made the keys
    middle = {name: median(values) for name, values in times.items()}
    reached = {
        "up_and_sign_in_s": middle["warm total"],
        "first_lab_s": median(warm_first),
        "further_lab_s": middle["further lab"],
    }
    print_result(
        "lab_ready",
        figures={
            "private network, s": {
                name: spread(times[name])
                for name in times
                if name.startswith(("warm ", "cold ")) and "lab" not in name and "imports" not in name
            },
            "in process, s": {
                "first lab, cache warm": spread(warm_first),
                "first lab, cache cold": spread(times["cold first lab"]),
                "further lab": spread(times["further lab"], 4),
                "imports": spread(times["warm imports"]),
                "process start to first lab": spread(times["warm process start to first lab"][1:]),
                "sign-in by a model": spread(times["sign-in by a model"]),
                "stop": spread(times["stop"], 4),
            },
        },
        reference={
            "what": "k5test in a fresh process, imports not counted; bare: without user, host keytab and tickets",
            "K5Realm(), s": spread(times["k5test"]),
            "K5Realm bare, s": spread(times["k5test bare"]),
        },
        ratio={
            "to K5Realm()": {name: round(value / middle["k5test"], 2) for name, value in reached.items()},
            "to K5Realm bare": {name: round(value / middle["k5test bare"], 2) for name, value in reached.items()},
        },
        target=TARGET,
        met=all(reached[name] <= limit for name, limit in TARGET.items()),
    )


if __name__ == "__main__":
    main()

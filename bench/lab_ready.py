"""How soon a lab is of use: from the command to the first silent sign-in, and inside a process that runs already.

    python bench/lab_ready.py [--rounds 7]

Private network: ``ssosim up --detach``, then ``ssosim exec -- curl --negotiate`` against the browser's sign-in address;
both commands' own start-up counts, the answer must be 200. "cold" is the first run ever in a state folder: it makes the
realm and the keys. In process: ``Lab`` on loopback in a fresh interpreter, then further labs. k5test's
realm is measured in the same rounds: ``K5Realm()`` as it comes, and bare, with nothing but the KDC.
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

from harness import SSO_URL, SSOSIM, finish, own_home, run, spread

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


def python(*arguments: str) -> str:
    """What a fresh interpreter prints; ends the bench when it fails."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=30, check=False)
    if done.returncode != 0:
        sys.exit(f"python {arguments[0]}: {done.stderr}")
    return done.stdout


def private(times: dict[str, list[float]], kind: str) -> None:
    """One lab in the private network, its first sign-in, and its end."""
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


def in_process(times: dict[str, list[float]], kind: str, folder: Path) -> None:
    """A fresh process: interpreter, imports, a first lab, and others."""
    began = time.monotonic()
    answer: dict[str, Any] = json.loads(
        python(str(Path(__file__).with_name("lab_in_process.py")), str(began), str(folder), str(LABS_IN_A_PROCESS))
    )
    first, *others = answer["labs"]
    times[f"{kind} imports"].append(answer["imports"])
    times[f"{kind} first lab"].append(first["start"])
    times[f"{kind} process start to first lab"].append(answer["python"] + answer["imports"] + first["start"])
    times["sign-in by a model"].extend(lab["sign_in"] for lab in answer["labs"])
    times["further lab"].extend(lab["start"] for lab in others)
    times["stop"].extend(lab["stop"] for lab in answer["labs"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    times: dict[str, list[float]] = defaultdict(list)
    with own_home() as home:
        private(defaultdict(list), "warm-up")  # byte code and page cache
        for number in range(options.rounds):
            private(times, "warm")
            in_process(times, "warm", home / "process")
            whole, bare = json.loads(python("-c", K5TEST))
            times["k5test"].append(whole)
            times["k5test bare"].append(bare)
            if number < 3:
                with own_home() as fresh:
                    private(times, "cold")
                    in_process(times, "cold", fresh / "process")
    warm_first = times["warm first lab"][1:]  # the first of these made the keys
    middle = {name: median(values) for name, values in times.items()}
    reached = {
        "up_and_sign_in_s": middle["warm total"],
        "first_lab_s": median(warm_first),
        "further_lab_s": middle["further lab"],
    }
    finish(
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

"""Complete silent sign-ins per second, as a share of the rate of their cryptography alone in the same run.

    python bench/sign_ins.py [--rounds 15]

One sign-in is five HTTPS requests: realm, MEX, RST without a ticket (401), RST with a ticket, token. The lab is the
one of ``ssosim up`` (uvloop, trace written to disk), pinned to the first core; the load is a program inside the lab
(``sign_ins_load.py``), pinned to the other cores, that never sleeps while it measures. The reference is a loop on the
first core while the lab is idle: the lab's own functions for the two RSA-2048 signatures of a sign-in (access token, ID
token) and for one GSSAPI accept with a replay cache, nothing else. Both alternate in short blocks of equally many
sign-ins and new tickets, so that other work on the machine affects both equally. The share is computed from CPU times;
the share from wall-clock times beside it includes the other work on that core.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness import SSOSIM, LabUnderTest, lab_up, print_result, spread, temporary_home

from ssosim.entra.core.keys import SigningKey
from ssosim.kerberos.gss import AcceptedToken, Acceptor
from ssosim.kerberos.principals import SERVICE_ACCOUNT_KEYTAB

TARGET = 0.6
CONNECTIONS = 96
BLOCK = 400
STEPS = ("realm", "mex", "challenge", "rstr", "token")
STEP_COUNT = 1500


class Load:
    """The load program inside the lab; commands and replies are one line of JSON each."""

    def __init__(self) -> None:
        script = str(Path(__file__).with_name("sign_ins_load.py"))
        command = [SSOSIM, "exec", "--", sys.executable, script, str(CONNECTIONS)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def request(self, what: str, **parts: Any) -> Any:
        """Send one command; returns its reply. If the load program has ended, the benchmark ends."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"do": what, **parts}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"the load ended with exit code {self._process.wait()}")
        return json.loads(line)

    def end(self) -> None:
        """Close the standard input of the program, and wait for its end."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)


@contextmanager
def pin_to_cores(pid: int, cores: set[int]) -> Iterator[None]:
    """Pin all threads of the process ``pid`` to ``cores`` for the time of the block."""
    threads = [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()]
    before = os.sched_getaffinity(pid)
    for thread in threads:
        os.sched_setaffinity(thread, cores)
    try:
        yield
    finally:
        for thread in threads:
            os.sched_setaffinity(thread, before)


class Crypto:
    """The cryptography of one sign-in: the functions of the lab, with its key and its keytab."""

    def __init__(self, home: Path, lab: LabUnderTest) -> None:
        self._key = SigningKey.from_pem(next((home / "cache").glob("keys-*/cloud.pem")).read_bytes())
        os.environ["KRB5_CONFIG"] = str(lab.folder / "krb5.conf")
        self._acceptor = Acceptor(lab.folder / "kdc" / SERVICE_ACCOUNT_KEYTAB, home / "bench-rcache")

    def measure(self, tokens: list[bytes]) -> dict[str, float]:
        """Return sign-ins per second, and the milliseconds of the parts; each of ``tokens`` is used once."""
        accepting, signing, cpu = 0.0, 0.0, time.process_time()
        for token in tokens:
            began = time.perf_counter()
            verdict = self._acceptor.accept(token)
            accepted = time.perf_counter()
            self._key.sign(token[:900])  # about the length of the tokens that the lab signs, and each time another text
            self._key.sign(token[-700:])
            signing += time.perf_counter() - accepted
            accepting += accepted - began
            assert isinstance(verdict, AcceptedToken), verdict
        return {
            "per_s": len(tokens) / (accepting + signing),
            "cpu_ms": (time.process_time() - cpu) / len(tokens) * 1000,
            "accept_ms": accepting / len(tokens) * 1000,
            "signature_ms": signing / len(tokens) / 2 * 1000,
        }


def measure_steps(lab: LabUnderTest, load: Load) -> dict[str, float]:
    """Return the milliseconds of the server's CPU for each step, measured one step at a time."""
    spent = {}
    for step in STEPS:
        load.request("prepare", step=step, count=STEP_COUNT)
        before = lab.cpu_s()
        load.request("step", step=step, count=STEP_COUNT)
        spent[step] = round((lab.cpu_s() - before) / STEP_COUNT * 1000, 3)
    return {**spent, "sum": round(sum(spent.values()), 3)}


def main() -> None:
    """Measure, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--pause", type=float, default=0.0, help="wait before the load starts, to attach a profiler")
    options = parser.parse_args()
    first, *others = sorted(os.sched_getaffinity(0))
    values: dict[str, list[float]] = defaultdict(list)
    with temporary_home() as home, lab_up(home) as lab, pin_to_cores(lab.pid, {first}):
        os.sched_setaffinity(0, set(others) or {first})  # inherited by the load
        load = Load()
        crypto = Crypto(home, lab)
        load.request("connect")
        print(f"lab {lab.pid}", file=sys.stderr) if options.pause else None
        time.sleep(options.pause)
        for _ in range(options.rounds):
            tokens = [base64.b64decode(token) for token in load.request("tokens", count=BLOCK)]
            with pin_to_cores(os.getpid(), {first}):
                for name, value in crypto.measure(tokens).items():
                    values[f"crypto_{name}"].append(value)
            load.request("prepare", step="whole", count=BLOCK)
            before = lab.cpu_s()
            answer = load.request("whole", count=BLOCK)
            values["server_cpu_ms"].append((lab.cpu_s() - before) / BLOCK * 1000)
            values["sign_ins_per_s"].append(BLOCK / answer["seconds"])
            values["load_busy"].append(answer["cpu_seconds"] / answer["seconds"])
            values["server_busy"].append(values["server_cpu_ms"][-1] * values["sign_ins_per_s"][-1] / 1000)
            values["cpu_ratio"].append(values["crypto_cpu_ms"][-1] / values["server_cpu_ms"][-1])
            values["ratio"].append(values["sign_ins_per_s"][-1] / values["crypto_per_s"][-1])
        by_step = measure_steps(lab, load)
        records = json.loads((lab.folder / "trace.jsonl").read_text(encoding="utf-8").splitlines()[-1])["seq"]
        load.end()
    if records < options.rounds * BLOCK * len(STEPS):
        sys.exit(f"the trace has only {records} records: the lab did not do what it does else")
    by_cpu = spread(values["cpu_ratio"])
    print_result(
        "sign_ins",
        figures={
            "sign_ins_per_s": spread(values["sign_ins_per_s"], 1),
            "server_cpu_ms_per_sign_in": spread(values["server_cpu_ms"]),
            "server_busy": spread(values["server_busy"], 2),
            "load_busy": spread(values["load_busy"], 2),
            "server_cpu_ms_by_step": by_step,
            "connections": 2 * CONNECTIONS,
            "trace_records_written": records,
        },
        reference={
            "what": "2 RSA-2048 signatures and 1 GSSAPI accept, bare, same core",
            "per_s": spread(values["crypto_per_s"], 1),
            "signature_ms": spread(values["crypto_signature_ms"]),
            "accept_ms": spread(values["crypto_accept_ms"]),
        },
        ratio_by_cpu_time=by_cpu,
        ratio=spread(values["ratio"]),
        target={"ratio_by_cpu_time": TARGET},
        met=by_cpu["median"] >= TARGET,
    )


if __name__ == "__main__":
    main()

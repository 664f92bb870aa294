"""A token from a host, and what a device kind adds to ``ssosim exec``, each beside its reference in the same run.

    python bench/managed_identity.py [--rounds 60]

Server time is ``elapsed_ms`` of the exchange in the trace: from the request's arrival until the reply is ready.
Requests to IMDS for a token of a managed identity, and requests to the token endpoint with a client secret, are sent in
turns by curl on the same device. What a kind adds: ``ssosim exec --device KIND -- true`` beside a desktop, in turns, by
wall clock and by the CPU time of the command and the lab. The share of CPU time decides, since other work on the
machine does not change it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

from harness import LabUnderTest, print_result, run, spread, temporary_home

MARGIN_MS = 2.0
SHARE = 0.1
CONTOSO = Path(__file__).parents[1] / "ssosim" / "estate" / "contoso.toml"
APP = "3c9d7e51-6a0b-4b0e-9c55-2f8b1d7e4a01"
KINDS = ("vm", "app-service", "arc", "service-fabric", "aks-workload", "pipelines")
WITH_IDENTITY = ("vm", "app-service", "arc", "service-fabric")
ESTATE = f"""
[[applications]]
client_id = "{APP}"
name = "Orders"
client_secret = "current-secret"

[[openid_issuers]]
issuer = "https://oidc.contoso.example/cluster-1"

[[hosts]]
name = "issuers"
address = "203.0.113.40"
services = ["oidc-issuer"]

[[hosts]]
name = "devops"
address = "203.0.113.41"
services = ["pipelines-oidc"]

[[devices]]
name = "aks-workload"
kind = "aks-workload"
[devices.workload_identity]
issuer = "https://oidc.contoso.example/cluster-1"
subject = "system:serviceaccount:shop:cart"
client_id = "{APP}"

[[devices]]
name = "pipelines"
kind = "pipelines"
""" + "".join(
    f'\n[[devices]]\nname = "{kind}"\nkind = "{kind}"\nsystem_assigned_identity = true\n' for kind in WITH_IDENTITY
)
REQUESTS = """
for number in $(seq {rounds}); do
  curl -s -o /dev/null -H Metadata:true \
    "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com"
  curl -s -o /dev/null https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token \
    -d "client_id={app}" -d client_secret=current-secret -d grant_type=client_credentials \
    --data-urlencode scope=https://management.azure.com/.default
done
"""


def measure_server_times(rounds: int) -> dict[str, list[float]]:
    """Send both kinds of request in turns; their server times in milliseconds, by their step.

    Ends the benchmark if one was refused, or if not all of them arrived.
    """
    run("exec", "--device", "vm", "--as", "tokens", "--", "sh", "-c", REQUESTS.format(rounds=rounds, app=APP))
    times: dict[str, list[float]] = defaultdict(list)
    for line in run("trace", "--json").splitlines():
        record = json.loads(line)
        if record["client"] == "tokens" and record["event"] == "HttpExchange":
            if record["status"] != 200:
                sys.exit(f"{record['path']} answered {record['status']}: {record['error_description']}")
            times[record["step"]].append(record["elapsed_ms"])
    if (arrived := {step: len(each) for step, each in times.items()}) != {"managed-identity": rounds, "token": rounds}:
        sys.exit(f"of {rounds} requests each, there arrived {arrived}")
    return times


def measure_exec(lab: LabUnderTest, rounds: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Start ``true`` on each kind of device in turns; wall-clock and CPU seconds of the command and the lab."""
    wall: dict[str, list[float]] = defaultdict(list)
    cpu: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for device in ("desk-1", *KINDS):
            children, began, lab_before = os.times(), time.perf_counter(), lab.cpu_s()
            run("exec", "--device", device, "--", "true")
            after = os.times()
            wall[device].append(time.perf_counter() - began)
            used = after.children_user + after.children_system - children.children_user - children.children_system
            cpu[device].append(used + lab.cpu_s() - lab_before)
    return wall, cpu


def main() -> None:
    """Measure, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    with temporary_home() as home:
        estate = home / "estate.toml"
        estate.write_text(CONTOSO.read_text(encoding="utf-8") + ESTATE, encoding="utf-8")
        run("up", "--detach", "--estate", str(estate))
        lab = LabUnderTest(home)
        measure_exec(lab, 1)  # byte code and page cache
        times = measure_server_times(options.rounds)
        wall, cpu = measure_exec(lab, max(options.rounds // 4, 3))
    host, endpoint = median(times["managed-identity"]), median(times["token"])
    added = {kind: median(wall[kind]) / median(wall["desk-1"]) - 1 for kind in KINDS}
    added_cpu = {kind: median(cpu[kind]) / median(cpu["desk-1"]) - 1 for kind in KINDS}
    print_result(
        "managed_identity",
        figures={
            "token from IMDS, server time, ms": spread(times["managed-identity"], 3),
            "exec on each kind, s": {kind: spread(wall[kind], 4) for kind in KINDS},
            "exec on each kind, CPU s": {kind: spread(cpu[kind], 4) for kind in KINDS},
        },
        reference={
            "token endpoint with a client secret, server time, ms": spread(times["token"], 3),
            "exec on a desktop, s": spread(wall["desk-1"], 4),
            "exec on a desktop, CPU s": spread(cpu["desk-1"], 4),
        },
        ratio={
            "server time over the token endpoint, ms": round(host - endpoint, 3),
            "added to exec, by wall clock": {kind: round(value, 3) for kind, value in added.items()},
            "added to exec, by CPU time": {kind: round(value, 3) for kind, value in added_cpu.items()},
        },
        target={"server time over the token endpoint, ms": MARGIN_MS, "added to exec, by CPU time": SHARE},
        met=host - endpoint <= MARGIN_MS and max(added_cpu.values()) <= SHARE,
    )


if __name__ == "__main__":
    main()

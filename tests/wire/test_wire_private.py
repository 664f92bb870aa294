"""The lab as users start it: a flood of good and bad traffic from a device leaves no secret, no growth and no news."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ssosim.trace import HttpExchange, KdcExchange, TicketChecked
from ssosim.trace.export import format_record, parse_record

FLOOD = Path(__file__).parent / "flood.py"
Ssosim = Callable[..., "subprocess.CompletedProcess[str]"]
SECRETS = re.compile(
    r"Swordfish|U3dvcmRmaXNo|-lab-password|YII|TlRMTVNT|eyJ[A-Za-z0-9]{4}|saml:|DesktopSsoToken|"
    r"(?=\w*\d)(?=\w*[A-Z])[A-Za-z0-9+/_-]{120}"
)


@pytest.fixture(scope="module")
def ssosim() -> Iterator[Ssosim]:
    """Run the command with a state folder of its own; a lab is up."""
    with tempfile.TemporaryDirectory(prefix="wire-") as home:

        def run(*words: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", "ssosim", *words],
                env=os.environ | {"SSOSIM_HOME": home},
                capture_output=True,
                text=True,
                timeout=120,
                check=True,
            )

        run("up", "--detach")
        try:
            yield run
        finally:
            run("down")


def flood(ssosim: Ssosim, rounds: int, seed: int) -> None:
    """Run the program on a device."""
    try:
        ssosim("exec", "--", sys.executable, str(FLOOD), str(rounds), str(seed))
    except subprocess.CalledProcessError as error:
        pytest.fail(error.stdout + error.stderr)


def size(pid: int) -> tuple[int, int]:
    """Resident memory in KiB and open files of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    return int(found[1]), len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_flood_leaves_nothing(ssosim):
    """After hundreds of sign-ins, refusals and rubbish: memory and files as before, an empty log, no secret kept."""
    lab = json.loads(ssosim("status", "--json").stdout)["labs"][0]
    folder = Path(lab["folder"])
    flood(ssosim, 8, 1)
    warm, _ = size(lab["pid"])
    before = json.loads(ssosim("status", "--json").stdout)["labs"][0]["trace_records"]
    _, files = size(lab["pid"])
    flood(ssosim, 12, 2)
    ended = time.monotonic() + 60
    while size(lab["pid"])[1] > files and time.monotonic() < ended:
        time.sleep(0.1)
    memory, files_after = size(lab["pid"])
    records = json.loads(ssosim("status", "--json").stdout)["labs"][0]["trace_records"] - before
    assert files_after <= files
    assert memory - warm < 4096 + 2 * records, (warm, memory, records)
    assert (folder / "lab.log").read_text(encoding="utf-8") == ""
    lines = (folder / "trace.jsonl").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if SECRETS.search(line)] == []
    trace = [parse_record(line) for line in lines]
    assert [record.seq for record in trace] == list(range(1, len(trace) + 1))
    assert all(format_record(record).isprintable() for record in trace)
    events = [record.event for record in trace if record.client.startswith("python")]
    accepted = [event.accepted for event in events if isinstance(event, TicketChecked)]
    assert (accepted.count(True), accepted.count(False)) == (200 + 1, 200)  # one by curl, unmodified
    codes = {event.code for event in events if isinstance(event, HttpExchange)}
    assert {81001, 81002, 50126, 50008, 50013, 9002313} <= codes
    assert {"unreadable"} <= {event.method for event in events if isinstance(event, HttpExchange)}
    services = {event.service for event in events if isinstance(event, KdcExchange)}
    assert {"HTTP/autologon.microsoftazuread-sso.com", "HTTP/sts.fabrikam.com"} <= services

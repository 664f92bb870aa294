"""Real programs refuse the lab's certificate: what each says of it in TLS, and what the verdict makes of that."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from ssosim.real_clients.folders import find_client_home
from ssosim.real_clients.lookup import find_flows
from ssosim.trace import ConnectionFailed, Record
from ssosim.trace.export import read_records
from ssosim.verdict.judge import judge
from tests.real_client_setup import can_run

LOGIN = "login.microsoftonline.com"
KEYS = f"https://{LOGIN}/common/discovery/keys"
FAULTS = ("certificate-expired", "certificate-untrusted", "certificate-wrong-name")

# OpenSSL says what it found, others the same of everything; who checks the name, or all, after the handshake closes.
SAYS = {
    "curl": ("certificate_expired", "unknown_ca", "closed"),
    "curl-tls12": ("certificate_expired", "unknown_ca", "closed"),
    "msal-python": ("certificate_expired", "unknown_ca", "bad_certificate"),
    "azidentity": ("bad_certificate",) * 3,
    "node": ("closed",) * 3,
    "msal4j": ("certificate_unknown",) * 3,
    "chromium": ("certificate_unknown",) * 3,
}
CLIENTS = {
    "msal-python": "msal-python/username-password",
    "azidentity": "azidentity/username-password",
    "msal4j": "msal4j/integrated",
}


def _commands() -> dict[str, list[str]]:
    """How each is started, those that this machine lacks left out."""
    found = {"curl": ["curl", "-s", KEYS], "curl-tls12": ["curl", "-s", "--tls-max", "1.2", KEYS]}
    if shutil.which("node"):
        asks = f"require('node:https').get('{KEYS}').on('error', () => process.exit(1))"
        found["node"] = ["node", "-e", asks]
    if shutil.which("chromium"):
        folder = Path(__file__).parents[2] / "clients" / "real" / "chromium"
        found["chromium"] = ["python3", "-B", str(folder / "sign_in.py"), "sign-in-page"]
    for label, name in CLIENTS.items():
        (client_flow,) = find_flows(name)
        if can_run(client_flow.client):
            home = str(find_client_home(client_flow.client))
            found[label] = [word.replace("{home}", home) for word in client_flow.flow.run]
    return found


@pytest.fixture(scope="module")
def seen(running: Any) -> dict[str, list[Record]]:
    """Each program under each fault, those of one fault side by side; the records of each by label and fault."""
    commands = _commands()
    for number, fault in enumerate(FAULTS, 1):
        applied = running.run("fault", "apply", fault, f"host={LOGIN}")
        assert applied.returncode == 0, applied.stderr
        labels = [label for label in commands if label != "chromium" or number == 1]  # it takes its time
        started = [
            running.popen("exec", "--device", "desk-3", "--as", f"{label} {fault}", "--", *commands[label])
            for label in labels
        ]
        for process in started:
            process.communicate(timeout=90)
        running.run("fault", "undo", "all")
    found: dict[str, list[Record]] = {}
    for record in read_records(running.run("trace", "--json").stdout.splitlines()):
        found.setdefault(record.client, []).append(record)
    return found


@pytest.mark.parametrize("label", SAYS)
def test_how_a_program_refuses(seen: dict[str, list[Record]], label: str) -> None:
    """Host, and alert by its name in RFC 8446; the verdict names it (teams-2020, msal-net-1825, crm-online-2014)."""
    mine = {fault: seen[f"{label} {fault}"] for fault in FAULTS if f"{label} {fault}" in seen}
    if not mine:
        pytest.skip(f"{label} cannot be run on this machine: make clients")
    for fault, said in zip(FAULTS, SAYS[label], strict=True):
        if fault not in mine:
            continue
        records = mine[fault]
        events = [record.event for record in records if isinstance(record.event, ConnectionFailed)]
        assert events, fault
        assert {(each.host, each.stage, each.reason, each.by) for each in events} == {(LOGIN, "tls", said, "server")}
        verdict = judge(records, records[0].at)
        words = "closed without an alert" if said == "closed" else said
        assert verdict.outcome == "failed"
        assert verdict.reason.endswith(f"{LOGIN}'s certificate was refused: {words}"), verdict.reason

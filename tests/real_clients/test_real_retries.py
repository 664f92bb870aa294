"""Retries of real clients, proved with faults that strike the first so many and then end by themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ssosim.real_clients.folders import find_client_home
from ssosim.real_clients.lookup import find_real_clients
from tests.real_client_setup import prepare

TRIES = 4
"""azure-core's RetryPolicy: the first try and three more for a status, or a connection that broke."""


@pytest.fixture(scope="module")
def azure() -> Path:
    """Where azure-identity is installed."""
    (client,) = find_real_clients(["azure-identity"])
    prepare(client)
    return find_client_home(client)


CASES = {
    "three-503": ("http-status", "status=503", "--first", "3"),
    "four-503": ("http-status", "status=503", "--first", "4"),
    "three-broken": ("http-dropped", "--first", "3"),
    "four-broken": ("http-dropped", "--first", "4"),
}


def test_azure_core_tries_four_times(running: Any, azure: Path) -> None:
    """Three failures are survived, a fourth is not; four clients at once, each with a limit of its own."""
    for label, words in CASES.items():
        where = ("host=login.microsoftonline.com", "path=/userrealm/", "--client", label)
        applied = running.run("fault", "apply", *words, *where)
        assert applied.returncode == 0, applied.stderr
    program = (str(azure / "venv/bin/python"), str(azure / "sign_in.py"), "username-password")
    started = {label: running.popen("exec", "--device", "desk-3", "--as", label, "--", *program) for label in CASES}
    codes = {label: process.wait(60) for label, process in started.items()}
    assert {label for label, code in codes.items() if code == 0} == {"three-503", "three-broken"}
    events = [json.loads(line) for line in running.run("trace", "--json").stdout.splitlines()]
    for label, words in CASES.items():
        struck = int(words[-1])
        asked = [each for each in events if each["client"] == label and "/userrealm/" in each.get("path", "")]
        assert len(asked) == TRIES, label
        assert sum(each["status"] != 200 for each in asked) == struck, label
        ends = [each["reason"] for each in events if each["event"] == "FaultUndone" and label in each["detail"]]
        assert ends == [f"after the first {struck}"]
    assert "in force" not in running.run("fault", "list").stdout

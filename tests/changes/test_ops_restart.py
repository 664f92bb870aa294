"""Applied changes stay applied: a new lab restores them from the ledger, after a normal end and after kill -9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from conftest_ops import change, clean_up

from ssosim.changes.approvals import load_policy
from ssosim.changes.inventory import Inventory
from ssosim.changes.operations import PutRecords
from ssosim.lab.base.folder import LabFolder
from ssosim.lab.program_devices.control_client import request_json

SSOSIM = [sys.executable, "-m", "ssosim"]
NEW = "new.microsoft.com"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LabFolder]:
    """Of the lab ``default`` in a state folder of its own; the lab is down in the end."""
    monkeypatch.setenv("SSOSIM_HOME", str(tmp_path / "s"))
    made = LabFolder.of("default")
    yield made
    ssosim("down")


def ssosim(*words: str) -> subprocess.CompletedProcess[str]:
    """What a user types."""
    return subprocess.run([*SSOSIM, *words], capture_output=True, text=True, timeout=120, check=False)


def up(*words: str) -> str:
    """A lab that is up, with a gate that lets everything pass; what it said."""
    said = ssosim("up", "--detach", *words)
    assert said.returncode == 0, said.stderr
    settings = {"policy": load_policy("feb-2025"), "inventory": Inventory()}
    request_json(LabFolder.of("default"), "POST", "/v1/dns/settings", msgspec.to_builtins(settings))
    return said.stdout


def apply(folder: LabFolder, name: str) -> dict[str, Any]:
    """A new name."""
    wanted = change(PutRecords(name=name, type="A", values=("192.0.2.9",)), title=name)
    done: dict[str, Any] = request_json(folder, "POST", "/v1/dns/apply", {"change": msgspec.to_builtins(wanted)})
    return done


def zones_of_lab(folder: LabFolder) -> Any:
    """The zones, but for their version."""
    return request_json(folder, "GET", "/v1/dns/zones")["zones"] | {"version": 0}


def kill(folder: LabFolder) -> None:
    """Kill -9 of the lab itself; the kernel ends the rest."""
    facts = folder.read_facts()
    assert facts is not None
    os.kill(facts["pid"], signal.SIGKILL)
    while folder.is_running():
        time.sleep(0.02)


def test_what_was_applied_outlives_down_and_kill(folder: LabFolder):
    """Applied, down, up, applied, kill -9, up: both are in force and can be rolled back; --fresh begins anew."""
    assert "earlier lab" not in up()
    healthy = zones_of_lab(folder)
    apply(folder, NEW)
    first = zones_of_lab(folder)
    assert ssosim("down").returncode == 0
    assert "up to entry 1 of the ledger, are in force" in up()
    assert zones_of_lab(folder) == first
    request_json(folder, "POST", "/v1/faults", {"fault": "name-removed", "name": "login.microsoftonline.com"})
    request_json(folder, "POST", "/v1/dns/adopt", {"by": "ann"})  # what a fault broke is in nobody's ledger
    request_json(folder, "DELETE", "/v1/faults/all")
    assert apply(folder, "second.microsoft.com")["number"] == 3
    second = zones_of_lab(folder)
    kill(folder)
    assert "up to entry 3" in up()
    assert zones_of_lab(folder) == second
    assert request_json(folder, "POST", "/v1/dns/drift", {"outside": False})["locks"] == {}
    assert request_json(folder, "POST", "/v1/dns/rollback", {"by": "ann"})["verification"]["equal"]
    assert request_json(folder, "POST", "/v1/dns/rollback", {"number": 1, "by": "ann"})["verification"]["equal"]
    assert zones_of_lab(folder) == healthy
    assert ssosim("down").returncode == 0
    assert "earlier lab" not in up("--fresh")
    assert request_json(folder, "GET", "/v1/dns/zones")["ledger"] == []


def test_a_ledger_that_cannot_be_gone_on_with_is_said(folder: LabFolder):
    """Torn: said, the rest recovered. No ledger at all: exit code 2, the file, and what to do; nothing is lost."""
    up()
    apply(folder, NEW)
    apply(folder, "second.microsoft.com")
    ssosim("down")
    file = folder.ledger / "ledger.json"
    whole = file.read_bytes()
    file.write_bytes(whole[:-40])
    said = up()
    assert "up to entry 1" in said
    assert f"the end of the ledger was lost ({folder.ledger})" in said
    ssosim("down")
    file.write_text("{}")
    refused = ssosim("up", "--detach")
    assert refused.returncode == 2
    assert f"{file}: is not a ledger" in refused.stderr
    assert "--fresh" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert file.read_text() == "{}"
    assert json.loads(ssosim("up", "--detach", "--fresh", "--json").stdout)["name"] == "default"


def test_a_half_rollback_is_still_open_after_a_restart(folder: LabFolder):
    """A rollback as written that left something undone: after the restart the whole rollback is still to be had."""
    up()
    healthy = zones_of_lab(folder)
    request_json(folder, "POST", "/v1/dns/apply", {"change": msgspec.to_builtins(clean_up())})
    assert not request_json(folder, "POST", "/v1/dns/rollback", {"as_written": True})["verification"]["equal"]
    kill(folder)
    up()
    assert request_json(folder, "POST", "/v1/dns/rollback", {"by": "ann"})["verification"]["equal"]
    assert zones_of_lab(folder) == healthy

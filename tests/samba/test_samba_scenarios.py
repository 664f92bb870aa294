"""The day of the outage with Samba's domain controller: models and curl come to what they come to with an MIT KDC."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from ssosim.testing.playing import play_sync

from .domains import needs_samba, with_samba

pytestmark = needs_samba

CLIENTS = ("office", "browser-windows", "curl")


def test_models_in_virtual_time(domains: Path) -> None:
    """Two models have the same outcome and the same reason in each phase, whatever the directory is."""
    played = [
        play_sync("feb-2025", [*CLIENTS[:2]], estate=estate, cache=domains / "cache") for estate in (None, with_samba())
    ]
    mit, samba = (
        [(each.client, each.phase, each.outcome, each.reason) for each in each_run.client_phases] for each_run in played
    )
    assert samba == mit
    assert len(mit) > len(CLIENTS)


def _run(home: Path, *options: str) -> list[tuple[Any, ...]]:
    """Play with the command line in a private network; return phase, client, outcome and reason of each verdict."""
    command = [sys.executable, "-m", "ssosim", "run", "feb-2025", *options, "--json"]
    done = subprocess.run(
        [*command, *(word for client in CLIENTS for word in ("--client", client))],
        env=os.environ | {"SSOSIM_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    phases = json.loads(done.stdout)["phases"]
    return [
        (phase["phase"], client, verdict["outcome"], verdict["reason"])
        for phase in phases
        for client, verdict in phase["clients"].items()
    ]


def test_curl_in_the_private_network(tmp_path: Path) -> None:
    """Curl with libkrb5, and two models beside it, have the verdicts of the scenario with both directories."""
    estate = tmp_path / "samba.toml"
    text = (Path(__file__).parents[2] / "ssosim" / "estate" / "contoso.toml").read_text(encoding="utf-8")
    estate.write_text(text.replace("[[realms]]\n", '[[realms]]\ndirectory = "samba"\n', 1), encoding="utf-8")
    mit = _run(tmp_path / "home")
    assert _run(tmp_path / "home", "--estate", str(estate)) == mit
    assert {client for _, client, _, _ in mit} == set(CLIENTS)

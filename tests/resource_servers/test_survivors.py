"""Workloads on 25 February 2025: a managed identity and a certificate sign in, and the newest library does not help."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ssosim.estate import shipped_estate_text

from .azure_lab import REPORT, home_of, write_certificate

EXAMPLE = Path(__file__).parents[2] / "examples" / "azure" / "workloads.toml"
AUTOLOGON = "autologon.microsoftazuread-sso.com"


def test_workloads_survive_and_the_newest_library_does_not(bench: Any, tmp_path: Path) -> None:
    """Programs with an identity or a certificate use their resources throughout; TMS9-105, TMS9-106 and TMS9-108.

    They never ask for the name that has no address, while the model of msal4j's integrated sign-in fails on it.
    """
    home, certificate = home_of("azure-sdk"), write_certificate(tmp_path)
    text = shipped_estate_text("contoso-azure").replace('[{ display_name = "report" }]', '[{ file = "report.pem" }]')
    (tmp_path / "estate.toml").write_text(text, encoding="utf-8")
    program = [f"{home}/venv/bin/python", f"{home}/use.py", "groups", "--credential", "certificate"]
    program += ["--client-id", REPORT, "--certificate", str(certificate)]
    client = f'[[clients]]\nname = "certificate-program"\nrun = {json.dumps(program)}\ndevice = "desk-2"\n\n[[phases]]'
    scenario = EXAMPLE.read_text(encoding="utf-8").replace("[[phases]]", client, 1)
    wanted = 'managed-identity = "silent"\n'
    assert scenario.count(wanted) == 2
    scenario = scenario.replace(wanted, f'{wanted}certificate-program = "silent"\n')
    (tmp_path / "workloads.toml").write_text(scenario, encoding="utf-8")
    done = bench.run("run", str(tmp_path / "workloads.toml"), "--estate", str(tmp_path / "estate.toml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 of 10 outcomes are as expected" in done.stdout
    records = bench.records("run-workloads")
    asked = {(each["client"], each["name"]) for each in records if each["event"] == "DnsAnswered"}
    assert ("newest-library", AUTOLOGON) in asked
    assert not {("managed-identity", AUTOLOGON), ("certificate-program", AUTOLOGON)} & asked
    used = {each["client"] for each in records if each["event"] == "AccessTokenChecked" and each["accepted"]}
    assert used == {"managed-identity", "certificate-program"}

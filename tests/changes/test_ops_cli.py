"""``ssosim dns`` as it is typed: on files alone, and on a lab in its private network."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest_ops import AUTOLOGON, LOGIN, MANAGER

from ssosim.cli import main

SSOSIM = [sys.executable, "-m", "ssosim"]
DOCS = Path(__file__).parents[2] / "docs" / "dns-changes.md"


def blocks(language: str) -> list[str]:
    """The manual's code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)


def write_files(folder: Path) -> None:
    """Every file that the manual shows, under the name in its first line."""
    for text in (block for language in ("toml", "zone", "yaml") for block in blocks(language)):
        name = re.match(r"[#;] (\S+)\n", text)
        assert name is not None, text[:60]
        path = folder / name[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the manual's files, and a state folder of its own."""
    write_files(tmp_path)
    monkeypatch.setenv("SSOSIM_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_two_trees_are_rehearsed_without_a_lab(capsys: pytest.CaptureFixture[str]):
    """The difference of two trees of zone files: changes, risk and the SPN before and after, as JSON."""
    assert main(["dns", "plan", "--from", "before", "--to", "after", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["risk"]["level"] == "high"
    assert {(each["name"], each["type"], each["kind"]) for each in plan["changes"]["records"]} == {
        (AUTOLOGON, "A", "delete"),
        (AUTOLOGON, "CNAME", "create"),
    }
    [forecast] = plan["forecast"]
    office = next(each for each in forecast["models"] if each["names"] == ["office"])
    assert (office["before"], office["after"]) == ("silent", "refused")
    assert (office["spn_before"], office["spn_after"]) == ([f"HTTP/{AUTOLOGON}"], [f"HTTP/{MANAGER}"])


@pytest.mark.usefixtures("folder")
def test_show_and_lint_read_files(capsys: pytest.CaptureFixture[str]):
    """``show`` and ``lint`` work on a tree, octoDNS included."""
    assert main(["dns", "show", AUTOLOGON, "--zones", "octodns"]) == 0
    assert "A alias of traffic manager aadg-autologon" in capsys.readouterr().out
    assert main(["dns", "lint", "--zones", "octodns"]) == 0
    assert capsys.readouterr().out == "nothing found\n"


def test_mistakes_are_input_errors_with_their_place(folder: Path, capsys: pytest.CaptureFixture[str]):
    """Exit code 2, file and line; two ways of naming the change at once, or none, as well."""
    (folder / "before" / "bad.zone").write_text("$ORIGIN bad.test.\n$TTL 1\nx A nowhere\n")
    assert main(["dns", "plan", "--from", "before", "--to", "after"]) == 2
    assert "before/bad.zone:3: " in capsys.readouterr().err
    assert main(["dns", "plan"]) == 2
    assert "either a change file or --from DIR --to DIR" in capsys.readouterr().err
    text = (folder / "change.toml").read_text().replace("delete-profile", "delete-profil")
    (folder / "typo.toml").write_text(text)
    assert main(["dns", "plan", "typo.toml", "--zones", "after"]) == 2
    assert re.search(r"typo\.toml:\d+: operations", capsys.readouterr().err)


@pytest.fixture
def running(folder: Path) -> Iterator[Path]:
    """A lab in its private network."""
    subprocess.run([*SSOSIM, "up", "--detach"], check=True, capture_output=True, timeout=60)
    yield folder
    subprocess.run([*SSOSIM, "down"], check=True, capture_output=True, timeout=60)


def test_the_manuals_session_runs_as_printed(running: Path):
    """Each command of docs/dns-changes.md gives the exit code and the lines that the manual shows."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    commands = 0
    for block in blocks("console"):
        for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            done = subprocess.run(
                ["sh", "-c", command],
                cwd=running,
                env=environment,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            said = done.stdout + done.stderr
            commands += 1
            for line in (line.strip() for line in expected.splitlines() if line.strip() not in ("", "…")):
                pattern = re.escape(line).replace("…", ".*")
                assert re.search(pattern, said), f"{command}\nexpected: {line}\ngot:\n{said}"
    assert commands > 8


def test_a_hit_on_the_counting_backend_ends_the_change(
    running: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """TMS9-040: with --substitute a program that still uses the name is counted, and nothing is changed."""
    url = f"https://{AUTOLOGON}/contoso.com/winauth/sso"
    curl = [*SSOSIM, "exec", "--", "curl", "-s", "--negotiate", "-u", ":", "-o", "out", "-w", "%{http_code}", url]
    waited: list[float] = []

    def use_it(seconds: float) -> None:
        waited.append(seconds)
        done = subprocess.run(curl, cwd=running, capture_output=True, text=True, timeout=60, check=False)
        assert done.stdout.endswith("200"), done.stderr  # the relay passes TLS and ticket on

    monkeypatch.setattr("ssosim.cli.dns.changes.time", SimpleNamespace(sleep=use_it, time=time.time))
    assert main(["dns", "apply", "change.toml", "--substitute", "1"]) == 1
    assert f"{AUTOLOGON}: 1 connections" in capsys.readouterr().err
    assert waited == [301.0]  # caches lead past the backend for a TTL
    assert main(["dns", "show", AUTOLOGON]) == 0
    assert "alias of traffic manager" in capsys.readouterr().out


@pytest.mark.usefixtures("running")
def test_a_refusal_is_data_with_json(capsys: pytest.CaptureFixture[str]):
    """``--json`` prints the gate's reasons; the exit code is 1."""
    assert main(["dns", "apply", "change.toml", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["decision"]["outcome"] == "refuse"
    assert said["plan"]["risk"]["level"] == "high"


APPROVED = """
[[approvals]]
person = "{person}"
plan = "{plan}"
safer = "no: one name, and only how long it is kept"
needed = "yes"
now = "yes"
"""


SHORTER = """
title = "Shorter caching before the move"
author = "carol"
intent = "Let the move of next week be taken back within a minute"
procedure = ["lower the TTL"]
rollback = ["raise it again"]
health_signals = ["sign-ins"]
abort_rule = "any drop"

[[operations]]
op = "put-records"
name = "login.microsoftonline.com"
type = "A"
ttl = 60
values = ["192.0.2.10"]

[[rollback_operations]]
op = "put-records"
name = "login.microsoftonline.com"
type = "A"
ttl = 300
values = ["192.0.2.10"]
"""


def test_an_approved_change_goes_through_and_back(running: Path, capsys: pytest.CaptureFixture[str]):
    """TMS9-086: refused, approved by name for this plan, applied, verified, rolled back: all from the command line."""
    (running / "ttl.toml").write_text(SHORTER)
    assert main(["dns", "plan", "ttl.toml"]) == 0
    assert "rollback as written gives back last known good" in capsys.readouterr().out
    assert main(["dns", "plan", "ttl.toml", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)["plan"]
    assert main(["dns", "apply", "ttl.toml"]) == 1
    assert "approvals: risk medium" in capsys.readouterr().err
    (running / "yes.toml").write_text("".join(APPROVED.format(person=person, plan=plan) for person in ("ann", "ben")))
    stale = ["--plan", "v9-000000000000", "--approve", "yes.toml", "--by", "ann", "--by", "ben"]
    assert main(["dns", "apply", "ttl.toml", *stale]) == 1
    assert "version" in capsys.readouterr().err
    assert (
        main(["dns", "apply", "ttl.toml", "--plan", plan, "--approve", "yes.toml", "--by", "ann", "--by", "ben"]) == 0
    )
    assert "applied as number 1" in capsys.readouterr().out
    assert main(["dns", "show", LOGIN]) == 0
    assert "A 192.0.2.10, TTL 60" in capsys.readouterr().out
    assert main(["dns", "rollback", "--by", "ann"]) == 0
    assert "verified" in capsys.readouterr().out

"""The jobs of ``examples/dns``: what they run is run here, on a repository with a good and a bad change."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

EXAMPLE = Path(__file__).parents[2] / "examples" / "dns"
HEAD = "$TTL 300\n@ NS ns1.lab.invalid.\n"
GOOD = HEAD + "login A 192.0.2.10\nwww A 203.0.113.1\n"


def git(repository: Path, *command: str) -> str:
    """Run git; its output."""
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    done = subprocess.run(
        ["git", *identity, *command], cwd=repository, check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one zone on its main branch, and the script."""
    found = tmp_path / "repository"
    (found / "zones").mkdir(parents=True)
    git(found, "init", "-q", "-b", "main")
    (found / "zones" / "microsoftonline.com.zone").write_text(GOOD)
    (found / "check.sh").write_text((EXAMPLE / "check.sh").read_text())
    git(found, "add", ".")
    git(found, "commit", "-q", "-m", "zones")
    return found


def run_job(repository: Path, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script of a job as the service does, with ``ssosim`` on the path."""
    tools = repository.parent / "bin"
    tools.mkdir(exist_ok=True)
    (tools / "ssosim").write_text(f'#!/bin/sh\nexec {sys.executable} -m ssosim "$@"\n')
    (tools / "ssosim").chmod(0o755)
    variables |= {"PATH": f"{tools}:{os.environ['PATH']}", "SSOSIM_HOME": str(repository.parent / "state")}
    return subprocess.run(
        ["sh", "-ec", script],
        cwd=repository,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def jobs() -> dict[str, tuple[str, dict[str, str]]]:
    """The command of each service's job, and the variables that it is run with."""
    github = yaml.safe_load((EXAMPLE / "github.yml").read_text())
    steps = github["jobs"]["dns-check"]["steps"]
    step = next(each for each in steps if each.get("name") == "Check the change")
    gitlab = yaml.safe_load((EXAMPLE / "gitlab.yml").read_text())["dns-check"]
    return {
        "github": (step["run"], {"BASE": "main", "ZONES": step["env"]["ZONES"]}),
        "gitlab": (
            "\n".join(gitlab["script"]),
            {"CI_MERGE_REQUEST_DIFF_BASE_SHA": "main", "ZONES": gitlab["variables"]["ZONES"]},
        ),
    }


@pytest.mark.parametrize("service", ["github", "gitlab"])
def test_the_job_fails_for_the_change_that_harms(repository: Path, service: str):
    """A change beside the login host passes; one that removes its address fails, and the files name the clients."""
    script, variables = jobs()[service]
    git(repository, "checkout", "-q", "-b", "change")
    zone = repository / "zones" / "microsoftonline.com.zone"
    zone.write_text(GOOD + "new A 203.0.113.2\n")
    done = run_job(repository, script, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "check passed" in (repository / "dns-check.md").read_text()
    zone.write_text(GOOD.replace("login A 192.0.2.10\n", ""))
    done = run_job(repository, script, **variables)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "| office |" in (repository / "dns-check.md").read_text()
    assert "<failure " in (repository / "dns-check.xml").read_text()
    zone.write_text(GOOD + "broken A nowhere\n")
    assert run_job(repository, script, **variables).returncode == 2
    done = run_job(repository, script, **variables | {"ZONES": "elsewhere"})
    assert (done.returncode, "there is no folder elsewhere" in done.stderr) == (2, True)

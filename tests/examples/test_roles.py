"""Four roles from README and docs alone: their scripts are replayed, and what each had to type and read is counted."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROLES = ROOT / "examples" / "roles"
SCRIPTS = sorted(path.name for path in ROLES.glob("*.sh") if "# reads:" in path.read_text())
ROW = re.compile(r"^\| `([\w-]+\.sh)` \|.*\| (\d+) \| (\d+) \|$", re.MULTILINE)


def _commands(script: str) -> list[str]:
    lines = (ROLES / script).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _sections(script: str) -> list[str]:
    """Return the sections that the script names as read, each without the sections below other headings."""
    (reads,) = re.findall(r"^# reads: (.*)$", (ROLES / script).read_text(), re.MULTILINE)
    found = []
    for place in reads.split():
        file, anchor = place.split("#")
        parts = re.split(r"^(?=##+ )", (ROOT / file).read_text(), flags=re.MULTILINE)
        found += [part for part in parts if _anchor(part.splitlines()[0]) == anchor]
    assert len(found) == len(reads.split()), f"{script}: a section that it names is missing"
    return found


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lstrip("# ").lower()).replace(" ", "-")


@pytest.fixture
def desk(bench, tmp_path):
    """Give a folder with the programs under test, where ``ssosim`` and ``pytest`` are those of this checkout."""
    for file in (*ROLES.iterdir(), ROOT / "examples/python/sign_in.py", ROOT / "examples/node/sign-in.mjs"):
        shutil.copy(file, tmp_path)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("ssosim", "pytest"):
        (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {name} "$@"\n')
        (tools / name).chmod(0o755)

    def run(command: str) -> subprocess.CompletedProcess[str]:
        path = f"{tools}{os.pathsep}{os.environ['PATH']}"
        environment = bench.environment(PATH=path, PYTHONPATH=f"{ROOT}{os.pathsep}{ROOT / 'clients'}")
        return subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_role_needs_no_more_than_its_script(desk, script):
    """Each line works as it stands: exit code 0."""
    for command in _commands(script):
        if (program := command.partition("-- ")[2].split(" ")[0]) and shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
        done = desk(command)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_uses_only_what_its_sections_say(script):
    """Every command of ssosim and every option is in a section that the role has read."""
    text = "\n".join(_sections(script))
    for command in _commands(script):
        words = command.partition(" -- ")[0].split()
        if words[0] != "ssosim":
            continue
        assert f"ssosim {words[1]}" in text or f"/ `{words[1]}`" in text, words[1]
        for word in words[2:]:
            if word.startswith("--"):
                assert word in text, f"{word} of ssosim {words[1]}"


def test_the_figures_are_those_of_the_scripts():
    """The table in README.md of the roles has the numbers of commands, and a close bound for the lines to read."""
    rows = {name: (int(typed), int(read)) for name, typed, read in ROW.findall((ROLES / "README.md").read_text())}
    assert sorted(rows) == sorted(SCRIPTS)
    for script, (typed, bound) in rows.items():
        assert typed == len(_commands(script)), script
        lines = sum(len(part.splitlines()) for part in _sections(script))
        assert lines <= bound <= lines + 20, (script, lines)


def test_the_test_of_the_author_has_ten_lines():
    """A test with plain requests is short: ten lines of code."""
    lines = (ROLES / "test_mine.py").read_text().splitlines()
    assert len([line for line in lines if line and not line.strip().startswith('"""')]) <= 10

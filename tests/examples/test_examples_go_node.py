"""The examples for Go and Node are run as their readers would: a lab of their own, steered over its control API."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
GO = ("go", "test", "-v", "-count=1", "./...")
NODE = ("node", "--test", "--test-reporter=tap")


@pytest.fixture
def example(bench, tmp_path):
    """Run a command in the folder of an example; ``ssosim`` is this checkout's."""
    ssosim = tmp_path / "ssosim"
    ssosim.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m ssosim "$@"\n', encoding="utf-8")
    ssosim.chmod(0o755)

    def run(folder: Path, command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        if shutil.which(command[0]) is None:
            pytest.skip(f"{command[0]} is not installed")
        return subprocess.run(
            command,
            cwd=folder,
            env=bench.environment(SSOSIM=str(ssosim)),
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )

    return run


@pytest.mark.parametrize(
    ("folder", "command", "passed"),
    [("go", GO, "--- PASS: "), ("node", NODE, "\nok ")],
    ids=["go", "node"],
)
def test_examples_pass(bench, example, folder, command, passed):
    """Retry, fallback and restraint are proved from a test suite in another language, and no lab is left behind."""
    done = example(EXAMPLES / folder, command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(passed) == 3, done.stdout
    bench.assert_nothing_left(f"example-{folder}")


def test_an_example_notices_what_it_is_for(example, tmp_path):
    """A program that gives up after its first try fails the test of retries."""
    folder = tmp_path / "node"
    shutil.copytree(EXAMPLES / "node", folder)
    program = folder / "sign-in.mjs"
    source = program.read_text(encoding="utf-8")
    assert "const tries = 3;" in source
    program.write_text(source.replace("const tries = 3;", "const tries = 1;"), encoding="utf-8")
    done = example(folder, (*NODE, "--test-name-pattern", "tries again"))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "not ok 1 - it tries again while the cloud is unwell" in done.stdout
    assert "sign-in failed: the cloud says temporarily_unavailable" in done.stdout

"""Programs that print success without a sign-in, that a signal kills, or that print nothing: none of them signed in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SSOSIM = str(Path(sys.executable).with_name("ssosim"))
SECRET = "contoso-back-end-secret"
SCENARIO = """
name = "one"
title = "one phase without a fault"
end = 2026-01-01T01:00:00Z
[[clients]]
name = "office"
model = "office"
[[phases]]
name = "healthy"
start = 2026-01-01T00:00:00Z
"""
PROGRAMS = {
    "boasts": f"""sh -c 'echo "signed in silently, HTTP 200, token eyJhbGciOiJub25lIn0; secret {SECRET}"'""",
    "crashes": """sh -c 'echo success; kill -s SEGV $$'""",
    "is quiet": "true",
    "ends with 0 after an error": """sh -c 'curl -sf https://login.microsoftonline.com/nowhere; exit 0'""",
}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, Any], str]:
    """Exit code, results by program, and the trace of one run of all programs."""
    folder = tmp_path_factory.mktemp("printed")
    (folder / "one.toml").write_text(SCENARIO, encoding="utf-8")
    words = [word for program in PROGRAMS.values() for word in ("--exec", program)]
    done = subprocess.run(
        [SSOSIM, "run", "one.toml", *words, "--json"],
        capture_output=True, text=True, timeout=120, check=False, cwd=folder,
        env=os.environ | {"SSOSIM_HOME": str(folder / "s")},
    )  # fmt: skip
    assert done.stdout, done.stderr
    clients = json.loads(done.stdout)["phases"][0]["clients"]
    results = [each for name, each in clients.items() if name != "office"]
    (trace,) = (folder / "s").rglob("trace.jsonl")
    return done.returncode, dict(zip(PROGRAMS, results, strict=True)), trace.read_text(encoding="utf-8")


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_that_got_no_token_has_failed(played: tuple[int, dict[str, Any], str], program: str) -> None:
    """Neither what a program prints nor its exit code 0 is a sign-in; the run says so for each of them."""
    result = played[1][program]
    assert result["outcome"] in ("failed", "refused"), result
    assert result["as_expected"] is False
    assert result["broken"][0]["rule"] == "outcome"


def test_the_run_itself_ends_with_1(played: tuple[int, dict[str, Any], str]) -> None:
    """In a phase without a fault a program of one's own must sign in: exit code 1 is a broken expectation."""
    assert played[0] == 1


def test_a_signal_is_told_as_a_shell_tells_it(played: tuple[int, dict[str, Any], str]) -> None:
    """128 and the number of the signal, which is a failure of the program and no end by ssosim."""
    assert "exit code 139" in played[1]["crashes"]["reason"]


def test_no_secret_that_a_program_printed_is_in_the_trace(played: tuple[int, dict[str, Any], str]) -> None:
    """The output of a program is recorded without passwords, and without the secrets of applications."""
    trace = played[2]
    assert "signed in silently, HTTP 200" in trace
    assert SECRET not in trace
    assert "secret (redacted)" in trace

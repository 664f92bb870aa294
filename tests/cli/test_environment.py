"""Environment variables: each that is read is in the manual, and one that is nearly right is noted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ssosim.cli.environment import VARIABLES, describe_misspelt_variables
from ssosim.cli.main import main

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("SSOSIM_FASTPATHS", "SSOSIM_FAST_PATHS"),
        ("SSOSIM_CLIENT_HOME", "SSOSIM_CLIENTS_HOME"),
        ("SSOSIM_TRACE_RECORD", "SSOSIM_TRACE_RECORDS"),
        ("ssosim_home", "SSOSIM_HOME"),
        ("SSOSIMHOME", "SSOSIM_HOME"),
    ],
)
def test_a_variable_that_is_nearly_right_is_noted(
    name: str, near: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would change nothing without a word; the command itself goes on."""
    monkeypatch.setenv(name, "x")
    assert main(["scenarios"]) == 0
    assert f"ssosim: note: the environment variable {name} is not read; did you mean {near}?" in capsys.readouterr().err


def test_other_variables_are_nobodys_business() -> None:
    """Those that are read, those of programs, and those of somebody else's scripts."""
    others = ["SSOSIM_USER", "SSOSIM_PERSON", "SSOSIM_LAB", "SSOSIM_PARITY", "SSOSIM_SPNEGO", "PATH", "HOME"]
    assert list(describe_misspelt_variables([*others, *(name for name, _ in VARIABLES)])) == []


def test_every_variable_that_the_code_reads_is_known() -> None:
    """A variable that is read and not in the table would be called misspelt, or be missing in the manual."""
    read: set[str] = set()
    for file in (ROOT / "ssosim").rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        read |= set(re.findall(r"environ(?:\.get\(|\[)\"(SSOSIM_[A-Z_]+)\"", text))
        read |= set(re.findall(r"(?m)^(?:SWITCH|SAMBA_VARIABLE) = \"(SSOSIM_[A-Z_]+)\"", text))
    assert {"SSOSIM_HOME", "SSOSIM_SAMBA", "SSOSIM_FAST_PATHS"} <= read
    assert read - {name for name, _ in VARIABLES} <= {"SSOSIM_PERSON"}

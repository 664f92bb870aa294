"""Words of the command line of which one would drop another in silence: exit code 2, and what to leave out."""

from __future__ import annotations

from pathlib import Path

import pytest

from ssosim.changes.thresholds import ThresholdError, parse_fail_on
from ssosim.cli import main

TREES = ["--from", "a", "--to", "b"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["up", "--name", "a", "--name", "b"], "argument --name: is given twice"),
        (["run", "feb-2025", "--max-prompts", "1", "--max-prompts", "9"], "argument --max-prompts: is given twice"),
        (["run", "feb-2025", "--deadline", "1s", "--deadline", "9s"], "argument --deadline: is given twice"),
        (["dns", "check", *TREES, "--from", "c"], "argument --from: is given twice"),
    ],
)
def test_an_option_with_one_value_is_given_once(words: list[str], said: str, capsys: pytest.CaptureFixture[str]):
    """The last value won, and a limit of before was none."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_one_command_line_does_not_count_for_the_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Two commands in one process have the same option, each once."""
    for _ in range(2):
        assert main(["dns", "lint", "--zones", str(tmp_path / "none")]) == 2
        assert "twice" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["dns", "lint", "--codes", "--junit", "x.xml"], "--junit: --codes looks at no zone"),
        (["dns", "lint", "--codes", "--fail-on", "lint"], "--fail-on: --codes looks at no zone"),
        (["dns", "lint", "--zones", "a", "--name", "lab"], "--name lab: with --zones no lab is asked"),
        (["dns", "plan", *TREES, "--zones", "a", "--name", "lab"], "--name lab: with --zones no lab is asked"),
        (["dns", "drift", "--by", "ann"], "--by: is who adopts; add --adopt"),
        (["dns", "lint", "--zones", "a", "--fail-on", "none,lint"], "--fail-on none: no criterion at all"),
    ],
)
def test_an_option_without_effect_is_refused(words: list[str], said: str, capsys: pytest.CaptureFixture[str]):
    """No file was written and no lab was asked, with exit code 0."""
    assert main(words) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("given", [["none", "risk"], ["lint=error,none"], ["risk=low", "risk=high"], ["worse,worse=3"]])
def test_a_criterion_is_not_replaced_by_a_later_one(given: list[str]):
    """``risk=low`` before ``risk=high`` was none, and ``none`` at the end let everything pass."""
    with pytest.raises(ThresholdError, match="give one"):
        parse_fail_on(given)

"""The mutation test of the identity provider finds every claim and every refusal, and a mutant is caught."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fuzz import mutations
from ssosim.entra.core.refusals import REFUSALS


def test_every_claim_has_a_mutant() -> None:
    """Each claim is changed or left out somewhere."""
    changed = {mutant.change.removeprefix("no ").partition(" is ")[0] for mutant in mutations.find_claim_mutants()}
    assert changed == mutations.CLAIMS


def test_every_refusal_has_a_mutant() -> None:
    """Each code of the table of refusals is raised by a statement that a mutant removes."""
    known = {row.code for rows in REFUSALS.values() for row in rows}
    found = set().union(*(mutant.codes for mutant in mutations.find_refusal_mutants()))
    elsewhere = {900561, 500121}  # http/exchange.py answers the method itself; the page after a wrong code
    assert known - found <= elsewhere


@pytest.mark.parametrize("change", ["no onprem_sid", "no refusal 90009"])
def test_a_mutant_is_caught_and_the_original_is_not(change: str) -> None:
    """The tests of a mutant fail with it, and pass without it."""
    for options, expected in (([], "caught"), (["--unchanged"], "SURVIVES")):
        command = [sys.executable, "-m", "fuzz.mutations", "--narrow", *options, f": {change}"]
        done = subprocess.run(command, cwd=mutations.ROOT, capture_output=True, text=True, timeout=300, check=False)
        assert done.stdout.startswith(expected), done.stderr
        assert done.returncode == (expected == "SURVIVES")


def test_tests_that_fail_anyway_catch_nothing(tmp_path: Path) -> None:
    """Where the tests of a mutant fail without a change, it does not count as caught: the exit code is 2."""
    failing = tmp_path / "test_it.py"
    failing.write_text("def test_it():\n    assert False\n", encoding="utf-8")
    code = "import sys; from fuzz import mutations as m; file = sys.argv.pop(); m.list_tests = lambda _: [file]"
    code += "; sys.exit(m.main())"
    command = [sys.executable, "-c", code, "--narrow", ": no onprem_sid", str(failing)]
    done = subprocess.run(command, cwd=mutations.ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr == f"tests fail without a change: {failing}\n"


def test_a_run_without_mutants_is_no_success() -> None:
    """A word that is in no description is a mistake; no tests catch nothing."""
    command = [sys.executable, "-m", "fuzz.mutations", "no such change"]
    done = subprocess.run(command, cwd=mutations.ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert not mutations.is_caught(next(mutations.find_claim_mutants()), [])

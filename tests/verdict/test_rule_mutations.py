"""The mutation test of the rules that decide: it counts only what tests catch that pass without a change."""

from __future__ import annotations

import subprocess
import sys

from fuzz import rule_mutations
from fuzz.mutations import ROOT

RULE = "'event.status == _NO_SUCH_HOST' is always True"
BROKEN = f"""
import sys
import fuzz.rule_mutations as m
m.AREAS["measures"] = m.Area(("ssosim/verdict/measures.py",), (sys.argv.pop(),))
sys.argv[1:] = ["measures", "--containing", {RULE!r}]
sys.exit(m.main())
"""


def play(*command: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the checkout."""
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )


def test_a_mutant_of_a_rule_is_caught() -> None:
    """The tests of the area fail with the mutant, and it is counted."""
    done = play("-m", "fuzz.rule_mutations", "measures", "--narrow", "--containing", RULE)
    assert done.stdout.splitlines()[-1:] == ["measures: 1 of 1 caught (100%)"], done.stderr
    assert done.returncode == 0


def test_tests_that_do_not_run_catch_nothing() -> None:
    """Where the tests of an area do not pass without a change, no mutant counts as caught: the exit code is 2."""
    done = play("-c", BROKEN, missing := "tests/verdict/no_such_file.py")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"measures: pytest ends with 4 without a change: {missing}" in done.stderr


def test_every_area_has_mutants_and_tests_that_exist() -> None:
    """A test file that is renamed, or a module that is moved, would make its area empty."""
    for name, area in rule_mutations.AREAS.items():
        assert all((ROOT / path).exists() for path in (*area.modules, *area.tests, *area.wide)), name
        assert any(True for module in area.modules for _ in rule_mutations.find_rule_mutants(module)), name


def test_a_run_without_mutants_is_no_success() -> None:
    """None of none is not all: the exit code is 2."""
    done = play("-m", "fuzz.rule_mutations", "measures", "--narrow", "--containing", "no such change")
    assert done.returncode == 2
    assert done.stderr == "there is no mutant that contains 'no such change'\n"

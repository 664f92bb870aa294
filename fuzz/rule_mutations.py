"""Mutation test of the rules that decide: ``make rule-mutations``.

    python -m fuzz.rule_mutations [AREA ...] [--sample 30] [--seed 1] [--list] [--narrow]

The areas are the judge, the measures, the tokens and their checks, the gate for DNS changes, the SPN rules and the
acceptor of tickets. A mutant is a module with one change: a condition is always true or always false, a comparison has its
limit elsewhere or is reversed, ``and`` is ``or``, a number is one more, an error is not raised. A mutant that no test
catches is printed. The exit code is 1 if less than nine of ten are caught in an area, and 2 if the tests of an area fail,
or cannot run, without a change (each mutant would look caught), or if there is no mutant. With ``--sample`` that many mutants of each area are drawn.
``--narrow`` plays only the tests that are about the area.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis  # noqa: F401 - this and the next are imported before the fork, so that no child has to
import pytest

import ssosim.lab.core.lab
import ssosim.testing.playing  # noqa: F401
from fuzz.mutations import ROOT, Mutant, load_mutant

__all__ = ["AREAS", "FLOOR", "Area", "find_rule_mutants", "is_mutant_caught", "main", "run_tests_with"]

FLOOR = 0.9
"""The share of mutants that must be caught in each area."""

_TIMEOUT_S = 600
"""After this time a mutant counts as caught: it may loop for ever. Far above what the tests of an area take."""


@dataclass(frozen=True, slots=True)
class Area:
    """Modules, the tests that are about them, and wider ones for a mutant that survives these."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    wide: tuple[str, ...] = ()


AREAS = {
    "judge": Area(
        ("ssosim/verdict/judge.py", "ssosim/verdict/client_records.py", "ssosim/verdict/failures.py"),
        (
            "tests/verdict/test_judge_rules.py",
            "tests/verdict/test_credential_reasons.py",
            "tests/scenario/test_scenario_verdict.py",
            "tests/verdict/test_verdict_steps.py",
        ),
        ("tests/verdict", "tests/scenario/test_endings.py", "tests/credential_hosts/test_credential_verdicts.py"),
    ),
    "measures": Area(
        ("ssosim/verdict/measures.py",),
        ("tests/verdict/test_measures.py", "tests/verdict/test_verdict_steps.py", "tests/verdict/test_run_result.py"),
        ("tests/verdict", "tests/scenario/test_endings.py"),
    ),
    "tokens": Area(
        ("ssosim/entra/oauth/tokens.py",),
        (
            "tests/entra/test_issued_tokens.py",
            "tests/entra/test_token_times.py",
            "tests/entra/test_kept_claims.py",
        ),
        ("tests/entra",),
    ),
    "token-checks": Area(
        ("ssosim/resource_servers/access_tokens.py",),
        ("tests/resource_servers/test_access_token_checks.py", "tests/resource_servers/test_revoked_tokens.py"),
        (
            "tests/resource_servers/test_refusals.py",
            "tests/resource_servers/test_azure_roles.py",
            "tests/entra/test_entra_resources.py",
        ),
    ),
    "gate": Area(
        ("ssosim/changes/gate.py",),
        ("tests/changes/test_gate_rules.py", "tests/changes/test_ops_gate.py"),
        ("tests/changes/test_ops_plan.py",),
    ),
    "spn": Area(
        (
            "clients/ssosim_clients/spn/rule.py",
            "clients/ssosim_clients/spn/realm.py",
            "clients/ssosim_clients/spn/rotated.py",
        ),
        ("tests/clients/test_spn_rules.py", "tests/spn/test_spn_names.py", "tests/spn/test_names_of_libkrb5.py"),
        ("tests/clients/test_models.py", "tests/clients/test_chain.py"),
    ),
    "acceptor": Area(("ssosim/kerberos/acceptor.py",), ("tests/kerberos/test_kerberos_gss.py",), ("tests/kerberos",)),
}

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip


def _change(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield each change of one node: what it is, and the node that replaces it."""
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        for value in (True, False) if not isinstance(node, ast.While) else (False,):
            changed = copy.copy(node)
            changed.test = ast.copy_location(ast.Constant(value), node.test)
            yield f"{ast.unparse(node.test)!r} is always {value}", changed
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARISONS:
        changed_comparison = copy.copy(node)
        changed_comparison.ops = [_COMPARISONS[type(node.ops[0])](), *node.ops[1:]]
        yield f"{ast.unparse(node)!r} is {ast.unparse(changed_comparison)!r}", changed_comparison
    elif isinstance(node, ast.BoolOp):
        changed_bool = copy.copy(node)
        changed_bool.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield f"{ast.unparse(node)!r} is {ast.unparse(changed_bool)!r}", changed_bool
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield f"{ast.unparse(node)!r} without not", node.operand
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        yield f"{node.value} is {node.value + 1}", ast.copy_location(ast.Constant(node.value + 1), node)
    elif isinstance(node, ast.Raise):
        yield f"no {ast.unparse(node)!r}", ast.copy_location(ast.Pass(), node)


def find_rule_mutants(module: str, root: Path = ROOT) -> Iterator[Mutant]:
    """Yield a mutant for each change of a function in ``module``; constants of the module are data, and stay."""
    tree = ast.parse((root / module).read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    seen: set[int] = set()
    for function in functions:
        for node in (each for statement in function.body for each in ast.walk(statement)):
            if id(node) in seen:
                continue
            seen.add(id(node))
            for change, changed in _change(node):
                source = _replace_in_copy(tree, node, changed)
                yield Mutant(Path(module), getattr(node, "lineno", 0), " ".join(change.split()), source)


def _replace_in_copy(tree: ast.Module, old: ast.AST, new: ast.AST) -> str:
    """Return the source of ``tree`` with ``new`` instead of ``old``; the tree is as before afterwards."""
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
                try:
                    return ast.unparse(tree)
                finally:
                    setattr(parent, name, old)
            if isinstance(value, list) and any(each is old for each in value):
                index = next(number for number, each in enumerate(value) if each is old)
                value[index] = new
                try:
                    return ast.unparse(tree)
                finally:
                    value[index] = old
    raise AssertionError("the node is in no parent")


def is_mutant_caught(mutant: Mutant, tests: tuple[str, ...]) -> bool:
    """Run ``tests`` in a child of this process with the mutant; whether one fails, or the module cannot be used."""
    return run_tests_with(mutant, tests) != pytest.ExitCode.OK


def run_tests_with(mutant: Mutant, tests: tuple[str, ...]) -> int:
    """Run ``tests`` in a child of this process with the mutant, and return pytest's exit code; negative for a signal."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        signal.alarm(_TIMEOUT_S)
        try:
            load_mutant(mutant)
            output = os.open(os.devnull, os.O_WRONLY)
            os.dup2(output, 1)
            os.dup2(output, 2)
            options = ["-q", "-x", "-p", "no:cacheprovider", "--assert=plain", "-W", "ignore"]
            os._exit(int(pytest.main([*options, *tests])))
        finally:
            os._exit(99)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _find_broken_tests(area: Area, groups: tuple[tuple[str, ...], ...]) -> str:
    """Return which tests of an area do not pass without a change, and pytest's exit code; empty if all pass."""
    path = Path(area.modules[0])
    unchanged = Mutant(path, 0, "no change", (ROOT / path).read_text(encoding="utf-8"))
    for tests in groups:
        if code := run_tests_with(unchanged, tests):
            return f"pytest ends with {code} without a change: {' '.join(tests)}"
    return ""


def _draw(area: Area, sample: int | None, seed: int) -> list[Mutant]:
    mutants = [mutant for module in area.modules for mutant in find_rule_mutants(module)]
    if sample is None or sample >= len(mutants):
        return mutants
    return sorted(random.Random(seed).sample(mutants, sample), key=lambda each: (each.path, each.line))  # noqa: S311


def main() -> int:
    """Run the mutants; 1 if an area is below the floor, 2 if its tests do not pass without a change, or without mutants."""
    os.chdir(ROOT)
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("areas", nargs="*", choices=[*AREAS, []], help="only these areas")
    parser.add_argument("--sample", type=int, help="draw that many mutants of each area")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="list the mutants, and run none")
    parser.add_argument("--narrow", action="store_true", help="only the tests that are about an area")
    parser.add_argument("--containing", default="", help="only mutants whose description contains this")
    options = parser.parse_args()
    below, total = [], 0
    for name in options.areas or AREAS:
        area = AREAS[name]
        mutants = [each for each in _draw(area, options.sample, options.seed) if options.containing in each.describe()]
        total += len(mutants)
        if options.list or not mutants:
            print("\n".join(mutant.describe() for mutant in mutants))
            continue
        groups = (area.tests,) if options.narrow or not area.wide else (area.tests, area.wide)
        if broken := _find_broken_tests(area, groups):
            print(f"{name}: {broken}", file=sys.stderr)
            return 2
        caught = 0
        for mutant in mutants:
            found = any(is_mutant_caught(mutant, tests) for tests in groups)
            caught += found
            print("caught  " if found else "SURVIVES", mutant.describe(), flush=True)
        share = caught / len(mutants)
        print(f"{name}: {caught} of {len(mutants)} caught ({share:.0%})", flush=True)
        below += [name] if share < FLOOR else []
    if not total:
        print(f"there is no mutant that contains {options.containing!r}", file=sys.stderr)
        return 2
    if below:
        print(f"less than {FLOOR:.0%} caught: {', '.join(below)}")
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())

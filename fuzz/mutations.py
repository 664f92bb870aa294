"""Mutation test of the identity provider: ``make mutations``.

Each mutant is the project with one change: a claim of a token has another value, or is left out, or a check that leads
to a refusal is removed. The tests of the refusal in the table run against the mutant, then, if they pass, all files that
name its code or claim. A mutant that no test catches is printed, and the exit code is 1. It is 2 if there is no mutant,
or if the tests fail without a change: each mutant would look caught.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

import hypothesis  # noqa: F401 - imported before the fork, so that no child has to
import pytest

from ssosim.entra.core.refusals import REFUSALS

__all__ = [
    "CLAIMS",
    "ROOT",
    "Mutant",
    "find_broken_tests",
    "find_claim_mutants",
    "find_refusal_mutants",
    "is_caught",
    "list_files",
    "list_tests",
    "load_mutant",
]

ROOT = Path(__file__).resolve().parents[1]
TOKENS = Path("ssosim/entra/oauth/tokens.py")
CLAIMS = frozenset(
    [
        "aud", "iss", "iat", "nbf", "exp", "tid", "uti", "ver", "appid", "appidacr", "azp", "azpacr", "amr", "name", "oid",
        "scp", "sub", "unique_name", "upn", "preferred_username", "roles", "idtyp", "onprem_sid", "nonce",
    ]
)  # fmt: skip
_CLAIM_TESTS = (
    "entra/test_entra_resources.py::test_every_claim_of_a_users_token_for_graph",
    "entra/test_entra_resources.py::test_every_claim_of_a_users_token_of_version_2",
    "entra/test_entra_resources.py::test_every_claim_of_an_id_token",
    "entra/test_entra_resources.py::test_every_claim_of_an_applications_token",
)
_ERRORS = {"AadstsError": 0, "_key_error": 700027}
"""The functions that make an error; the number is its code if the call does not name it."""
_FOLDERS = ("ssosim/entra/oauth", "ssosim/entra/core", "ssosim/entra/signin", "ssosim/entra/wstrust")
_WIDE = ("entra/test_*.py", "memory/test_federated_tokens.py", "wire/test_*.py")


@dataclasses.dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file: ``source`` is its new text. ``codes`` are the AADSTS codes of a removed refusal."""

    path: Path
    line: int
    change: str
    source: str
    codes: frozenset[int] = frozenset()

    def describe(self) -> str:
        """Describe the mutant in one line."""
        return f"{self.path}:{self.line}: {self.change}"


def _parents(tree: ast.AST) -> Iterator[tuple[list[ast.stmt], int]]:
    """Yield each place of a statement: the list that contains it, and its index."""
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, None)
            if isinstance(statements, list):
                yield from ((statements, index) for index in range(len(statements)))


def _read_names(tree: ast.Module) -> dict[str, set[int]]:
    """Return the whole numbers behind each name of a module: those of its assignments, or of its function.

    A number behind a name that an assignment reads is there too (a code of a table).
    """
    numbers: dict[str, set[int]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.FunctionDef):
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            names = [each.id for each in targets if isinstance(each, ast.Name)] or [getattr(node, "name", "")]
            parts = list(ast.walk(node))
            found = {each.value for each in parts if isinstance(each, ast.Constant) and type(each.value) is int}
            if not isinstance(node, ast.FunctionDef):
                found = found.union(*(numbers.get(each.id, ()) for each in parts if isinstance(each, ast.Name)))
            for name in names:
                numbers.setdefault(name, set()).update(found)
    return numbers


def _codes_of(statement: ast.stmt, numbers: dict[str, set[int]]) -> frozenset[int]:
    """Return the codes of the errors that a statement makes; none for a compound statement.

    ``numbers`` contains those behind a name, where the code is a variable, or a function returns the error.
    """
    if not isinstance(statement, ast.Raise | ast.Expr | ast.Assign):
        return frozenset()
    found: set[int] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _ERRORS:
            found.add(_ERRORS[node.func.id])
            first = node.args[0] if node.args else None
            for each in ast.walk(first) if first else ():
                found |= {each.value} if isinstance(each, ast.Constant) and isinstance(each.value, int) else set()
                found |= numbers.get(each.id, set()) if isinstance(each, ast.Name) else set()
    if isinstance(statement, ast.Raise) and isinstance(statement.exc, ast.Call):
        found |= numbers.get(getattr(statement.exc.func, "id", ""), set())
    return frozenset(found)


def find_refusal_mutants(root: Path = ROOT) -> Iterator[Mutant]:
    """Yield a mutant for each statement that leads to a refusal of the table: without the statement."""
    known = {row.code for rows in REFUSALS.values() for row in rows}
    for path in sorted(path for folder in _FOLDERS for path in (root / folder).glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        numbers = _read_names(tree)
        for statements, index in _parents(tree):
            removed = statements[index]
            codes = _codes_of(removed, numbers) & known
            if codes:
                statements[index] = ast.copy_location(ast.Pass(), removed)
                name = ", ".join(map(str, sorted(codes)))
                text = ast.unparse(tree)
                yield Mutant(path.relative_to(root), removed.lineno, f"no refusal {name}", text, codes)
                statements[index] = removed


def find_claim_mutants(root: Path = ROOT) -> Iterator[Mutant]:
    """Yield two mutants for each claim of a token: with another value, and without the claim."""
    tree = ast.parse((root / TOKENS).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for index, key in enumerate(node.keys):
                if isinstance(key, ast.Constant) and key.value in CLAIMS:
                    value = node.values[index]
                    node.values[index] = ast.Constant("mutant")
                    yield Mutant(TOKENS, key.lineno, f"{key.value} is another value", ast.unparse(tree))
                    node.values[index] = value
                    node.keys[index] = ast.Constant(f"not_{key.value}")
                    yield Mutant(TOKENS, key.lineno, f"no {key.value}", ast.unparse(tree))
                    node.keys[index] = key
    for statements, index in _parents(tree):
        target = statements[index]
        if isinstance(target, ast.Assign) and isinstance(target.targets[0], ast.Subscript):
            name = target.targets[0].slice
            if isinstance(name, ast.Constant) and name.value in CLAIMS:
                statements[index] = ast.copy_location(ast.Pass(), target)
                yield Mutant(TOKENS, target.lineno, f"no {name.value}", ast.unparse(tree))
                statements[index] = target


def list_tests(mutant: Mutant) -> list[str]:
    """Return the tests that should catch ``mutant``, as arguments of pytest."""
    if not mutant.codes:
        return [f"tests/{name}" for name in _CLAIM_TESTS]
    rows = [row for rows in REFUSALS.values() for row in rows if row.code in mutant.codes]
    return sorted({f"tests/{row.test}" for row in rows})


def list_files(mutant: Mutant) -> list[str]:
    """Return the files of tests that name the code or the claim of ``mutant``."""
    names = {str(code) for code in mutant.codes} or {f'"{mutant.change.removeprefix("no ").partition(" is ")[0]}"'}
    paths = sorted(path for pattern in _WIDE for path in (ROOT / "tests").glob(pattern))
    texts = {path: path.read_text(encoding="utf-8") for path in paths}
    return [str(path.relative_to(ROOT)) for path, text in texts.items() if any(name in text for name in names)]


def is_caught(mutant: Mutant, tests: list[str]) -> bool:
    """Run ``tests`` in a child of this process, where the module has the mutant's source; whether a test fails."""
    if not tests:  # pytest would run all that there are
        return False
    child = os.fork()
    if child == 0:
        try:
            load_mutant(mutant)
            output = os.open(os.devnull, os.O_WRONLY)
            os.dup2(output, 1)
            os.dup2(output, 2)
            options = [
                "-q",
                "-x",
                "-p",
                "no:cacheprovider",
                "--assert=plain",
            ]  # its import hook would load the original
            os._exit(int(pytest.main([*options, *tests])))
        finally:
            os._exit(99)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"pytest ended with {code} for {mutant.describe()}: {' '.join(tests)}")
    return code == pytest.ExitCode.TESTS_FAILED


def find_broken_tests(mutants: Sequence[Mutant], *, narrow: bool) -> list[str]:
    """Return the tests of ``mutants`` if they fail without a change; empty if all pass."""
    unchanged = Mutant(mutants[0].path, 0, "no change", (ROOT / mutants[0].path).read_text(encoding="utf-8"))
    for find in (list_tests,) if narrow else (list_tests, list_files):
        tests = sorted({test for mutant in mutants for test in find(mutant)})
        if is_caught(unchanged, tests):
            return tests
    return []


def load_mutant(mutant: Mutant) -> None:
    """Forget the project's modules, and load the module of ``mutant`` from its source from now on."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ("ssosim", "ssosim_clients", "tests")]:
        del sys.modules[name]
    sys.dont_write_bytecode = True
    path, compile_file = str(ROOT / mutant.path), SourceFileLoader.get_code

    def get_code(loader: SourceFileLoader, name: str) -> CodeType | None:
        return compile(mutant.source, path, "exec") if loader.path == path else compile_file(loader, name)

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign, assignment]


def main() -> int:
    """Run the mutants whose description contains the argument; 1 if one of them is not caught, 2 if none can be."""
    os.chdir(ROOT)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("containing", nargs="?", default="", help="run only mutants whose description contains this")
    parser.add_argument("--list", action="store_true", help="list the mutants, and run none")
    parser.add_argument("--narrow", action="store_true", help="do not run all tests against a mutant that survives")
    parser.add_argument("--unchanged", action="store_true", help="run the tests with the original: all must survive")
    options = parser.parse_args()
    survivors = []
    mutants = [
        each for each in (*find_claim_mutants(), *find_refusal_mutants()) if options.containing in each.describe()
    ]
    if not mutants:
        print(f"no description of a mutant contains {options.containing!r}", file=sys.stderr)
        return 2
    if options.list:
        print("\n".join(mutant.describe() for mutant in mutants))
        return 0
    if not options.unchanged and (tests := find_broken_tests(mutants, narrow=options.narrow)):
        print(f"tests fail without a change: {' '.join(tests)}", file=sys.stderr)
        return 2
    for mutant in mutants:
        source = (ROOT / mutant.path).read_text(encoding="utf-8") if options.unchanged else mutant.source
        caught = is_caught(dataclasses.replace(mutant, source=source), list_tests(mutant))
        if not caught and not options.narrow:
            caught = is_caught(dataclasses.replace(mutant, source=source), list_files(mutant))
        print("caught  " if caught else "SURVIVES", mutant.describe(), flush=True)
        survivors += [] if caught else [mutant]
    print(f"{len(mutants)} mutants, {len(survivors)} survive")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())

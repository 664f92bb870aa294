"""The table of refusals names codes of the catalogue, and tests that exist."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ssosim.entra.core.errors import CATALOGUE
from ssosim.entra.core.refusals import REFUSALS, Refusal

TESTS = Path(__file__).parents[1]
ROWS = [pytest.param(row, id=f"{row.code}-{row.refusal}") for rows in REFUSALS.values() for row in rows]


def names_of_tests(path: Path) -> set[str]:
    """Return the names of the test functions in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("row", ROWS)
def test_each_row_has_a_code_a_source_and_a_test(row: Refusal) -> None:
    """A row's code is in the catalogue, its source is not empty, and its test exists and mentions the code."""
    assert row.code in CATALOGUE
    assert row.source.strip()
    file, _, name = row.test.partition("::")
    path = TESTS / file
    assert name.startswith("test_")
    assert name in names_of_tests(path), row.test
    assert str(row.code) in path.read_text(encoding="utf-8").replace("_", ""), f"{row.test} does not name {row.code}"


def test_no_row_is_there_twice() -> None:
    """Each refusal is one row."""
    every = [row for rows in REFUSALS.values() for row in rows]
    assert len({(row.refusal, row.code) for row in every}) == len(every)

"""Every id of a source has a row in the table, and every row is used."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ssosim.scenario.loader import catalogue
from ssosim.sources import UnknownSourceError, load_sources

ROOT = Path(__file__).parents[2]
TABLE = load_sources()
STATEMENT = re.compile(r"\b(?:AZ5|GO|CONNECT|PY|TMS9)-\d{3}\b")
DATED = re.compile(r"(?<![\w-])(?:measured-[a-z-]+|read-[a-z]+|[a-z][a-z0-9-]*-(?:19|20)\d\d)(?![\w-])")
OLD = re.compile(r"\b00[0-4]-\d{3}\b(?!-)|\bI-\d\d\b|\b[Ss]eed (?:row|part)|\b[Tt]able [12]\.\d")
CITED = re.compile(r"[A-Z](?:[\w.]|(?<=\w) (?=\w))*, \d{1,2} [A-Z][a-z]+ \d{4}")


def texts(*endings: str) -> Iterator[tuple[Path, str]]:
    """Yield the hand-written files of the project with their text, except the table and the pages generated from it."""
    for folder in ("ssosim", "clients", "docs", "examples", "tests", "bench"):
        for path in sorted((ROOT / folder).rglob("*")):
            made = path.parent == ROOT / "docs" and path.name in ("sources.md", "coverage.md")
            if (
                path.suffix in endings
                and not made
                and path.parent not in (ROOT / "ssosim/sources", Path(__file__).parent)
            ):
                yield path, path.read_text(encoding="utf-8")
    yield from ((ROOT / name, (ROOT / name).read_text(encoding="utf-8")) for name in ("README.md", "CHANGELOG.md"))


def test_every_id_has_a_row() -> None:
    """Every id of a statement, and every id with a year, is in the table."""
    known = {*TABLE.sources, *(scenario.name for scenario in catalogue())}
    wrong = []
    for path, text in texts(".py", ".toml", ".md"):
        names = {*STATEMENT.findall(text)} - {*TABLE.statements}
        cited = "\n".join(_prose(text)) if path.suffix == ".py" and "tests" in path.parts else ""
        names |= {*DATED.findall(cited)} - known
        wrong += [f"{path.relative_to(ROOT)}: {name}" for name in sorted(names)]
    assert wrong == []


def _prose(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def test_no_id_of_a_document_outside_the_project() -> None:
    """No file has a number of a list that is not in the project."""
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path, text in texts(".py", ".toml", ".md", ".json")
        for match in OLD.finditer(text)
    ]
    assert found == []


def test_every_row_is_used() -> None:
    """Code, data or a test names every source, by id or by title."""
    everything = " ".join(" ".join(text.split()) for _, text in texts(".py", ".toml", ".md"))

    def used(key: str, title: str, prefix: str) -> bool:
        by_id = re.search(rf"(?<![\w./-]){re.escape(key)}(?![\w/-])", everything)
        by_statement = prefix and re.search(rf"\b{prefix}-\d{{3}}\b", everything)
        return bool(by_id or by_statement) or title in everything

    assert [each.id for each in TABLE.sources.values() if not used(each.id, each.title, each.prefix)] == []


def test_an_incident_that_is_cited_with_its_date_has_a_row() -> None:
    """``Source: Zoom, 16 April 2025`` in the package is the title of a source, word for word."""
    titles = {each.title for each in TABLE.sources.values()}
    cited = [
        f"{path.name}: {match[0]}"
        for path, text in texts(".py", ".toml")
        if "tests" not in path.parts
        for line in re.findall(r"Sources?: .*(?:\n.*)?", text)
        for match in CITED.finditer(line)
        if match[0] not in titles and not any(match[0] in title for title in titles)
    ]
    assert cited == []


def test_a_row_says_enough_to_follow_it() -> None:
    """A source has a title, facts, and an address or versions; titles are unique."""
    sources = list(TABLE.sources.values())
    for each in sources:
        assert each.title
        assert each.facts
        assert not each.address or each.address.startswith("https://"), each.id
        assert not (each.address and each.versions), each.id
        assert each.title.startswith(("Measured here: ", "Read here: ")) == bool(each.versions), each.id
    assert len({each.title for each in sources}) == len(sources)
    assert {each.source.prefix for each in TABLE.statements.values()} == {
        each.prefix for each in sources if each.prefix
    }


def test_what_the_shipped_scenarios_say_has_rows() -> None:
    """Statements of scenarios are in the table; a source without a space is an id, and is in the table."""
    for scenario in catalogue():
        assert {*scenario.statements} <= {*TABLE.statements}, scenario.name
        assert {each for each in scenario.sources if " " not in each} <= {*TABLE.sources}, scenario.name


def test_findings_of_the_lint_name_sources_of_the_table() -> None:
    """The last argument of each finding is an id, or a section of an RFC."""
    trees = [
        ast.parse((ROOT / "ssosim/dns/zones" / name).read_text(encoding="utf-8"))
        for name in ("lint.py", "lint_standards.py")
    ]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    calls = [node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    named = {
        str(call.args[-1].value)
        for call in calls
        if call.func.id in ("make_finding", "LintFinding") and isinstance(call.args[-1], ast.Constant)  # type: ignore[attr-defined]
    }
    assert len(named) > 8
    assert {each for each in named if not re.fullmatch(r"RFC \d+(?: [\d.]+)?", each)} <= {
        *TABLE.sources,
        *TABLE.statements,
    }


def test_citing() -> None:
    """An id becomes title, date and address; a text with a title gets the address; other texts are unchanged."""
    address = "https://azure.status.microsoft/status/history/?trackingId=TMS9-J_8"
    assert TABLE.cite("tms9-review") == f"Azure post-incident review TMS9-J_8 (25 February 2025), {address}"
    assert TABLE.cite("zoom-2025") == "Zoom, 16 April 2025, https://zoom.statuspage.io"
    assert TABLE.cite("Zoom, 16 April 2025: the registry").endswith(": the registry, https://zoom.statuspage.io")
    assert TABLE.cite("measured-realm-flip") == "Measured here: a realm that turns Managed, msal 1.39.0"
    text = TABLE.statements["TMS9-059"].text
    assert TABLE.cite("TMS9-059") == f"Azure Incident Retrospective TMS9-J_8: {text}, https://aka.ms/AIR/TMS9-J_8"
    assert TABLE.cite("RFC 4120") == "RFC 4120"
    assert TABLE.cite("TMS9-999") == "TMS9-999"
    assert TABLE.addresses_in("see Zoom,\n  16 April 2025") == ["Zoom, 16 April 2025: https://zoom.statuspage.io"]


def test_an_id_without_a_row_is_refused() -> None:
    """The error for an unknown id names the id and the files of the table."""
    with pytest.raises(UnknownSourceError, match=r"'TMS9-121'.*ssosim/sources"):
        TABLE.source("TMS9-121")


def test_the_table_is_cheap_to_import() -> None:
    """Importing it imports no other part of ssosim."""
    code = (
        "import sys, ssosim.sources as s; s.load_sources(); "
        "print(*sorted(m for m in sys.modules if m.startswith('ssosim.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["ssosim.sources", "ssosim.sources.table"]

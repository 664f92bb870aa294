"""Output for users has titles of sources: no ids in help, lists, findings, reports, descriptions and pages."""

from __future__ import annotations

import argparse
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ssosim_clients.catalogue import MODELS

from ssosim.cli import main
from ssosim.cli.main import COMMANDS
from ssosim.estate import default_estate
from ssosim.faults import FAULTS
from ssosim.lab.control.openapi import description
from ssosim.report.html import html_report
from ssosim.report.junit import junit_xml
from ssosim.report.text_table import table
from ssosim.scenario.client_choice import model_of
from ssosim.scenario.in_memory import play_in_memory
from ssosim.scenario.loader import catalogue, load_scenario
from ssosim.scenario.results import run_result
from ssosim.sources import load_sources
from ssosim.verdict.result import encode_result

ROOT = Path(__file__).parents[2]
_WORDS = "|".join(re.escape(key) for key in sorted(load_sources().sources, key=len, reverse=True))
ID = re.compile(
    rf"(?<![\w./-])(?:{_WORDS})(?![\w/-])|\b(?:AZ5|GO|CONNECT|PY|TMS9)-\d{{3}}\b"
    r"|\b00[0-4]-\d{3}\b(?!-)|\bI-\d\d\b|\b[Ss]eed (?:row|part)"
)


def find_ids(text: str) -> list[str]:
    """Return the ids in ``text``."""
    return [match[0] for match in ID.finditer(text)]


def test_the_search_finds_ids() -> None:
    """An id of the table, a statement and an old number are found; titles, addresses and tracking ids are not."""
    assert find_ids("see zoom-2025, TMS9-080 and 004-080 (I-02)") == ["zoom-2025", "TMS9-080", "004-080", "I-02"]
    for source in load_sources().sources.values():
        assert find_ids(f"{source.title}: {source.address} {source.versions} {source.facts}") == []
    for statement in load_sources().statements.values():
        assert find_ids(statement.text) == []


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """``parser`` and those of its actions."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from parsers(each)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help_has_none(command) -> None:
    """The help of every command and of each of its actions."""
    module = importlib.import_module(command.module)
    parser = argparse.ArgumentParser(prog=command.name, description=getattr(module, "DESCRIPTION", ""))
    module.add_arguments(parser)
    assert [found for each in parsers(parser) for found in find_ids(each.format_help())] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["scenarios"],
        ["scenarios", "--json"],
        ["clients", "--sources"],
        ["clients", "--json"],
        ["fault", "list"],
        ["fault", "list", "--json"],
        *(["fault", "list", name] for name in FAULTS),
    ],
    ids=" ".join,
)
def test_lists_have_none(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Scenarios, clients and faults, as text and as JSON."""
    assert main(arguments) == 0
    output = capsys.readouterr().out
    assert output
    assert find_ids(output) == []


def test_lists_have_addresses(capsys: pytest.CaptureFixture[str]) -> None:
    """Sources that the table knows are printed with where they can be read."""
    assert main(["scenarios"]) == 0
    assert "Zoom" not in capsys.readouterr().out
    assert main(["fault", "list", "delegation-removed"]) == 0
    assert "  Zoom, 16 April 2025: https://zoom.statuspage.io\n" in capsys.readouterr().out
    assert main(["fault", "list", "--json"]) == 0
    faults = json.loads(capsys.readouterr().out)["faults"]
    assert faults["delegation-removed"]["sources"] == ["Zoom, 16 April 2025: https://zoom.statuspage.io"]
    assert main(["clients", "--sources"]) == 0
    assert "the name was a CNAME, https://aka.ms/AIR/TMS9-J_8" in capsys.readouterr().out


ZONE = """\
$ORIGIN x.test.
@ 999999 SOA ns1 root 1 3600 600 86400 99999
@ NS ns1
ns1 A 192.0.2.1
www 5 CNAME gone.x.test
alias CNAME missing
"""


def test_lint_findings_have_titles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A finding says what teaches it by title, and where that can be read."""
    (tmp_path / "x.test.zone").write_text(ZONE)
    assert main(["dns", "lint", "--zones", str(tmp_path)]) == 1
    output = capsys.readouterr().out
    assert "(Zone .se, 12 October 2009)" in output
    assert "  Zone .se, 12 October 2009: https://" in output
    assert find_ids(output) == []
    assert main(["dns", "lint", "--zones", str(tmp_path), "--json"]) == 1
    output = capsys.readouterr().out
    assert find_ids(output) == []
    assert any("https://" in each["source"] for each in json.loads(output)["findings"])


def test_reports_have_titles() -> None:
    """HTML, JUnit, table and JSON of a scenario that is played."""
    estate = default_estate()
    for scenario in catalogue():
        models = {each.name: model_of(each) for each in scenario.clients if each.model}
        if scenario.resolvers or len(models) < len(scenario.clients):
            continue
        result = run_result(play_in_memory(scenario, estate, models))
        data = encode_result(result).decode()
        page = html_report(result, [], again="ssosim run x")
        assert find_ids(page) == []
        assert find_ids(junit_xml(result, [], again="", took_s=1.0)) == []
        assert find_ids(table(result)) == []
        assert find_ids(data) == []
        assert all(len(source.split()) > 1 for source in result.sources)
    assert "https://azure.status.microsoft" in " ".join(
        load_sources().cite(each) for each in load_scenario("feb-2025").sources
    )


def test_the_api_describes_itself_without() -> None:
    """The OpenAPI document of the control API."""
    assert find_ids(json.dumps(description())) == []


def test_models_name_sources_by_title() -> None:
    """Client models may be used without this package, which could not look an id up."""
    assert {
        name: find_ids(" ".join(model.sources)) for name, model in MODELS.items() if find_ids(" ".join(model.sources))
    } == {}


@pytest.mark.parametrize(
    "page",
    [
        *(
            p.relative_to(ROOT)
            for p in sorted((ROOT / "docs").glob("*.md"))
            if p.name not in ("sources.md", "coverage.md")
        ),
        Path("docs/openapi.json"),
        Path("README.md"),
        Path("ARCHITECTURE.md"),
        Path("CHANGELOG.md"),
        Path("clients/README.md"),
    ],
    ids=str,
)
def test_pages_have_none(page: Path) -> None:
    """Only docs/sources.md and docs/coverage.md, which are about ids, have them."""
    assert find_ids((ROOT / page).read_text(encoding="utf-8")) == []

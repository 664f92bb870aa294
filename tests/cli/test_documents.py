"""The JSON of every command: version, kind, and the models of ``docs/cli.schema.json``."""

from __future__ import annotations

import argparse
import json
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ssosim.cli.documents import DOCUMENTS, TraceRecord, build_cli_schema
from ssosim.cli.main import COMMANDS, build_parser, main
from ssosim.output import print_document
from tests.lab.test_federated_token_command import ADDED

ROOT = Path(__file__).parents[2]
ZONE = "$ORIGIN example.test.\n$TTL 60\n@ NS ns1.lab.invalid.\n@ A 192.0.2.1\n"
CHANGE = """
title = "a new name"
author = "ann"
intent = "a test"
procedure = ["put"]
rollback = ["remove"]
health_signals = ["none"]
abort_rule = "any"

[[operations]]
op = "put-records"
name = "new.fabrikam.com"
type = "A"
ttl = 60
values = ["198.51.100.30"]
"""
OFFLINE = (
    ("scenarios", "scenarios"),
    ("clients", "clients"),
    ("doctor", "doctor"),
    ("estate check good.toml", "estate-check"),
    ("estate check bad.toml", "estate-check"),
    ("fault list", "fault-list"),
    ("clean --dry-run", "clean"),
    ("status", "status"),
    ("dns show --zones tree", "dns-show"),
    ("dns lint --zones tree", "dns-lint"),
    ("dns plan --from tree --to after", "dns-plan"),
    ("dns check --from tree --to after", "dns-check"),
)
IN_A_LAB = (
    ("up --detach --estate DIR/estate.toml", "up"),
    ("status", "status"),
    ("spn autologon.microsoftazuread-sso.com", "spn"),
    ("fault apply servfail names={autologon} first=3", "fault-apply"),
    ("fault list", "fault-list"),
    ("fault undo all", "fault-undo"),
    ("federated-token --subject x", "federated-token"),
    ("dns show", "dns-show"),
    ("dns plan DIR/change.toml", "dns-plan"),
    ("dns settings --policy strict", "dns-settings"),
    ("dns apply DIR/risky.toml", "dns-refusal"),
    ("dns settings --policy feb-2025", "dns-settings"),
    ("dns apply DIR/change.toml --by ann --by ben", "dns-apply"),
    ("dns rollback --by ann", "dns-rollback"),
    ("dns drift", "dns-drift"),
    ("dns load DIR/load", "dns-load"),
    ("down", "down"),
    ("run short-blip --client office", "run"),
    ("explain", "explain"),
)
OF_OTHER_TESTS = {"matrix"}
"""Kinds that another test writes: ``tests/real_clients/test_run.py``, since the matrix needs real clients."""


def check_document(text: str, kind: str) -> None:
    """Read the document with the model of its kind: all fields, no unknown one, all of the right type."""
    data: dict[str, Any] = json.loads(text)
    assert (data["version"], data["kind"]) == ("1", kind)
    msgspec.convert(data, DOCUMENTS[kind])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with estates, zones and a change."""
    here = tmp_path_factory.mktemp("documents")
    contoso = resources.files("ssosim.estate").joinpath("contoso.toml").read_text()
    (here / "good.toml").write_text(contoso)
    (here / "bad.toml").write_text(contoso.replace("[cloud]", "[clod]"))
    (here / "estate.toml").write_text(contoso + ADDED)
    for folder, more in (("tree", ""), ("after", "new A 192.0.2.2\n"), ("load", "x A 192.0.2.3\n")):
        (here / folder).mkdir()
        (here / folder / "example.test.zone").write_text(ZONE + more)
    (here / "change.toml").write_text(CHANGE)
    (here / "risky.toml").write_text(CHANGE.replace("new.fabrikam.com", "autologon.microsoftazuread-sso.com"))
    return here


@pytest.mark.parametrize(("words", "kind"), OFFLINE)
def test_a_command_prints_its_document(
    words: str,
    kind: str,
    files: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without a lab: the JSON on standard output is one document of this kind, with every field of its model."""
    monkeypatch.chdir(files)
    monkeypatch.setenv("SSOSIM_HOME", str(tmp_path / "home"))
    main([*words.split(), "--json"])
    check_document(capsys.readouterr().out, kind)


def test_commands_on_a_lab_print_their_documents(bench, files: Path) -> None:
    """On a running lab, one command after the other: each prints a document of its kind."""
    for words, kind in IN_A_LAB:
        arguments = [word.replace("DIR", str(files)) for word in words.split()]
        done = bench.run(*arguments, "--json")
        assert done.stdout, (words, done.stderr)
        check_document(done.stdout, kind)


def test_each_line_of_the_trace_has_the_version_of_the_format(running) -> None:
    """``trace --json`` is JSON Lines: each line is a TraceRecord; a line of another version is a clear error."""
    lines = running.run("trace", "--json").stdout.splitlines()
    assert lines
    for line in lines:
        msgspec.json.decode(line, type=TraceRecord)
    file = running.home / "labs" / "default" / "trace.jsonl"
    file.write_text(file.read_text().replace('"version":"1"', '"version":"2"', 1))
    done = running.run("trace", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "not a trace record of version 1" in done.stderr


def test_every_kind_is_printed_by_a_test() -> None:
    """No document is without a test, and no command has ``--json`` without a document."""
    assert {kind for _, kind in (*OFFLINE, *IN_A_LAB)} | OF_OTHER_TESTS == set(DOCUMENTS)
    told = {words.split()[0] for words, _ in (*OFFLINE, *IN_A_LAB)} | OF_OTHER_TESTS
    for command in COMMANDS:
        parsers: list[argparse.ArgumentParser] = [build_parser(command)]
        for parser in parsers:
            for action in parser._actions:
                if isinstance(action, argparse._SubParsersAction):
                    parsers += action.choices.values()
        if any("--json" in parser._option_string_actions for parser in parsers) and command.name != "trace":
            assert command.name in told, command.name


def test_the_schema_in_docs_is_current() -> None:
    """``docs/cli.schema.json`` is the schema of the models, and has an alternative for each kind."""
    schema = json.loads((ROOT / "docs" / "cli.schema.json").read_text())
    assert schema == build_cli_schema(), "python -m ssosim.cli.documents > docs/cli.schema.json"
    kinds = {
        kind
        for each in schema["oneOf"]
        for kind in schema["$defs"][each["$ref"].rpartition("/")[2]]["properties"].get("kind", {"enum": ()})["enum"]
    }
    assert kinds == set(DOCUMENTS)


def test_a_list_and_a_version_of_zones_get_names(capsys: pytest.CaptureFixture[str]) -> None:
    """A document is always an object, and ``version`` is always that of the format."""
    print_document("x", [1], "numbers")
    assert json.loads(capsys.readouterr().out) == {"version": "1", "kind": "x", "numbers": [1]}
    print_document("x", {"version": 7})
    assert json.loads(capsys.readouterr().out) == {"version": "1", "kind": "x", "zones_version": 7}

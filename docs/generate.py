"""Write the generated pages of docs/: ``make docs``.

- ``sources.md``: the table of sources, and the statements that the code names (``ssosim/sources``)
- ``coverage.md``: every statement with the tests that name its id, or with the reason why it has none
  (``open-statements.toml``)
- ``estate.md``, ``estate.schema.json``: every key of an estate file, and its JSON Schema
- ``openapi.json``: the OpenAPI description of the control API
- ``identity-provider.md``: only the tables between marks: of lenient settings (``ssosim/estate/lenient_settings.py``),
  of refusals (``ssosim/entra/core/refusals.py``), and of what libraries recorded (``tests/entra/recorded_rows.py``)
- ``unconfirmed.md``: every sentence of the code that calls a behaviour unconfirmed
"""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import sys
import tokenize
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

from ssosim.entra.core.refusals import REFUSALS, Refusal
from ssosim.estate.lenient_settings import LENIENT_SETTINGS
from ssosim.sources import Source, Sources, Statement, load_sources

ROOT = Path(__file__).resolve().parents[1]
MADE_HERE = "<!-- Written by `make docs`; change ssosim/sources/*.toml or the tests, not this file. -->"

_ID = r"(?:AZ5|GO|CONNECT|PY|TMS9)-\d{3}"
_RANGE = re.compile(rf"\b({_ID})(?:\s+to\s+|\s*(?:\.\.\.|…)\s*)({_ID})\b")
_UNCONFIRMED = re.compile(r"\bunconfirmed\b|\bnot confirmed\b", re.IGNORECASE)
_ONE = re.compile(rf"\b{_ID}\b")


def find_statements(text: str) -> set[str]:
    """Return the ids of statements in ``text``. ``TMS9-011 to TMS9-018`` stands for all eight."""
    found = set(_ONE.findall(text))
    for first, last in _RANGE.findall(text):
        prefix, _, begin = first.partition("-")
        found |= {f"{prefix}-{number:03}" for number in range(int(begin), int(last.rpartition("-")[2]) + 1)}
    return found


def map_statements_to_tests(tests: Path, scenarios: Path) -> dict[str, list[str]]:
    """Return for each statement the tests that name it, as ``file::test``, and the scenarios that have it.

    A test names the ids in its body, decorators and docstring. An id elsewhere in a file belongs to the file.
    ``tests/sources`` tests the ids themselves and does not count. ``tests/scenario/test_scenario_catalogue.py`` plays
    every scenario of the catalogue and checks each phase.
    """
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(tests.rglob("test_*.py")):
        if path.relative_to(tests).parts[0] == "sources":
            continue
        for name, text in _split_tests(path.read_text(encoding="utf-8")):
            for each in sorted(find_statements(text)):
                found[each].append(f"{path.relative_to(tests)}{f'::{name}' if name else ''}")
    for path in sorted(scenarios.glob("*.toml")):
        for each in tomllib.loads(path.read_text(encoding="utf-8")).get("statements", ()):
            found[each].append(f"scenario {path.stem}")
    return dict(found)


def _split_tests(source: str) -> Iterator[tuple[str, str]]:
    """Yield each test of a file with its text, and last, under the name "", the rest of the file."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            begin = min([node.lineno, *(each.lineno for each in node.decorator_list)]) - 1
            yield node.name, "\n".join(lines[begin : node.end_lineno])
            lines[begin : node.end_lineno] = [""] * ((node.end_lineno or begin) - begin)
    yield "", "\n".join(lines)


def render_sources_page(table: Sources, named: Iterable[str]) -> str:
    """Return ``docs/sources.md``. ``named`` are the ids of statements that the package, its data or its pages name."""
    groups = {
        "Documents": [each for each in table.sources.values() if each.prefix],
        "Documentation and incidents": [
            each for each in table.sources.values() if not each.prefix and not each.versions
        ],
        "Measured or read here": [each for each in table.sources.values() if each.versions],
    }
    lines = [
        "# Sources",
        "",
        MADE_HERE,
        "",
        "The sources of the facts in this project. Data and tests have the id; lists, reports and descriptions have",
        "the title. `ssosim scenarios`, `ssosim clients --sources` and `ssosim fault list NAME` print addresses too.",
    ]
    for title, sources in groups.items():
        lines += ["", f"## {title}", "", "| id | title | date | where | facts |", "|---|---|---|---|---|"]
        lines += [_source_row(each) for each in sources]
    lines += ["", "## Statements that the code names", ""]
    lines += ["All statements of the documents, with their tests: [coverage.md](coverage.md).", ""]
    lines += ["| id | statement | document |", "|---|---|---|"]
    wanted = set(named)
    lines += [f"| `{each.id}` | {each.text} | {each.source.title} |" for each in _in(table, wanted)]
    return "\n".join(lines) + "\n"


def _source_row(source: Source) -> str:
    ids = f"`{source.id}`" + (f", statements `{source.prefix}-…`" if source.prefix else "")
    where = f"<{source.address}>" if source.address else "no public address known"
    where = f"measured or read here: {source.versions}" if source.versions else where
    return f"| {ids} | {source.title} | {source.date or '-'} | {where} | {source.facts} |"


def _in(table: Sources, wanted: set[str]) -> list[Statement]:
    return [each for each in table.statements.values() if each.id in wanted]


def read_open_statements() -> dict[str, str]:
    """Return the reasons of ``docs/open-statements.toml``: why a statement has no test, by its id."""
    return tomllib.loads((ROOT / "docs" / "open-statements.toml").read_text(encoding="utf-8"))


def render_coverage_page(table: Sources, tests: Mapping[str, list[str]], reasons: Mapping[str, str]) -> str:
    """Return ``docs/coverage.md``: every statement with its tests, with the reason why it has none, or "not yet"."""
    lines = ["# Statements of the documents, and their tests", "", MADE_HERE, ""]
    lines += [
        "A test counts for a statement if it names its id. Files are in `tests/`; `scenario` is one of the catalogue,"
    ]
    lines += ["which `scenario/test_scenario_catalogue.py` plays.", ""]
    lines += ["| document | statements | with a test |", "|---|---|---|"]
    documents = [each for each in table.sources.values() if each.prefix]
    for document in documents:
        own = [each for each in table.statements.values() if each.source is document]
        lines.append(f"| {document.title} | {len(own)} | {sum(each.id in tests for each in own)} |")
    total = sum(each in tests for each in table.statements)
    lines.append(f"| all | {len(table.statements)} | {total} |")
    for document in documents:
        lines += ["", f"## {document.title}", "", "| id | statement | tests |", "|---|---|---|"]
        for each in table.statements.values():
            if each.source is document:
                cited = "<br>".join(f"`{test}`" for test in tests.get(each.id, ()))
                cited = cited or (f"none: {reasons[each.id]}" if each.id in reasons else "not yet")
                lines.append(f"| {each.id} | {each.text} | {cited} |")
    return "\n".join(lines) + "\n"


def render_refusals(sections: Mapping[str, Iterable[Refusal]]) -> str:
    """Return the table of refusals: each section with its rows. A section without rows is left out."""
    lines: list[str] = []
    for title, refusals in sections.items():
        rows = [f"| {each.refusal} | {each.code} | {each.source} | `{each.test}` |" for each in refusals]
        if rows:
            lines += [f"### {title}", "", "| refusal | code | source | test |", "|---|---|---|---|", *rows, ""]
    return "\n".join(lines)


def render_lenient_settings(settings: Mapping[str, str]) -> str:
    """Return the table of lenient settings."""
    rows = [f"| `{name}` | {text} |" for name, text in settings.items()]
    return "\n".join(("| setting | what was not checked |", "|---|---|", *rows, ""))


def _load_recorded_rows() -> ModuleType:
    """Import the table of recordings, which is a module of the tests."""
    name = "recorded_rows"
    spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / "entra" / f"{name}.py")
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def render_recorded(rows: ModuleType) -> str:
    """Return the table of recorded values, and the table of their sources."""
    lines = ["| exchange | field | recorded | lab | source |", "|---|---|---|---|---|"]
    for row in rows.RECORDED_ROWS:
        value = ", ".join(map(str, row.value)) if isinstance(row.value, list) else json.dumps(row.value).strip('"')
        text = value.replace("|", "\\|") + {"equal": "", "starts": " …", "contains": " (among others)"}[row.match]
        lab = row.difference or "same"
        lines.append(f"| {row.exchange} | {row.field} | `{text}` | {lab} | {row.source} |")
    lines += ["", "| source | repository | path or issue | commit |", "|---|---|---|---|"]
    for name, source in rows.SOURCES.items():
        lines.append(f"| {name} | {source.repository} | `{source.path}` | {source.commit[:12] or '-'} |")
    return "\n".join(lines) + "\n"


def replace_between_marks(page: str, name: str, text: str) -> str:
    """Return ``page`` with ``text`` between ``<!-- begin NAME -->`` and ``<!-- end NAME -->``; ValueError without."""
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
    head, after, rest = page.partition(begin)
    _, last, tail = rest.partition(end)
    if not after or not last:
        raise ValueError(f"the page has no {begin.strip()} ... {end}")
    return f"{head}{begin}\n{text}{end}{tail}"


def find_named_statements() -> set[str]:
    """Return the ids of statements that the package, the clients and the hand-written pages name."""
    folders = ((ROOT / "ssosim", ("*.py", "*.toml")), (ROOT / "clients", ("*.py", "*.toml", "*.md")))
    paths = [path for folder, patterns in folders for pattern in patterns for path in folder.rglob(pattern)]
    paths += [path for path in (ROOT / "docs").glob("*.md") if path.name not in ("sources.md", "coverage.md")]
    own = ROOT / "ssosim" / "sources"
    return set().union(*(find_statements(path.read_text("utf-8")) for path in paths if own not in path.parents))


def render_estate_page() -> str:
    """Return the reference of estate files."""
    from ssosim.estate.reference import list_entries  # noqa: PLC0415 - only for this function

    lines = [
        "# Estate files",
        "",
        "<!-- Written by `make docs` from ssosim/estate/model.py; change that file, not this one. -->",
        "",
        "An estate is a TOML file: `ssosim estate init mine.toml` writes one, `ssosim estate check mine.toml` reports",
        "every mistake with file, line and key, and `ssosim up --estate mine.toml` starts a lab with it.",
        "Examples are from Contoso, [the default estate](../ssosim/estate/contoso.toml), where it has the key.",
        "",
        "For completion and checks in an editor, use the JSON Schema [estate.schema.json](estate.schema.json), which",
        "`ssosim estate schema` prints as well. With Taplo or Even Better TOML, the first line of the file is",
        "`#:schema ./estate.schema.json`.",
    ]
    for entry in list_entries():
        lines += ["", f"## `{entry.path}`" if entry.path else "## The file", "", entry.text.replace("``", "`")]
        lines += ["", "| key | type | default | example |", "|---|---|---|---|"]
        for key in entry.keys:
            default = key.default if key.default in ("required", "none") else f"`{key.default}`"
            cells = (f"`{key.name}`", key.type, default, key.example)
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def find_unconfirmed(file: Path) -> list[str]:
    """Return the sentences of the comments and strings of ``file`` that call something unconfirmed."""
    blocks: list[str] = []
    last_comment = (-1, -1)
    with file.open("rb") as stream:
        for token in tokenize.tokenize(stream.readline):
            if token.type == tokenize.COMMENT:
                text = token.string.lstrip("#: ")
                if token.start == (last_comment[0] + 1, last_comment[1]):  # the next line of the same comment
                    blocks[-1] += f" {text}"
                else:
                    blocks.append(text)
                last_comment = token.start
            elif token.type == tokenize.STRING:
                blocks += re.split(r"\n\s*\n|\n\s*- ", token.string.strip("rbf\"'"))
    sentences = [each for block in blocks for each in re.split(r"(?<=[.;])\s+(?=[A-Z`])", " ".join(block.split()))]
    return [each for each in sentences if _UNCONFIRMED.search(each)]


def render_unconfirmed_page() -> str:
    """Return ``unconfirmed.md``: what the code calls unconfirmed, by file."""
    rows = []
    for folder in ("ssosim", "clients/ssosim_clients"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            if not file.name.startswith("aadsts_"):  # codes: a table of identity-provider.md
                rows += [f"| `{file.relative_to(ROOT)}` | {_cell(each)} |" for each in find_unconfirmed(file)]
    head = f"""{MADE_HERE}

# What is unconfirmed

Behaviour of real services and programs for which no public source was found, in the words of the code. A setting
marks most of them; [limitations](limitations.md) lists what is not simulated at all. Do you know better, with a source?
Please file it as *A fact*. Texts and numbers of single error codes are in [identity-provider.md](identity-provider.md).

"""
    return head + "| where | what |\n|---|---|\n" + "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    """Return ``text`` for a cell of a table: markup is escaped, and what is in double backquotes is code."""
    parts = re.split(r"``(.+?)``", text)
    escaped = [re.sub(r"([|*_<>\[\]`])", r"\\\1", each) for each in parts[::2]]
    code = [f"`{each}`".replace("|", "\\|") for each in parts[1::2]]
    return "".join(each for pair in zip(escaped, [*code, ""], strict=True) for each in pair)


def render_pages() -> dict[str, str]:
    """Return the text of each generated page by its file name in docs/."""
    from ssosim.estate.reference import build_json_schema  # noqa: PLC0415 - only for this function
    from ssosim.lab.control.openapi import description  # noqa: PLC0415 - imports the whole lab

    table = load_sources()
    tests = map_statements_to_tests(ROOT / "tests", ROOT / "ssosim" / "scenario" / "catalogue")
    return {
        "sources.md": render_sources_page(table, find_named_statements()),
        "coverage.md": render_coverage_page(table, tests, read_open_statements()),
        "estate.md": render_estate_page(),
        "estate.schema.json": json.dumps(build_json_schema(), indent=1, ensure_ascii=False) + "\n",
        "unconfirmed.md": render_unconfirmed_page(),
        "identity-provider.md": replace_between_marks(
            replace_between_marks(
                replace_between_marks(
                    (ROOT / "docs" / "identity-provider.md").read_text(encoding="utf-8"),
                    "lenient",
                    render_lenient_settings(LENIENT_SETTINGS),
                ),
                "refusals",
                render_refusals(REFUSALS),
            ),
            "recorded",
            render_recorded(_load_recorded_rows()),
        ),
        "openapi.json": json.dumps(description(), indent=1, ensure_ascii=False) + "\n",
    }


if __name__ == "__main__":
    for name, text in render_pages().items():
        (ROOT / "docs" / name).write_text(text, encoding="utf-8")
        print(f"docs/{name}")

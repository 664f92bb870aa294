"""The pages in docs/ that are generated from the project, and the table of refusals, are up to date."""

from __future__ import annotations

import importlib.util
import inspect
import json
from pathlib import Path
from types import ModuleType

import pytest

from ssosim.sources import load_sources

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """Import docs/generate.py, which is a script in no package."""
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_are_up_to_date(generate: ModuleType) -> None:
    """The pages in the repository are equal to those that ``make docs`` would write now."""
    pages = generate.render_pages()
    assert {*pages} == {
        "sources.md",
        "coverage.md",
        "estate.md",
        "estate.schema.json",
        "openapi.json",
        "identity-provider.md",
        "unconfirmed.md",
    }
    stale = [name for name, text in pages.items() if (ROOT / "docs" / name).read_text(encoding="utf-8") != text]
    assert stale == [], "make docs"


@pytest.mark.parametrize("name", ["cli", "estate", "run-result"])
def test_descriptions_are_the_same_whichever_python_made_them(name: str) -> None:
    """A schema has docstrings without the indentation of their lines, which Python 3.13 removes and others keep."""
    schema = json.loads((ROOT / "docs" / f"{name}.schema.json").read_text(encoding="utf-8"))
    texts = [part["description"] for part in schema["$defs"].values() if "description" in part]
    assert texts
    assert texts == [inspect.cleandoc(text) for text in texts]


def test_unconfirmed_sentences_are_found_in_comments_and_strings(generate: ModuleType, tmp_path: Path) -> None:
    """A sentence is taken whole, over lines and from a list, without its neighbours; confirmed ones are not."""
    file = tmp_path / "module.py"
    file.write_text(
        '"""First. The code of\n``that`` is unconfirmed. Last.\n\n- one; two\n- three (Not confirmed)\n"""\n'
        "x = 1  # fine\n# The limit\n# is unconfirmed.\ny = 2  # confirmed\n"
    )
    assert generate.find_unconfirmed(file) == [
        "The code of ``that`` is unconfirmed.",
        "three (Not confirmed)",
        "The limit is unconfirmed.",
    ]


def test_ranges_stand_for_all_in_them(generate: ModuleType) -> None:
    """``A to C``, ``A … C`` and ``A ... C`` name A, B and C; other text names what it spells out."""
    eight = {f"TMS9-0{number}" for number in range(11, 19)}
    for text in ("TMS9-011 to TMS9-018", "TMS9-011 … TMS9-018", "TMS9-011 ... TMS9-018", "TMS9-011 to\n    TMS9-018"):
        assert generate.find_statements(text) == eight
    assert generate.find_statements("TMS9-011, PY-002; XPY-003 GO-0011") == {"TMS9-011", "PY-002"}


def test_tests_are_found_where_they_name_a_statement(generate: ModuleType, tmp_path: Path) -> None:
    """An id counts in a docstring, a decorator and the module docstring; helpers and other files are no tests."""
    tests, scenarios = tmp_path / "tests", tmp_path / "scenarios"
    (tests / "a").mkdir(parents=True)
    scenarios.mkdir()
    (tests / "a" / "test_x.py").write_text(
        '"""Of GO-001."""\nimport pytest\n\n\n@pytest.mark.parametrize("x", ["GO-002"])\n'
        'def test_one(x):\n    """GO-003 to GO-004."""\n\n\nclass TestIt:\n    async def test_two(self):\n'
        '        """GO-003."""\n\n\ndef helper():\n    """GO-005."""\n'
    )
    (tests / "helper.py").write_text('"""GO-006."""\n')
    (scenarios / "s.toml").write_text('statements = ["GO-003"]\n')
    assert generate.map_statements_to_tests(tests, scenarios) == {
        "GO-001": ["a/test_x.py"],
        "GO-002": ["a/test_x.py::test_one"],
        "GO-003": ["a/test_x.py::test_one", "a/test_x.py::test_two", "scenario s"],
        "GO-004": ["a/test_x.py::test_one"],
        "GO-005": ["a/test_x.py"],
    }


def test_a_statement_about_credentials_has_a_test_or_a_reason(generate: ModuleType) -> None:
    """Both troubleshooting guides: no statement is open without a reason, and each reason is of a statement."""
    tests = generate.map_statements_to_tests(ROOT / "tests", ROOT / "ssosim" / "scenario" / "catalogue")
    reasons = generate.read_open_statements()
    statements = load_sources().statements
    missing = [each for each in statements if each.startswith(("GO-", "PY-")) and each not in {*tests, *reasons}]
    assert missing == []
    assert {*reasons} <= {*statements}


def test_covered_statements_keep_their_tests(generate: ModuleType) -> None:
    """Every statement about DNS and change control has a test, and must keep one."""
    tests = generate.map_statements_to_tests(ROOT / "tests", ROOT / "ssosim" / "scenario" / "catalogue")
    whole = [f"TMS9-{number:03}" for number in (*range(30, 65), *range(75, 97))]
    assert [each for each in whole if each not in tests] == []
    assert {*tests} <= {*load_sources().statements}
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "dns").rglob("test_*.py"))
    incidents = (
        "azure-ad-preview", "azure-dns-2019", "azure-dns-2021", "facebook-2021", "slack-2021", "se-2009", "zoom-2025",
    )  # fmt: skip
    assert [each for each in incidents if each not in text] == []

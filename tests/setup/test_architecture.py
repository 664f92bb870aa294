"""ARCHITECTURE.md and docs/walks.md agree with the code: paths, functions, layers and the counts of the walks."""

import ast
import re
import sys
import threading
import tomllib
from functools import cache
from pathlib import Path
from types import CodeType

import pytest

from ssosim.testing import play_sync

ROOT = Path(__file__).parents[2]
MAP, WALKS = ROOT / "ARCHITECTURE.md", ROOT / "docs/walks.md"
PAGES = (MAP, WALKS)

# A path from the root of the repository. It contains a slash: `klist` and `resolv.conf` are no paths.
_PATH = re.compile(r"`((?:ssosim|clients|docs|tests|fuzz|bench|kdc-lab|examples)/[\w./-]+)`")
_ROOT_PATH = re.compile(r"^(?:ssosim|clients|docs|tests|fuzz|bench|kdc-lab|examples)/")
_NAMED = re.compile(r"`([\w./-]+\.py)`((?:,?\s+`[A-Za-z_][\w.]*`)+)")
_NAME = re.compile(r"`([A-Za-z_][\w.]*)`")
_MODULE = re.compile(r"\b(ssosim(?:_clients)?(?:\.[a-z_]+)+)\b")
_LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")
_STEP = re.compile(
    r"^(\d+)\. `([^`]+)` `([^`]+)`((?:,\s+`[^`]+`)*)\s+\((answer|report)(?:,\s+only\s[^)]+)?\):\s+\S", re.MULTILINE
)
_COUNTS = re.compile(r"^\| one ([\w ]+?) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE)
_ROW = re.compile(r"^\| (\d+) \| `([^`]+)` \| \S", re.MULTILINE)

_WAYS = {
    "DNS question": "The way to the table",
    "Kerberos ticket": "The way to the table",
    "fault": "The way to the explanation",
    "scenario": None,
    "program": "The way to the explanation",
}
"""The walks, each with the section that ends it."""


def _sections(page: Path) -> dict[str, str]:
    """The text below each heading of a page, down to the next heading."""
    parts = re.split(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {heading.replace("`", ""): text for heading, text in zip(parts[1::2], parts[2::2], strict=True)}


@cache
def _definitions(file: Path) -> frozenset[str]:
    """What a module defines: functions, classes, assigned names, and the members of its classes as ``Class.member``."""
    found: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.If | ast.Try):
            found |= {name for each in ast.walk(node) for name in _names_of(each)}
        found |= _names_of(node)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{name}" for member in node.body for name in _names_of(member)}
    return frozenset(found)


def _names_of(node: ast.AST) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _missing_paths(text: str) -> list[str]:
    return [path for path in _PATH.findall(text) if not (ROOT / path).exists()]


def _missing_names(text: str) -> list[str]:
    """Names that follow a path and that its file does not define; the file itself is checked by ``_missing_paths``."""
    return [
        f"{path}: {name}"
        for path, names in _NAMED.findall(text)
        if _ROOT_PATH.match(path) and (ROOT / path).is_file()
        for name in _NAME.findall(names)
        if name not in _definitions(ROOT / path)
    ]


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_exists(page):
    """Each path in backticks, each module with dots and each link leads to a file or a folder of the repository."""
    text = page.read_text(encoding="utf-8")
    assert len(_PATH.findall(text)) > 20
    assert _missing_paths(text) == []
    modules = []
    for name in _MODULE.findall(text):
        place = ROOT / ("clients" if name.startswith("ssosim_clients") else ".") / name.replace(".", "/")
        modules += [place] if not (place.is_dir() or place.with_suffix(".py").is_file()) else []
    assert modules == []
    for target, anchor in _LINK.findall(text):
        place = page.parent / target if target else page
        assert place.exists(), target
        assert not anchor or anchor in map(_anchor, _sections(place)), anchor


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_function_exists(page):
    """Each name in backticks after the path of a Python file is defined in that file."""
    text = page.read_text(encoding="utf-8")
    assert len(_NAMED.findall(text)) > 15
    assert _missing_names(text) == []


def test_a_wrong_path_or_name_is_found():
    """The two checks above see a module that was moved, and a function that was renamed."""
    assert _missing_paths("see `ssosim/dns/ops/gate.py`, and `ssosim/dns`") == ["ssosim/dns/ops/gate.py"]
    text = "`ssosim/output.py` `say`, `shout` and\n`ssosim/clock/virtual.py`\n`VirtualClock.fly`"
    assert _missing_names(text) == ["ssosim/output.py: shout", "ssosim/clock/virtual.py: VirtualClock.fly"]


def _contracts() -> list[dict]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]


def test_the_tables_of_layers_are_the_import_contracts():
    """For each contract of layers there is a table with the same packages in the same layers, and no other table."""
    expected = {
        each["containers"][0]: [set(layer.split(" | ")) for layer in each["layers"]]
        for each in _contracts()
        if each["type"] == "layers"
    }
    shown: dict[str, list[set[str]]] = {}
    for heading, text in _sections(MAP).items():
        numbers: dict[int, set[str]] = {}
        for number, package in _ROW.findall(text):
            numbers.setdefault(int(number), set()).add(package)
        if numbers:
            assert list(numbers) == list(range(len(numbers), 0, -1)), f"{heading}: wrong numbers"
            shown[heading] = list(numbers.values())
    assert shown == expected


def test_the_other_contracts_have_a_row():
    """Each contract of forbidden or protected imports is in the table of ARCHITECTURE.md by its name."""
    text = _sections(MAP)["Imports that are forbidden besides"]
    names = [row.split("|")[1].strip() for row in text.splitlines() if row.startswith("| ")][1:]
    assert names == [each["name"] for each in _contracts() if each["type"] != "layers"]


def test_every_package_has_a_row():
    """Each package and each of its sub-folders with Python modules is in a table of ARCHITECTURE.md."""
    sections = _sections(MAP)
    named = {f"{heading}.{row[1]}" for heading, text in sections.items() for row in _ROW.findall(text)}
    others = re.findall(r"^\| `([^`]+)` \| \S", sections["Folders without a contract of their own"], re.MULTILINE)
    named |= {folder.removeprefix("clients/").replace("/", ".") for folder in others}
    found = {
        str(file.parent.relative_to(top)).replace("/", ".")
        for top in (ROOT, ROOT / "clients")
        for package in ("ssosim", "ssosim_clients")
        for file in (top / package).rglob("__init__.py")
    }
    modules = {f"ssosim.{name}" for name in ("fast_paths", "late_imports", "nearest", "output", "pytest_plugin", "spn")}
    assert named == (found - {"ssosim"}) | modules


@pytest.mark.parametrize("walk", _WAYS)
def test_the_steps_of_a_walk_can_be_read(walk):
    """Steps are numbered from 1, have file, function and kind, and the steps to the answer come first."""
    sections = _sections(WALKS)
    headings = [f"Follow one {walk}", *filter(None, [_WAYS[walk]])]
    for heading in headings:
        lines = re.findall(r"^\d+\. ", sections[heading], re.MULTILINE)
        steps = _STEP.findall(sections[heading])
        assert [f"{step[0]}. " for step in steps] == lines
        assert [int(step[0]) for step in steps] == list(range(1, len(steps) + 1))
        kinds = [step[4] for step in steps]
        assert kinds == sorted(kinds)


def test_the_counts_of_the_walks_are_true():
    """The table of docs/walks.md has the numbers of steps, files, packages and returns of the lists below it."""
    sections = _sections(WALKS)
    expected = {}
    for walk, way in _WAYS.items():
        steps = _STEP.findall(sections[f"Follow one {walk}"])
        steps += _STEP.findall(sections[way]) if way else []
        answer = {step[1] for step in steps if step[4] == "answer"}
        files = {step[1] for step in steps}
        way_of_packages = [step[1].rpartition("/")[0] for step in steps]
        entered = [
            here for before, here in zip([None, *way_of_packages], way_of_packages, strict=False) if here != before
        ]
        packages = set(way_of_packages)
        expected[walk] = (len(steps), len(answer), len(files), len(packages), len(entered) - len(packages))
    counts = {walk: tuple(map(int, numbers)) for walk, *numbers in _COUNTS.findall(WALKS.read_text(encoding="utf-8"))}
    assert counts == expected


@pytest.fixture(scope="module")
def calls(tmp_path_factory):
    """All calls of functions of this repository, as file and qualified name, while a model plays in a loopback lab."""
    found: list[tuple[str, str]] = []
    starts: dict[CodeType, int] = {}

    def note(frame, event, _):
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(f"{ROOT}/"):
            return
        # A coroutine that goes on is an event as well, at another instruction than its start.
        if starts.setdefault(code, frame.f_lasti) == frame.f_lasti:
            found.append((code.co_filename.removeprefix(f"{ROOT}/"), code.co_qualname))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        play_sync("feb-2025", "office", cache=tmp_path_factory.mktemp("cache"))
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return found


def _passages(calls: list[tuple[str, str]], first: tuple[str, str]) -> list[list[str]]:
    """The files of ``calls`` from each call of ``first`` to the next one."""
    starts = [number for number, call in enumerate(calls) if call == first]
    return [[file for file, _ in calls[start:end]] for start, end in zip(starts, [*starts[1:], None], strict=True)]


def _is_taken(passage: list[str], files: list[str]) -> bool:
    """Whether ``files`` are in ``passage`` in this order, with any others between them."""
    rest = iter(passage)
    return all(file in rest for file in files)


@pytest.mark.parametrize(
    ("walk", "first", "kinds"),
    [
        ("DNS question", "BatchReader.read", ("answer", "report")),
        ("Kerberos ticket", "respond_to_challenge", ("answer", "report")),
        ("fault", "ActiveFaults.apply", ("answer", "report")),
        ("scenario", "play", ("answer",)),
    ],
)
def test_a_scenario_takes_the_walks(calls, walk, first, kinds):
    """While a scenario plays, each function of a walk is called, and its files follow one another in one passage.

    A loopback lab has the steps from ``first`` on. Steps with a condition (only ...) are left out.
    """
    text = _sections(WALKS)[f"Follow one {walk}"]
    lines = [re.sub(r"\s+", " ", line) for line in re.split(r"^(?=\d+\. )", text, flags=re.MULTILINE)]
    steps = [step for line in lines if "(answer, only" not in line for step in _STEP.findall(line) if step[4] in kinds]
    steps = steps[[step[2] for step in steps].index(first) :]
    called = set(calls)
    for _, file, name, more, _ in steps:
        for each in (name, *_NAME.findall(more)):
            assert any(at == file and (is_ == each or is_.startswith(f"{each}.")) for at, is_ in called), (
                f"{file}: {each}"
            )
    files = [step[1] for step in steps]
    passages = _passages(calls, (steps[0][1], first))
    assert any(_is_taken(passage, files) for passage in passages)
    assert not any(_is_taken(passage, files[::-1]) for passage in passages)

"""The code of docs/creating-faults.md works: installed as a package, with its entry points and its test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ssosim.faults
from ssosim.faults import FAULTS, Fault

PAGE = (Path(__file__).parents[2] / "docs" / "creating-faults.md").read_text(encoding="utf-8")
TRY = """
import test_contoso_faults
test_contoso_faults.test_faults()
from ssosim.faults import FAULTS
print(*(name for name in FAULTS if name.startswith("contoso-")))
"""


def blocks(language: str) -> list[str]:
    """The page's code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with the page's package, its entry points and its test."""
    *modules, test = blocks("python")
    (tmp_path / "contoso_faults.py").write_text("\n".join(modules), encoding="utf-8")
    (tmp_path / "test_contoso_faults.py").write_text(test, encoding="utf-8")
    [project] = blocks("toml")
    points = tomllib.loads(project)["project"]["entry-points"]["ssosim.faults"]
    info = tmp_path / "contoso_faults-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: contoso-faults\nVersion: 1.0\n", encoding="utf-8")
    lines = "".join(f"{name} = {value}\n" for name, value in points.items())
    (info / "entry_points.txt").write_text(f"[ssosim.faults]\n{lines}", encoding="utf-8")
    return tmp_path


def run(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the package of the page installed."""
    path = os.pathsep.join([str(site), *(each for each in sys.path if each)])
    environment = {**os.environ, "PYTHONPATH": path, "SSOSIM_HOME": str(site / "state")}
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, timeout=120, env=environment, check=False
    )


def test_the_faults_of_the_page_work(site: Path) -> None:
    """The page's test passes, and all its faults are registered by their entry points."""
    done = run(site, "-c", TRY)
    assert done.returncode == 0, done.stderr
    tags = re.findall(r'tag="([\w-]+)"', PAGE)
    assert done.stdout.split() == tags
    assert len(tags) == 4


def test_the_command_line_knows_the_faults_of_the_page(site: Path) -> None:
    """Listing one of the page's faults prints its docstring and its fields."""
    done = run(site, "-m", "ssosim", "fault", "list", "contoso-moved-away")
    assert done.returncode == 0, done.stderr
    assert "old data centre, with a long TTL" in done.stdout
    assert re.search(r"^  ttl +int, default 86400$", done.stdout, re.MULTILINE)


def test_the_page_lists_every_base_class() -> None:
    """The table has each class that faults of this package are derived from."""
    listed = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    bases = {base.__name__ for kind in FAULTS.values() for base in kind.__bases__ if base.__module__ != kind.__module__}
    assert listed == bases
    for name in listed:
        assert issubclass(getattr(ssosim.faults, name), Fault)

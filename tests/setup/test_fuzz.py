"""The fuzzer finds what a parser does not bear, and says which target it is."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from fuzz import run
from fuzz.targets import TARGETS

ROOT = Path(run.__file__).parents[1]


def test_seeds_select_their_target(tmp_path):
    """The first byte of each seed is the number of its target; every target has seeds; none is too long."""
    names = sorted(TARGETS)
    run.write_seeds(names, tmp_path)
    seeds = [path.read_bytes() for path in tmp_path.iterdir()]
    assert {seed[0] for seed in seeds} == set(range(len(names)))
    assert max(map(len, seeds)) <= 4096


def test_new_inputs_go_to_the_folder_of_their_target(tmp_path, monkeypatch):
    """An input is stored without its first byte, once."""
    monkeypatch.setattr(run, "CORPUS", tmp_path / "corpus")
    grown = tmp_path / "grown"
    grown.mkdir()
    (grown / "a").write_bytes(b"\x01hello")
    names = ["xml", "zone file"]
    assert (run.keep_new(names, grown), run.keep_new(names, grown)) == (1, 0)
    (kept,) = (tmp_path / "corpus" / "zone-file").iterdir()
    assert kept.read_bytes() == b"hello"


@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris has no wheel for this interpreter or machine")
def test_an_exception_is_found_and_named(tmp_path):
    """A parser that raises ends the run with 1, with the input in a file and the target's name on standard error."""
    code = """
import sys, runpy
from fuzz import run
run._CHILD = run._CHILD.replace("functions = [", "import json; functions = [json.loads, *(").replace(
    'split("|")]', 'split("|"))]')
run.FOUND = __import__("pathlib").Path(sys.argv.pop(1))
sys.exit(run.main(["--seconds", "20", "--target", "xml"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "found")],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "clients")])},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1, done.stderr[-2000:]
    assert "does not bear" in done.stderr
    assert len(list((tmp_path / "found").iterdir())) == 1

"""The time of the pytest plugin: in a test run that does not use it, and for each lab of its fixtures.

    python bench/plugin_import.py [--runs 11]

The reference of an empty test run is the same run with ``-p no:ssosim``. The import of the module is measured in a new
process that has imported pytest already. Labs are those of the fixtures ``sso_lab`` and ``sso_play_sync``, with set-up
and tear-down, in a session where realm and keys are prepared; the time of the first lab includes the imports. Its
reference are these imports alone, of the same modules in the same order, in a new process that has imported pytest.
Both are CPU times, in turns.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

from harness import measure_imports, print_result, spread, temporary_home, time_command

TARGET = {"empty run with over without": 1.05, "first lab to its imports": 1.5, "further lab to the first": 0.2}
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "test_it.py"]
IMPORT = (
    "import pytest, time\nbegan = time.perf_counter()\nimport ssosim.pytest_plugin\nprint(time.perf_counter() - began)"
)
LABS = """
import json, sys, time
import pytest

moments, modules = [], []

@pytest.fixture
def before():
    moments.append((time.perf_counter(), time.process_time()))
    modules.append(list(sys.modules))

@pytest.mark.parametrize("number", range({labs}))
def test_lab(before, sso_lab, number):
    pass

def test_end(before, sso_play_sync):
    played = sso_play_sync("feb-2025", "native-prompt")
    moments.append((time.perf_counter(), time.process_time()))
    assert played.as_expected
    old = set(modules[0])
    new = [name for name in modules[1] if name not in old and sys.modules[name].__spec__ is not None]
    print("@@" + json.dumps([moments, new]))
"""


class Session(NamedTuple):
    """The labs of one session of pytest: seconds of wall time and of CPU time, and the modules of the first lab."""

    walls: list[float]
    cpus: list[float]
    modules: list[str]


def measure_session(folder: Path, labs: int) -> Session:
    """Return the times of the first lab, of each further lab, and of one run of ``feb-2025`` with one model."""
    (folder / "test_it.py").write_text(LABS.format(labs=labs), encoding="utf-8")
    done = subprocess.run([*PYTEST, "-s"], cwd=folder, capture_output=True, text=True, check=True, timeout=120)
    line = next(line for line in done.stdout.splitlines() if "@@" in line)
    moments, modules = json.loads(line.split("@@")[1])
    walls, cpus = ([after - before for before, after in pairwise(column)] for column in zip(*moments, strict=True))
    return Session(walls, cpus, modules)


def main() -> None:
    """Measure, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=11)
    runs = range(parser.parse_args().runs)
    imported, used, unused = [], [], []
    sessions, bare = list[Session](), list[float]()
    with temporary_home(), tempfile.TemporaryDirectory(prefix="ssobench-") as name:
        folder = Path(name)
        (folder / "test_it.py").write_text("def test_nothing():\n    pass\n", encoding="utf-8")
        time_command(PYTEST, cwd=folder)
        for _ in runs:
            alone = subprocess.run(
                [sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True, timeout=60
            )
            imported.append(float(alone.stdout))
            used.append(time_command(PYTEST, cwd=folder))
            unused.append(time_command([*PYTEST, "-p", "no:ssosim"], cwd=folder))
        measure_session(folder, 1)
        for _ in runs[:5]:
            sessions.append(measure_session(folder, 10))
            bare.append(measure_imports(sessions[-1].modules, after="pytest"))
    to_imports = [session.cpus[0] / alone for session, alone in zip(sessions, bare, strict=True)]
    to_first = [median(session.cpus[1:10]) / session.cpus[0] for session in sessions]
    reached = {
        "empty run with over without": median(used) / median(unused),
        "first lab to its imports": median(to_imports),
        "further lab to the first": median(to_first),
    }
    print_result(
        "plugin_import",
        figures={
            "import_s": spread(imported, 4),
            "empty_run_s": spread(used),
            "first_lab_s": spread([session.walls[0] for session in sessions]),
            "first_lab_cpu_s": spread([session.cpus[0] for session in sessions]),
            "further_lab_s": spread([wall for session in sessions for wall in session.walls[1:10]], 4),
            "feb_2025_one_model_s": spread([session.walls[10] for session in sessions]),
        },
        reference={
            "empty run without the plugin, s": spread(unused),
            "imports of the first lab, CPU s": spread(bare),
        },
        ratio={
            "empty run with over without": round(median(used) / median(unused), 3),
            "first lab to its imports": spread(to_imports, 2),
            "further lab to the first": spread(to_first, 3),
        },
        target=TARGET,
        met=all(reached[name] <= limit for name, limit in TARGET.items()),
    )


if __name__ == "__main__":
    main()

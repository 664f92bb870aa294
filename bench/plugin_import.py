"""The time of the pytest plugin: in a test run that does not use it, and for each lab of its fixtures.

    python bench/plugin_import.py [--runs 11]

The reference of an empty test run is the same run with ``-p no:ssosim``. The import of the module is measured in a new
process that has imported pytest already. Labs are those of the fixtures ``sso_lab`` and ``sso_play_sync``, with set-up
and tear-down, in a session where realm and keys are prepared; the time of the first lab includes the imports.
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

from harness import print_result, spread, temporary_home, time_command

TARGET = {"import_s": 0.02, "first_lab_s": 0.3, "further_lab_s": 0.05}
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "test_it.py"]
IMPORT = (
    "import pytest, time\nbegan = time.perf_counter()\nimport ssosim.pytest_plugin\nprint(time.perf_counter() - began)"
)
LABS = """
import json, time
import pytest

moments = []

@pytest.fixture
def before():
    moments.append(time.perf_counter())

@pytest.mark.parametrize("number", range({labs}))
def test_lab(before, sso_lab, number):
    pass

def test_end(before, sso_play_sync):
    played = sso_play_sync("feb-2025", "native-prompt")
    moments.append(time.perf_counter())
    assert played.as_expected
    print("@@" + json.dumps(moments))
"""


def measure_session(folder: Path, labs: int) -> tuple[float, list[float], float]:
    """Return the seconds of the first lab, of each further lab, and of one run of ``feb-2025`` with one model."""
    (folder / "test_it.py").write_text(LABS.format(labs=labs), encoding="utf-8")
    done = subprocess.run([*PYTEST, "-s"], cwd=folder, capture_output=True, text=True, check=True, timeout=120)
    line = next(line for line in done.stdout.splitlines() if "@@" in line)
    moments = json.loads(line.split("@@")[1])
    spans = [after - before for before, after in pairwise(moments)]
    return spans[0], spans[1:labs], spans[labs]


def main() -> None:
    """Measure, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=11)
    runs = range(parser.parse_args().runs)
    imported, used, unused, first, further, plays = [], [], [], [], [], []
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
            one, more, play = measure_session(folder, 10)
            first.append(one)
            further += more
            plays.append(play)
    reached = {"import_s": median(imported), "first_lab_s": median(first), "further_lab_s": median(further)}
    print_result(
        "plugin_import",
        figures={
            "import_s": spread(imported, 4),
            "empty_run_s": spread(used),
            "first_lab_s": spread(first),
            "further_lab_s": spread(further, 4),
            "feb_2025_one_model_s": spread(plays),
        },
        reference={"empty run without the plugin, s": spread(unused)},
        ratio={"empty run with over without": round(median(used) / median(unused), 3)},
        target=TARGET,
        met=all(reached[name] <= limit for name, limit in TARGET.items()),
    )


if __name__ == "__main__":
    main()

"""Build the project as its users do: through the build back end, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

CODE = "import sys, hatchling.build as b; print(getattr(b, 'build_' + sys.argv[1])(sys.argv[2]))"


def build_distribution(source: Path, kind: str, into: Path, **environment: str) -> Path:
    """Build the ``wheel`` or the ``sdist`` of the project in ``source``; returns its path."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, kind, into],
        cwd=source,
        env={key: value for key, value in os.environ.items() if key != "SOURCE_DATE_EPOCH"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return into / done.stdout.splitlines()[-1]

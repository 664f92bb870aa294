"""Write the requirements with hashes: ``make requirements``.

``lab.txt``, ``dev.txt`` and ``build.txt`` have the versions of ``constraints.txt``; ``release.txt`` keeps its own, and
``--upgrade`` moves them. Each file is for every system and every Python from 3.11 on, so markers are part of it. The
hashes are those that the configured package index names.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "requirements"
SELECTIONS = {
    "lab": ["pyproject.toml", "--extra", "lab"],
    "dev": ["pyproject.toml", "--extra", "lab", "--group", "dev"],
    "build": ["--group", "build"],
    "release": ["--group", "release"],
}
_HEADER = "# Written by `make requirements` from pyproject.toml and constraints.txt; do not change it by hand.\n"


def compile_requirements(name: str, target: Path, options: list[str]) -> None:
    """Write the requirements called ``name`` to ``target``. Raises CalledProcessError."""
    pins = [] if name == "release" else ["--constraint", "constraints.txt"]
    command = [str(Path(sys.executable).with_name("uv")), "pip", "compile", *SELECTIONS[name], *pins, *options]
    settings = [
        "--universal",
        "--python-version",
        "3.11",
        "--generate-hashes",
        "--no-annotate",
        "--no-header",
        "--quiet",
    ]
    subprocess.run([*command, *settings, "--output-file", str(target)], cwd=ROOT, check=True)  # noqa: S603
    target.write_text(_HEADER + target.read_text(encoding="utf-8"), encoding="utf-8")


def main(options: list[str]) -> int:
    """Write all four files; ``options`` go to ``uv pip compile``."""
    for name in SELECTIONS:
        path = FOLDER / f"{name}.txt"
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder, path.name)
            if path.exists():
                target.write_bytes(path.read_bytes())  # uv keeps the versions of an existing file
            compile_requirements(name, target, options)
            path.write_bytes(target.read_bytes())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

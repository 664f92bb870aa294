"""Write what ssosim[lab] consists of to ``dist``: ``make sbom``.

``ssosim.cdx.json`` is a bill of materials (CycloneDX 1.6) with versions, licences and dependencies, ``LICENCES.md`` a
table of the licences. Both describe ``requirements/lab.txt`` as it is installed in ``.venv``; tools for tests are not
part of it. A licence of the GPL family ends it with an error, because the wheel is used in closed programs too.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".venv/bin/python"
TOOLS = Path(sys.executable).parent
_PIN = re.compile(r"^([A-Za-z0-9_.-]+)==", re.MULTILINE)


def read_names() -> list[str]:
    """Return the names of the distributions of a lab, normalised as in package indexes (PEP 503)."""
    text = (ROOT / "requirements/lab.txt").read_text(encoding="utf-8")
    return [normalise(name) for name in _PIN.findall(text)]


def read_version() -> str:
    """Return the version of ssosim."""
    found = re.search(
        r'^__version__ = "(.+)"$', (ROOT / "ssosim/__init__.py").read_text(encoding="utf-8"), re.MULTILINE
    )
    return found[1] if found else ""


def normalise(name: str) -> str:
    """Return ``name`` in the one spelling of package indexes (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def select_components(document: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Return the bill of materials of an environment with the components called ``names`` only."""
    kept = [each for each in document["components"] if normalise(each["name"]) in names]
    if absent := set(names) - {normalise(each["name"]) for each in kept}:
        raise SystemExit(f"not installed in .venv: {', '.join(sorted(absent))}; run make setup")
    references = {each["bom-ref"] for each in kept} | {document["metadata"]["component"]["bom-ref"]}
    dependencies = [
        each | {"dependsOn": [to for to in each.get("dependsOn", ()) if to in references]}
        for each in document.get("dependencies", ())
        if each["ref"] in references
    ]
    return document | {"components": kept, "dependencies": dependencies}


def main() -> int:
    """Write both files; returns the exit code."""
    names, dist = read_names(), ROOT / "dist"
    dist.mkdir(exist_ok=True)
    command = [TOOLS / "cyclonedx-py", "environment", PYTHON, "--pyproject", "pyproject.toml", "--output-reproducible"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)  # noqa: S603
    document = select_components(json.loads(done.stdout), names)
    document["metadata"]["component"]["version"] = read_version()
    (dist / "ssosim.cdx.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    options = ["--format=markdown", "--with-urls", f"--output-file={dist / 'LICENCES.md'}"]
    licences = [TOOLS / "pip-licenses", "--python", PYTHON, *options, "--partial-match", "--fail-on=GPL"]
    return subprocess.run([*licences, "--packages", *names], check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())

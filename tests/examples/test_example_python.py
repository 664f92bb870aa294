"""The example for Python is run as its readers would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "python"
_FALLBACK = "except requests.RequestException:"


def _run(folder: Path, home: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly", "-c", os.devnull, "-q"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment |= {"SSOSIM_HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [*command, f"--rootdir={folder}", str(folder)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_example_passes(tmp_path):
    """Silent sign-in and both fallbacks pass."""
    done = _run(EXAMPLE, tmp_path / "home")
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_the_example_notices_a_program_without_fallback(tmp_path):
    """A program that does not ask the user fails both tests of the fallback, and not the other."""
    folder = tmp_path / "example"
    shutil.copytree(EXAMPLE, folder)
    program = folder / "sign_in.py"
    source = program.read_text(encoding="utf-8")
    assert _FALLBACK in source
    program.write_text(source.replace(_FALLBACK, "except ZeroDivisionError:"), encoding="utf-8")
    done = _run(folder, tmp_path / "home")
    assert "2 failed, 1 passed" in done.stdout
    assert "autologon.microsoftazuread-sso.com → NXDOMAIN" in done.stdout

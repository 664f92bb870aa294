"""Install the wheel as users do, into the environment of a foreign project, and try it: part of ``make nightly``.

    python tests/setup/foreign_project.py [--lab] [INTERPRETER ...]

For each interpreter (by default each of Python 3.11 to 3.14 on PATH) it makes a project with an environment of its own,
outside of this checkout; pip resolves the dependencies from the package index. Without extras no compiler may be used:
only wheels are accepted. ``--lab`` then adds the extra ``lab``, and starts a lab. Exit code 1 if anything differs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from building import build_distribution

ROOT = Path(__file__).parents[2]
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
ZONE = """$ORIGIN microsoftazuread-sso.com.
$TTL 300
@ SOA ns1 hostmaster 1 7200 900 1209600 60
@ NS ns1
ns1 A 192.0.2.53
autologon {record}
"""
TEST = """
from ssosim.testing import check_client

def test_client(sso_client):
    assert sso_client.name == "office"
    check_client(sso_client)
"""


class Project:
    """A project in a folder, with an environment made by one interpreter."""

    def __init__(self, folder: Path, interpreter: str) -> None:
        self.folder = folder
        self.failures: list[str] = []
        subprocess.run([interpreter, "-m", "venv", folder / ".venv"], check=True)
        for name, record in (("before", "A 192.0.2.20"), ("after", "CNAME autologon.example.")):
            (folder / name).mkdir()
            (folder / name / "microsoftazuread-sso.com.zone").write_text(ZONE.format(record=record))

    def run(self, command: str, code: int = 0, output: str = "") -> str:
        """Run a command of the environment; a failure is noted if exit code or output differ."""
        program, *words = command.split()
        path = self.folder / ".venv/bin" / program
        kept = {key: os.environ[key] for key in os.environ if key.startswith(("PIP_", "HOME", "LANG", "SSL_"))}
        done = subprocess.run(
            [path, *words],
            cwd=self.folder,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SSOSIM_HOME": str(self.folder / "s")} | kept,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        text = done.stdout + done.stderr
        good = done.returncode == code and output in text and "Traceback" not in text
        print(f"  {'ok' if good else 'FAILED':<7} {command}", flush=True)
        if not good:
            self.failures.append(command)
            print(f"exit code {done.returncode}, expected {code} and {output!r}:\n{text[-3000:]}", flush=True)
        return text


def try_bare(project: Project, wheel: Path) -> None:
    """Install without extras, from wheels only, and try what needs no lab."""
    project.run(f"pip install --quiet --only-binary :all: {wheel} pytest")
    project.run("pip check")
    project.run("ssosim --version", 0, "gssapi not installed")
    project.run("ssosim scenarios", 0, "feb-2025")
    project.run("ssosim dns check --from before --to after", 1, "autologon.microsoftazuread-sso.com")
    project.run("ssosim spn autologon.microsoftazuread-sso.com", 2, 'no lab "default" is up')
    (project.folder / "test_mine.py").write_text(TEST)
    project.run("pytest -q --sso-client office test_mine.py", 0, "1 passed")
    project.run("ssosim up", 3)
    project.run("ssosim doctor", 3, "No module named 'gssapi'")


def try_lab(project: Project, wheel: Path) -> None:
    """Add the extra ``lab``, and start a lab in which a program signs in."""
    os.environ.setdefault("CFLAGS", "-O0")
    project.run(f"pip install --quiet {wheel}[lab]")
    project.run("ssosim doctor")
    project.run("ssosim up --detach", 0, "up, ready in")
    project.run("ssosim spn autologon.microsoftazuread-sso.com", 0, "known")
    url = "https://autologon.microsoftazuread-sso.com/contoso.com/winauth/sso"
    project.run(f"ssosim exec --expect silent -- curl -sS --negotiate -u : {url}", 0)
    project.run("ssosim run feb-2025 --client office", 0, "stalled")
    project.run("ssosim down")


def main() -> int:
    """Try every interpreter; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--lab", action="store_true", help="also install the extra, which is compiled, and start a lab")
    parser.add_argument("interpreters", nargs="*")
    options = parser.parse_args()
    interpreters = options.interpreters or [found for each in VERSIONS if (found := shutil.which(f"python{each}"))]
    failures = []
    with tempfile.TemporaryDirectory(prefix="foreign-") as parent:
        wheel = build_distribution(ROOT, "wheel", Path(parent))
        for number, interpreter in enumerate(interpreters):
            print(interpreter, flush=True)
            folder = Path(parent, str(number))
            folder.mkdir()
            project = Project(folder, interpreter)
            try_bare(project, wheel)
            if options.lab:
                try_lab(project, wheel)
            failures += [f"{interpreter}: {each}" for each in project.failures]
    print("\n".join(failures) or f"{len(interpreters)} interpreters: as expected")
    return 1 if failures or not interpreters else 0


if __name__ == "__main__":
    sys.exit(main())

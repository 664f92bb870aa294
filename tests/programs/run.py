"""Install programs of other people, run each in a lab, and compare what it was answered with the table.

    python -m tests.programs.run [NAME ...]

Exit code 1 if one differs, 2 for an unknown name, 3 if the machine lacks node or npm.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.conftest import Bench
from tests.programs.table import PROGRAMS, Program

__all__ = ["install", "main", "read_seen", "try_program"]

DEVICES = {"managed": "desk-1", "federated": "desk-3"}


def install(programs: list[Program], folder: Path) -> None:
    """Install the packages of ``programs`` below ``folder``: a virtual environment and node_modules."""
    python = [each.package for each in programs if not each.node]
    node = [each.package for each in programs if each.node]
    if python:
        subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
        pip = [str(folder / "venv/bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *python], check=True)
    if node:
        npm = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run([*npm, "--prefix", str(folder), *node], check=True)


def try_program(lab: Bench, program: Program, folder: Path, user: str) -> list[dict[str, Any]]:
    """Run ``program`` on the device of a managed or a federated user; return the events of its trace."""
    file = folder / f"try-{program.name}.{'cjs' if program.node else 'py'}"
    file.write_text(program.code, encoding="utf-8")
    command = ["node" if program.node else str(folder / "venv/bin/python"), str(file)]
    label = f"{program.name}-{user}"
    lab.run("exec", "--device", DEVICES[user], "--as", label, "--", *command, cwd=str(folder))
    lines = lab.run("trace", "--json", "--client", label).stdout.splitlines()
    return [json.loads(line) for line in lines]


def read_seen(events: list[dict[str, Any]]) -> tuple[tuple[tuple[str, str, int], ...], bool]:
    """Return what the table has of a program: the requests with a password, and whether it got an access token."""
    posted = tuple(
        (each["host"], each["path"].rpartition("/")[2].lower(), each["status"])
        for each in events
        if each["event"] == "HttpExchange" and each["auth"] == "password"
    )
    return posted, any(each["event"] == "TokenIssued" and each["kind"] == "access" for each in events)


def main(names: list[str]) -> int:
    """Try the programs with these names, by default all."""
    if unknown := sorted(set(names) - {each.name for each in PROGRAMS}):
        print(f"there is no program {', '.join(unknown)}", file=sys.stderr)
        return 2
    if shutil.which("npm") is None:
        print("npm is missing: apt-get install nodejs npm", file=sys.stderr)
        return 3
    chosen = [each for each in PROGRAMS if not names or each.name in names]
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="ssosim-programs-") as place:
        folder = Path(place)
        install(chosen, folder)
        lab = Bench(folder / "home")
        try:
            started = lab.run("up", "--detach")
            if started.returncode != 0:
                print(started.stderr, file=sys.stderr)
                return 3
            for program in chosen:
                for user in DEVICES:
                    seen = read_seen(try_program(lab, program, folder, user))
                    right = seen == (program.managed if user == "managed" else program.federated)
                    wrong += not right
                    print(f"{program.package} {user}: {'as expected' if right else f'differs: {seen}'}", flush=True)
        finally:
            lab.close()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

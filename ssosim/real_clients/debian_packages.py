"""Unpack Debian packages into a folder of the client, without root and without a change of the machine.

``apt-get`` says which packages are needed besides those that are named, and downloads them; ``dpkg-deb`` unpacks them.
Packages that the machine has already are not unpacked, except those that are named. Scripts of packages are not run.
Source: man apt-get (``--simulate``, ``download``), man dpkg-deb (``--extract``).
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ssosim.lab.base.errors import PrerequisiteError

__all__ = ["FOLDER", "TOOLS", "build_unpack_steps", "list_needed_packages"]

TOOLS: Final = ("apt-get", "dpkg-deb")
"""The programs with which packages are unpacked."""

FOLDER: Final = "debian"
"""The folder in a client's home with the unpacked packages. Its file ``versions`` has name and version of each."""

_NEW = re.compile(r"^Inst (\S+) \(", re.MULTILINE)  # a package to be upgraded has its old version before the bracket
_ASK_LIMIT_S = 120.0


def list_needed_packages(client: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return ``names`` and the packages that they need and that this machine lacks.

    Raises PrerequisiteError if apt-get does not know one of them, or cannot be run. ``client`` is for the message.
    """
    command = ["apt-get", "--simulate", "--no-install-recommends", "-o", "Debug::NoLocking=1", "install", *names]
    try:
        asked = subprocess.run(  # noqa: S603 - names of packages from a manifest, checked there
            command,
            env=os.environ | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ASK_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PrerequisiteError(f"{client} needs Debian packages, and apt-get cannot be run: {error}") from error
    if asked.returncode:
        problem = next((line for line in asked.stderr.splitlines() if line.startswith("E: ")), "E: no reason given")[3:]
        raise PrerequisiteError(
            f"{client} needs the Debian packages {', '.join(names)}, which apt-get cannot get ({problem}); "
            "update its lists with: apt-get update"
        )
    return tuple(dict.fromkeys([*names, *_NEW.findall(asked.stdout)]))


def build_unpack_steps(packages: Sequence[str], folder: Path) -> tuple[tuple[str, ...], ...]:
    """Return the commands, to be run in ``folder``, that download ``packages`` and unpack them there."""
    each = 'for file in ./*.deb; do dpkg-deb --extract "$file" . && rm "$file" || exit; done'
    named = "for file in ./*.deb; do dpkg-deb --show --showformat '${Package} ${Version}\\n' \"$file\" || exit; done"
    return (
        ("mkdir", "-p", str(folder)),
        ("sh", "-c", f'cd "$0" && apt-get download "$@" && {{ {named} ; }} >versions && {each}', str(folder),
         *packages),
    )  # fmt: skip

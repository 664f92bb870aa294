"""Sessions of the stand-ins for Azure PowerShell and azd: a user's home folder on a device, and commands in it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .azure_lab import AzureLab, Ran, home_of

NAME = "azure-powershell-stand-in"
ARM = "management.azure.com"


@dataclass
class Session:
    """A user of the stand-ins on a device. ``folder`` is the home folder, ``variables`` the environment besides.

    ``person`` is the behaviour of the scripted user; ``display`` whether the session has a display, which Az.Accounts
    looks at.
    """

    azure: AzureLab
    folder: Path
    device: str = "desk-1"
    person: str = ""
    display: bool = True
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def bin(self) -> Path:
        """The folder of ``pwsh`` and ``azd``."""
        return home_of(NAME) / "bin"

    def pwsh(self, *statements: str, stop: bool = True, **variables: str) -> Ran:
        """Run statements in a new process; an error ends it, unless ``stop`` is false."""
        first = ("$ErrorActionPreference = 'Stop'",) if stop else ()
        words = ("pwsh", "-NoProfile", "-NonInteractive", "-Command", "; ".join((*first, *statements)))
        return self.run(*words, **variables)

    def azd(self, *words: str, **variables: str) -> Ran:
        """Run a command of azd."""
        return self.run("azd", *words, **variables)

    def tool(self, name: str, *words: str, **variables: str) -> Ran:
        """Run a program of the stand-in's folder with its Python."""
        home = home_of(NAME)
        return self.run(f"{home}/venv/bin/python", f"{home}/{name}", *words, **variables)

    def run(self, *command: str, **variables: str) -> Ran:
        """Run a program in this session, with the stand-ins first on PATH."""
        settings = {"HOME": str(self.folder), "PATH": f"{self.bin}:{os.environ['PATH']}"}
        settings |= self.variables | variables
        self.azure.runs += 1
        label = f"run-{self.azure.runs}"
        words = ["exec", "--device", self.device, "--as", label, "--deadline", "55"]
        words += ["--person", self.person] if self.person else []
        # The lab removes DISPLAY where a scripted user has no browser: a session with a display sets it itself.
        inner = ["env", "DISPLAY=:0"] if self.display else ["env", "-u", "DISPLAY"]
        done = self.azure.bench.run(*words, "--", *inner, *command, env=settings)
        records = [each for each in self.azure.bench.records() if each["client"] == label]
        return Ran(done.returncode, done.stdout, done.stderr, records)


def grants_of(ran: Ran) -> list[str]:
    """Return the grants by which a run got tokens, each once, in order."""
    return list(dict.fromkeys(event["grant"] for event in ran.events("TokenIssued")))


def result_of(ran: Ran) -> dict[str, Any]:
    """Return the last line of output as JSON."""
    return dict(json.loads(ran.output.splitlines()[-1]))

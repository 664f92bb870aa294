"""One lab with every DNS shape, started by the command as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SSOSIM = str(Path(sys.executable).with_name("ssosim"))
SHAPES = Path(__file__).with_name("shapes.toml")


@dataclass(frozen=True)
class ShapesLab:
    """A detached lab on ``shapes.toml``; ``home`` is its state folder."""

    home: Path

    def run(self, *arguments: str, expect: int = 0) -> str:
        """Run ``ssosim``; what it printed, errors included."""
        done = subprocess.run(
            [SSOSIM, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"SSOSIM_HOME": str(self.home)},
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr

    @property
    def krb5_conf(self) -> str:
        """What programs in the lab are told of its realm."""
        return (self.home / "labs" / "default" / "krb5.conf").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def shapes_lab() -> Iterator[ShapesLab]:
    """The lab, for the whole session of this folder."""
    with tempfile.TemporaryDirectory(prefix="spn-") as home:  # short: a Unix socket lives in it
        lab = ShapesLab(Path(home))
        lab.run("up", "--detach", "--estate", str(SHAPES))
        try:
            yield lab
        finally:
            lab.run("down")

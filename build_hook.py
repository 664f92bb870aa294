"""A hook of the build: it puts the commit into wheel and sdist, where ``ssosim --version`` reads it."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CommitHook(BuildHookInterface):
    """Write ``ssosim/COMMIT``, unless the source is an unpacked sdist, which has that file already."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file to what is built; an editable installation reads the commit of its checkout."""
        root = Path(self.root)
        if version == "editable" or (root / "ssosim/COMMIT").exists() or not (root / ".git").exists():
            return
        command = ["git", "-C", self.root, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
        except (OSError, subprocess.CalledProcessError):
            return
        self._folder = tempfile.TemporaryDirectory()
        commit = Path(self._folder.name, "COMMIT")
        commit.write_text(done.stdout, encoding="ascii")
        commit.chmod(0o644)
        build_data["force_include"][str(commit)] = "ssosim/COMMIT"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove the temporary file."""
        if hasattr(self, "_folder"):
            self._folder.cleanup()

"""Which system this is: a lab needs Linux, everything else does not."""

from __future__ import annotations

import sys

from ssosim.lab.base.errors import PrerequisiteError

__all__ = ["has_labs", "require_linux"]


def has_labs() -> bool:
    """Return whether labs can run on this system."""
    return sys.platform == "linux"


def require_linux() -> None:
    """Raise PrerequisiteError on another system: namespaces, mounts and veth pairs are parts of Linux."""
    if not has_labs():
        raise PrerequisiteError(
            f"a lab needs Linux, and this is {sys.platform}: use WSL 2 on Windows, a container or virtual machine on "
            "macOS; 'ssosim dns check', 'ssosim dns plan', client models and reports work here"
        )

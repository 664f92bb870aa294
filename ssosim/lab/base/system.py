"""What this process may use: Linux, which a lab needs and everything else does not; the fast paths of the servers."""

from __future__ import annotations

import sys

from ssosim.fast_paths import FastPathSwitchError, read_switch
from ssosim.lab.base.errors import LabInputError, PrerequisiteError

__all__ = ["check_fast_path_switch", "has_labs", "require_linux"]


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


def check_fast_path_switch() -> None:
    """Raise LabInputError if the environment variable of the fast paths has a wrong value."""
    try:
        read_switch()
    except FastPathSwitchError as error:
        raise LabInputError(str(error)) from error

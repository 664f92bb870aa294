"""What ``ssosim --version`` prints: everything on which a result depends, for reports of bugs."""

from __future__ import annotations

import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

import ssosim

__all__ = ["COMMIT_FILE", "describe_versions", "find_commit"]

COMMIT_FILE = "COMMIT"
"""The file in the package with the commit from which a wheel was built; a build hook writes it (``build_hook.py``)."""

_LIBRARIES = ("aiohttp", "cryptography", "dnspython", "lxml", "msgspec", "signxml", "uvloop")
_PACKAGE = Path(ssosim.__file__).parent
_TIMEOUT_S = 5.0


def describe_versions() -> str:
    """Return one line for ssosim, and one each for the system, MIT Kerberos and the libraries."""
    commit = find_commit()
    libraries = ", ".join(f"{name} {_version_of(name)}" for name in _LIBRARIES)
    return "\n".join(
        (
            f"ssosim {ssosim.__version__} ({f'commit {commit}' if commit else 'commit unknown'})",
            f"  system     {platform.system()} {platform.release()}, Python {platform.python_version()}",
            f"  Kerberos   {_kerberos_version()}, gssapi {_version_of('gssapi')}",
            f"  libraries  {libraries}",
        )
    )


def find_commit() -> str:
    """Return the commit of the checkout or of the wheel, with ``-dirty`` for a changed checkout; ``""`` if unknown.

    A checkout is one only if the package is in its root: a package that is installed below another project's
    checkout has nothing to do with that project's commit.
    """
    root = _PACKAGE.parent
    if (root / ".git").exists():
        return _run("git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
    try:
        return (_PACKAGE / COMMIT_FILE).read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _kerberos_version() -> str:
    """Return the version of MIT Kerberos: of ``klist``, since krb5kdc has no option for it."""
    found = re.search(r"Kerberos 5 version (\S+)", _run("klist", "-V"))
    return f"MIT krb5 {found[1]}" if found else "MIT krb5 not installed"


def _version_of(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"


def _run(*command: str) -> str:
    """Return the output of a command without the spaces around it; ``""`` if it cannot be run, or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()

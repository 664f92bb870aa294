"""What a lab needs of a machine, looked at one by one."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from ssosim.lab.base.errors import LabInputError
from ssosim.lab.base.folder import LabFolder, state_home
from ssosim.lab.process.namespaces import check_namespaces

__all__ = ["Finding", "examine"]

_SBIN = ("/usr/sbin", "/sbin", "/usr/local/sbin")
_MIN_FREE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. ``needed`` False: a lab runs without it, something else does not."""

    name: str
    good: bool
    text: str
    needed: bool = True

    @property
    def mark(self) -> str:
        """``ok``, ``MISSING`` or, for what a lab can do without, ``absent``."""
        return "ok" if self.good else "MISSING" if self.needed else "absent"

    def as_dict(self) -> dict[str, str | bool]:
        """For JSON."""
        return asdict(self)


def examine() -> list[Finding]:
    """Look at everything; takes some milliseconds and changes nothing."""
    checks: list[Callable[[], Finding]] = [
        _python,
        lambda: _program("krb5kdc", "krb5-kdc"),
        lambda: _program("kadmin.local", "krb5-admin-server"),
        lambda: _program("kinit", "krb5-user"),
        lambda: _program("ip", "iproute2"),
        lambda: _program("setpriv", "util-linux"),
        lambda: _program("curl", "curl", needed=False),
        lambda: _program("dig", "bind9-dnsutils", needed=False),
        _gssapi,
        _private_network,
        _state_folder,
    ]
    return [check() for check in checks]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= (3, 11)
    return Finding("python", good, version if good else f"{version}: 3.11 or newer is needed")


def _program(name: str, package: str, *, needed: bool = True) -> Finding:
    path = os.pathsep.join([os.environ.get("PATH", ""), *_SBIN])
    found = shutil.which(name, path=path)
    return Finding(name, found is not None, found or f"sudo apt-get install {package}", needed)


def _gssapi() -> Finding:
    try:
        import gssapi  # noqa: PLC0415 - to see whether it loads
    except (ImportError, OSError) as error:
        return Finding("gssapi", good=False, text=f"{error}: sudo apt-get install libkrb5-3, then make setup")
    return Finding("gssapi", good=True, text=f"python-gssapi {getattr(gssapi, '__version__', '')}".strip())


def _private_network() -> Finding:
    problem = check_namespaces()
    return Finding("private network", problem is None, problem or "namespaces can be made without root")


def _state_folder() -> Finding:
    folder = state_home()
    try:
        LabFolder.of("default")
    except LabInputError as error:
        return Finding("state folder", good=False, text=str(error))
    nearest = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if not os.access(nearest, os.W_OK):
        return Finding("state folder", good=False, text=f"{folder}: not writable; set SSOSIM_HOME to a folder of yours")
    free = shutil.disk_usage(nearest).free
    if free < _MIN_FREE_BYTES:
        return Finding("state folder", good=False, text=f"{Path(nearest)}: only {free >> 20} MiB free")
    return Finding("state folder", good=True, text=str(folder))

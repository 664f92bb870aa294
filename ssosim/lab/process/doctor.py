"""Check the machine for what a lab needs: programs, libraries, kernel features, disk space."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from ssosim.fast_paths import FastPathState
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.base.folder import LabFolder, state_home
from ssosim.lab.process.namespaces import check_namespaces

__all__ = ["MachineCheck", "check_machine"]

_SBIN = ("/usr/sbin", "/sbin", "/usr/local/sbin")
_MIN_FREE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class MachineCheck:
    """The result of one check. ``needed`` False: a lab runs without it, but an example or a test does not."""

    name: str
    good: bool
    text: str
    needed: bool = True

    @property
    def mark(self) -> str:
        """``ok``; ``MISSING``; or ``absent`` for something that a lab does not need."""
        return "ok" if self.good else "MISSING" if self.needed else "absent"

    def as_dict(self) -> dict[str, str | bool]:
        """Return the fields for JSON."""
        return asdict(self)


def check_machine() -> list[MachineCheck]:
    """Run all checks. They take half a second, most of it for imports, and change nothing."""
    checks: list[Callable[[], MachineCheck]] = [
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
        _dns_fast_path,
        _http_fast_path,
    ]
    return [check() for check in checks]


def _python() -> MachineCheck:
    version = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= (3, 11)
    return MachineCheck("python", good, version if good else f"{version}: 3.11 or newer is needed")


def _program(name: str, package: str, *, needed: bool = True) -> MachineCheck:
    path = os.pathsep.join([os.environ.get("PATH", ""), *_SBIN])
    found = shutil.which(name, path=path)
    return MachineCheck(name, found is not None, found or f"sudo apt-get install {package}", needed)


def _gssapi() -> MachineCheck:
    try:
        import gssapi  # noqa: PLC0415 - the check is whether it loads
    except (ImportError, OSError) as error:
        return MachineCheck(
            "gssapi",
            good=False,
            text=f"{error}: sudo apt-get install libkrb5-dev gcc python3-dev, then pip install 'ssosim[lab]'",
        )
    return MachineCheck("gssapi", good=True, text=f"python-gssapi {getattr(gssapi, '__version__', '')}".strip())


def _private_network() -> MachineCheck:
    problem = check_namespaces()
    return MachineCheck("private network", problem is None, problem or "namespaces can be made without root")


def _dns_fast_path() -> MachineCheck:
    from ssosim.dns.server import fast_path  # noqa: PLC0415 - only this check needs dnspython

    return _fast_path(fast_path.state())


def _http_fast_path() -> MachineCheck:
    from ssosim.entra.http import fast_path  # noqa: PLC0415 - only this check needs aiohttp

    return _fast_path(fast_path.state())


def _fast_path(state: FastPathState) -> MachineCheck:
    return MachineCheck(state.part, not state.failed, state.text, needed=False)


def _state_folder() -> MachineCheck:
    folder = state_home()
    try:
        LabFolder.of("default")
    except LabInputError as error:
        return MachineCheck("state folder", good=False, text=str(error))
    nearest = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if not os.access(nearest, os.W_OK):
        return MachineCheck(
            "state folder", good=False, text=f"{folder}: not writable; set SSOSIM_HOME to a folder that you own"
        )
    free = shutil.disk_usage(nearest).free
    if free < _MIN_FREE_BYTES:
        return MachineCheck("state folder", good=False, text=f"{Path(nearest)}: only {free >> 20} MiB free")
    return MachineCheck("state folder", good=True, text=str(folder))

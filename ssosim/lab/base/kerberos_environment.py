"""The environment variables of a patched device, and the names of services for python-gssapi.

libkrb5 reads ``KRB5_CONFIG`` and ``KRB5CCNAME`` from the environment, which belongs to the whole process. So all open
blocks must need the same values: a block that needs others is refused. The variables of HTTP proxies are removed,
because a device of a lab has none.

libkrb5 canonicalises host names in C, by the resolver of the machine. Here this is switched off
(``dns_canonicalize_hostname = false``). Names that python-gssapi imports are canonicalised before, by the DNS of the
lab and by the rule of MIT krb5's defaults (``mit-default``): address look-up, CNAMEs, then PTR.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ssosim.lab.base.errors import LabInputError
from ssosim.lab.base.patches import Patches, Replace
from ssosim.lab.base.socket_policy import current_policy

__all__ = ["enter_environment", "install_names", "leave_environment"]

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "no_proxy")
_LOCK = threading.Lock()


class _Environment:
    """The variables that are set, for whom, how many blocks need them, and the values from before."""

    def __init__(self) -> None:
        self.owner = ""
        self.values: Mapping[str, str] = {}
        self.users = 0
        self.before: dict[str, str | None] = {}


_OPEN = _Environment()


def enter_environment(owner: str, values: Mapping[str, str]) -> None:
    """Set ``values`` and remove proxies, until ``leave_environment``. Raises LabInputError if others are set."""
    with _LOCK:
        if _OPEN.users and _OPEN.values != values:
            raise LabInputError(
                f"the block of {_OPEN.owner!r} is open, and {owner!r} needs another Kerberos environment (KRB5_CONFIG, "
                "KRB5CCNAME), which is one for the whole process: use one block after the other, or two processes"
            )
        if not _OPEN.users:
            proxies = [name for name in os.environ if name.lower() in _PROXIES]
            _OPEN.before = {name: os.environ.get(name) for name in (*values, *proxies)}
            for name in proxies:
                del os.environ[name]
            os.environ.update(values)
            _OPEN.owner, _OPEN.values = owner, dict(values)
        _OPEN.users += 1


def leave_environment() -> None:
    """Undo one ``enter_environment``; the last one restores the variables."""
    with _LOCK:
        _OPEN.users -= 1
        if _OPEN.users:
            return
        for name, value in _OPEN.before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def install_names() -> contextlib.AbstractContextManager[None]:
    """Return a context manager that keeps the replacement in python-gssapi in place."""
    return _PATCHES.installed()


def _patch(replace: Replace) -> None:
    import gssapi.raw  # noqa: PLC0415 - a lab that runs has it

    replace(sys.modules["gssapi.raw.names"], "import_name", _import_name)
    replace(gssapi.raw, "import_name", _import_name)


_PATCHES = Patches(_patch)


def _import_name(original: Callable[..., Any]) -> Callable[..., Any]:
    def import_name(name: bytes, name_type: Any = None) -> Any:
        import gssapi  # noqa: PLC0415 - it is loaded

        canonicalize = getattr(current_policy(), "canonicalize_host", None)
        service, at, host = bytes(name).partition(b"@")
        if canonicalize is not None and at and name_type == gssapi.NameType.hostbased_service:
            name = service + at + canonicalize(host.decode(errors="replace")).encode()
        return original(name, name_type)

    return import_name

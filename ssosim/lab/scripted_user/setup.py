"""Set up the scripted user of a device: its browser, where programs look for one, and its profile."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

from ssosim.estate import Estate, User
from ssosim.estate.second_factors import derive_totp_secret
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.scripted_user import BEHAVIOURS

__all__ = ["check_behaviour", "list_password_hosts", "set_up_user"]

_PROGRAM = Path(__file__).with_name("__main__.py")
# What Debian's sensible-browser, Go's pkg/browser, Python's webbrowser and Node's open try, in their orders.
_NAMES = ("xdg-open", "x-www-browser", "www-browser", "sensible-browser")
_FAILING = "#!/bin/sh\necho \"${0##*/}: no method available for opening '$1'\" >&2\nexit 3\n"  # the text of xdg-open


def check_behaviour(name: str | None) -> str:
    """Return ``name``, or the default behaviour for None. Raises LabInputError for an unknown one."""
    if name is not None and name not in BEHAVIOURS:
        raise LabInputError(f"person {name!r}: use one of {', '.join(BEHAVIOURS)}")
    return name or BEHAVIOURS[0]


def list_password_hosts(estate: Estate, user: User) -> tuple[str, ...]:
    """Return the only hosts at whose page ``user`` types the password; empty: any.

    A federated user types it at the own federation service; with several clouds, a user types it at the own cloud.
    """
    found = estate.domain(user.upn.rpartition("@")[2])
    service = estate.federation_service(found[1].federation or "") if found else None
    if service is not None:
        return (service.host,)
    return estate.cloud_of_user(user.upn).login_hosts if estate.clouds else ()


def set_up_user(
    home: Path, user: User, behaviour: str, *, ca: Path, login_host: str, password_hosts: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Write the files of the scripted user of a device into ``home``; return the settings of its programs.

    ``password_hosts``: see ``list_password_hosts``.

    Keys of the result: ``environment``: variables to set; ``unset``: variables to remove; ``path``: a folder to put
    first on PATH; ``person``: the command that starts the scripted user for a device code (empty: no response).
    """
    profile = {
        "upn": user.upn,
        "password": user.password,
        "totp_secret": derive_totp_secret(user),
        "behaviour": behaviour,
        "ca": str(ca),
        "password_hosts": password_hosts,
        "device_page": f"https://{login_host}/common/oauth2/deviceauth",
        "log": str(home / "person.log"),
        "last_page": str(home / "last-page.json"),
    }
    file = home / "person.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(profile), encoding="utf-8")
    folder = home / "bin"
    folder.mkdir()
    command = shlex.join([sys.executable, "-I", "-S", str(_PROGRAM), "--profile", str(file)])
    script = f'#!/bin/sh\nexec {command} --background "$@"\n'
    for name in _NAMES if behaviour != "no-browser" else ():
        _write(folder / name, _FAILING if behaviour == "browser-fails" else script)
    environment = {"SSOSIM_PERSON": str(file)}
    unset: list[str] = []
    if behaviour in ("no-browser", "browser-fails"):
        unset = ["BROWSER", "DISPLAY", "WAYLAND_DISPLAY"]
    else:
        environment["BROWSER"] = str(folder / "xdg-open")
    person = [] if behaviour == "walks-away" else [sys.executable, "-I", "-S", str(_PROGRAM), "--profile", str(file)]
    return {
        "environment": environment,
        "unset": unset,
        "path": "" if behaviour == "no-browser" else str(folder),
        "person": person,
    }


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    file.chmod(0o700)

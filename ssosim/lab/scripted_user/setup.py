"""Put a person before a device: a browser where programs look for one, and who the person is."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

from ssosim.estate import Estate, User
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.scripted_user import BEHAVIOURS

__all__ = ["furnish", "known_behaviour", "own_page_of"]

_PROGRAM = Path(__file__).with_name("__main__.py")
# What Debian's sensible-browser, Go's pkg/browser, Python's webbrowser and Node's open try, in their orders.
_NAMES = ("xdg-open", "x-www-browser", "www-browser", "sensible-browser")
_NO_BROWSER = "#!/bin/sh\necho \"${0##*/}: no method available for opening '$1'\" >&2\nexit 3\n"  # xdg-open's own words


def known_behaviour(name: str | None) -> str:
    """The behaviour called ``name``, by default the first; raises LabInputError for one that is none."""
    if name is not None and name not in BEHAVIOURS:
        raise LabInputError(f"person {name!r}: use one of {', '.join(BEHAVIOURS)}")
    return name or BEHAVIOURS[0]


def own_page_of(estate: Estate, user: User) -> str:
    """The host where a federated user types their password; ``""`` for a managed one."""
    found = estate.domain(user.upn.rpartition("@")[2])
    service = estate.federation_service(found[1].federation or "") if found else None
    return service.host if service else ""


def furnish(home: Path, user: User, behaviour: str, *, ca: Path, login_host: str, own_page: str = "") -> dict[str, Any]:
    """Furnish the device whose files are in ``home``; what its programs' environment needs.

    ``own_page`` is the host of a federated user's own service: the password is typed there and nowhere else.

    Keys of the result: ``environment`` to set, ``unset`` to remove, ``path`` to put before PATH,
    ``person`` the command that starts the person on a device code (none: nobody looks).
    """
    who = {
        "upn": user.upn,
        "password": user.password,
        "behaviour": behaviour,
        "ca": str(ca),
        "own_page": own_page,
        "device_page": f"https://{login_host}/common/oauth2/deviceauth",
        "log": str(home / "person.log"),
    }
    file = home / "person.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(who), encoding="utf-8")
    folder = home / "bin"
    folder.mkdir()
    command = shlex.join([sys.executable, "-I", "-S", str(_PROGRAM), "--who", str(file)])
    script = f'#!/bin/sh\nexec {command} --background "$@"\n'
    for name in _NAMES:
        _write(folder / name, _NO_BROWSER if behaviour == "no-browser" else script)
    environment = {"SSOSIM_PERSON": str(file)}
    unset: list[str] = []
    if behaviour == "no-browser":
        unset = ["BROWSER", "DISPLAY", "WAYLAND_DISPLAY"]
    else:
        environment["BROWSER"] = str(folder / "xdg-open")
    person = [] if behaviour == "walks-away" else [sys.executable, "-I", "-S", str(_PROGRAM), "--who", str(file)]
    return {"environment": environment, "unset": unset, "path": str(folder), "person": person}


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    file.chmod(0o700)

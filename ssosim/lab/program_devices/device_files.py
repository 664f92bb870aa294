"""What a program's device sees in the place of the machine's files: seen in its own mount namespace only."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ssosim.lab.base import linux
from ssosim.lab.base.errors import LabInputError, MachineLacksError

__all__ = ["lay_files", "lay_shared_memory", "nss_places", "readable_folder"]


def readable_folder(text: str, option: str = "--etc") -> Path:
    """``text`` as an absolute path; raises LabInputError that names ``option`` when it is no folder to read."""
    folder = Path(text).absolute()
    if not folder.is_dir():
        raise LabInputError(f"{option} {text}: there is no such folder; its files are to appear in the device's /etc")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise LabInputError(f"{option} {text}: this folder cannot be read")
    if Path("/etc").is_relative_to(folder.resolve()):
        raise LabInputError(f"{option} {text}: that is /etc itself; give a folder of yours with the files that differ")
    return folder


def lay_files(home: Path, plugged: Mapping[str, Any], etc: str | None) -> None:
    """Lay all that ``plugged``, the lab's answer, and ``etc``, a folder of the user's, give this device of its own.

    ``home`` holds the device's files. Raises OSError, and MachineLacksError for what cannot be provided.
    """
    if plugged["etc_files"]:
        _bind_present(Path(plugged["etc_files"]))
    if etc is not None:
        _lay_etc(Path(etc), plugged["etc_layers"], home / "etc")
    elif plugged["etc"]:
        linux.mount(plugged["etc"], "/etc", flags=linux.MS_BIND)
    if plugged["resolv_conf"] and not (etc and Path(etc, "resolv.conf").exists()):
        own = home / "resolv.conf"
        own.write_text(plugged["resolv_conf"], encoding="ascii")
        linux.mount(str(own), "/etc/resolv.conf", flags=linux.MS_BIND)
    if plugged["nss_database"]:
        _lay_nss_database(Path(plugged["nss_database"]), home)


def _lay_etc(own: Path, below: Sequence[str], scratch: Path) -> None:
    """Let the files of folder ``own`` appear in ``/etc``.

    ``below`` is what the device's own ``/etc`` lies over the machine's, as ``EtcOfDevices`` says; empty where overlays
    are refused: then files that are there already are bound over. ``scratch`` is a folder to make and build in. Raises
    OSError, and MachineLacksError for a file that cannot be provided.
    """
    if not below:
        _bind_each(own, scratch)
        return
    linux.detach("/etc")  # an overlay over the lab's would be one too many in a container, whose root is one as well
    linux.overlay("/etc", [own, *below, "/etc"], scratch)


def _bind_present(files: Path) -> None:
    """Bind each of the device's ``files`` over the one of the machine, where there is one."""
    for source in (path for path in files.rglob("*") if path.is_file()):
        with contextlib.suppress(OSError):
            linux.mount(str(source), Path("/etc", source.relative_to(files)).resolve(strict=True), flags=linux.MS_BIND)


def lay_shared_memory(*used: Path) -> None:
    """Give the program a ``/dev/shm`` of its own (POSIX shared memory and semaphores: shm_overview(7)).

    Left as it is where that cannot be, or where one of the folders ``used`` is in it.
    """
    place = Path("/dev/shm")  # noqa: S108 - not a file of ours
    if place.is_dir() and not any(folder.is_relative_to(place) for folder in used):
        with contextlib.suppress(OSError):
            linux.mount("tmpfs", place, "tmpfs", options="mode=1777")


def _bind_each(own: Path, scratch: Path) -> None:
    for source in sorted(path for path in own.rglob("*") if path.is_file()):
        name = source.relative_to(own)
        copy = scratch / name  # a program that writes there must not write into the user's folder
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        copy.write_bytes(source.read_bytes())
        copy.chmod(source.stat().st_mode & 0o777)
        try:
            linux.mount(str(copy), Path("/etc", name).resolve(strict=True), flags=linux.MS_BIND)
        except FileNotFoundError as error:
            raise MachineLacksError(
                f"--etc {own}: this machine refuses overlays, so that /etc/{name}, which it has not, cannot be added"
            ) from error


def nss_places() -> Iterator[Path]:
    """The user's NSS databases that there are. Chromium takes the second where the first is not there."""
    home = Path(os.environ.get("HOME") or "/nonexistent")
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    for place in (home / ".pki" / "nssdb", data / "pki" / "nssdb"):
        if place.is_dir():
            yield place


def _lay_nss_database(database: Path, scratch: Path) -> None:
    """Let the lab's NSS database stand in for the user's, which stay as they are; raises OSError."""
    import shutil  # noqa: PLC0415 - costly, and few programs need it

    for number, place in enumerate(nss_places()):
        own = scratch / f"nssdb-{number}"
        shutil.copytree(database, own)
        linux.mount(str(own), place, flags=linux.MS_BIND)

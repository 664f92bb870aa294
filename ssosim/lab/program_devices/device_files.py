"""Replace files of the machine on a program's device, in the device's mount namespace only."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ssosim.lab.base import linux
from ssosim.lab.base.errors import LabInputError, PrerequisiteError

_FIREFOX_POLICIES = "firefox/policies/policies.json"  # as in ssosim.lab.trust.browsers, which is slow to import

__all__ = ["find_nss_databases", "lay_shared_memory", "resolve_readable_folder", "write_device_files"]


def resolve_readable_folder(text: str, option: str = "--etc") -> Path:
    """Return ``text`` as an absolute path. Raises LabInputError with ``option`` if it is not a readable folder."""
    folder = Path(text).absolute()
    if not folder.is_dir():
        raise LabInputError(
            f"{option} {text}: no such folder; give a folder whose files replace those of /etc on the device"
        )
    if not os.access(folder, os.R_OK | os.X_OK):
        raise LabInputError(f"{option} {text}: this folder cannot be read; change its permissions or give another one")
    if Path("/etc").is_relative_to(folder.resolve()):
        raise LabInputError(
            f"{option} {text}: this is /etc itself; give another folder with only the files that differ"
        )
    _merge_policies(folder, "{}", option)
    return folder


def write_device_files(home: Path, attachment: Mapping[str, Any], etc: str | None) -> None:
    """Write and mount the files that this device has in place of the lab's.

    ``attachment``: the lab's response to the device request. ``etc``: a folder of the user whose files replace those of
    ``/etc``; Firefox's policies are merged with the lab's, which have its CA. ``home``: the folder for the device's
    files. Raises OSError, LabInputError for policies that cannot be merged, and PrerequisiteError for a file that
    cannot be provided.
    """
    if attachment["etc_files"]:
        _bind_present(Path(attachment["etc_files"]))
    if etc is not None:
        _mount_etc(Path(etc), attachment["etc_layers"], home / "etc")
    elif attachment["etc"]:
        linux.mount(attachment["etc"], "/etc", flags=linux.MS_BIND)
    if attachment["resolv_conf"] and not (etc and Path(etc, "resolv.conf").exists()):
        own = home / "resolv.conf"
        own.write_text(attachment["resolv_conf"], encoding="ascii")
        linux.mount(str(own), "/etc/resolv.conf", flags=linux.MS_BIND)
    if attachment.get("krb5_conf") and not (etc and Path(etc, "krb5.conf").exists()):
        linux.mount(attachment["krb5_conf"], "/etc/krb5.conf", flags=linux.MS_BIND)
    for number, (place, source) in enumerate(attachment.get("mounts", {}).items()):
        _mount_folder(Path(source), Path(place), home / f"mount-{number}")
    if attachment["nss_database"]:
        _mount_nss_database(Path(attachment["nss_database"]), home)


def _mount_etc(own: Path, below: Sequence[str], scratch: Path) -> None:
    """Mount the files of folder ``own`` over ``/etc``.

    ``below`` is what the device's own ``/etc`` lies over the machine's, as ``EtcOfDevices`` says; empty where overlays
    are refused: then files that are there already are bound over. ``scratch`` is a folder to make and build in. Raises
    OSError, and PrerequisiteError for a file that cannot be provided.
    """
    merged = _read_merged_policies(own)
    if not below:
        _bind_each_file(own, scratch, merged)
        return
    layers: list[str | Path] = [own, *below, "/etc"]
    if merged:
        layer = scratch.with_name(f"{scratch.name}-merged")
        for name, text in merged.items():
            (layer / name).parent.mkdir(mode=0o755, parents=True)
            (layer / name).write_text(text, encoding="utf-8")
        layers.insert(0, layer)
    linux.detach_mount("/etc")  # the kernel limits the depth of overlays, and a container's root is one already
    linux.mount_overlay("/etc", layers, scratch)


def _read_merged_policies(own: Path) -> dict[str, str]:
    """Return the files of ``own`` that are merged with the lab's of the same name, which ``/etc`` has now."""
    try:
        lab = Path("/etc", _FIREFOX_POLICIES).read_text("utf-8")
    except OSError:
        return {}
    return _merge_policies(own, lab, "--etc")


def _merge_policies(own: Path, lab: str, option: str) -> dict[str, str]:
    """Return Firefox's policies of ``own``, by name, with those of ``lab``; empty if ``own`` has none.

    Raises LabInputError with ``option`` if they cannot be read.
    """
    file = own / _FIREFOX_POLICIES
    if not file.is_file():
        return {}
    from ssosim.lab.trust.browsers import merge_firefox_policies  # noqa: PLC0415 - few folders have policies

    try:
        return {_FIREFOX_POLICIES: merge_firefox_policies(file.read_text("utf-8"), lab)}
    except (OSError, ValueError, RecursionError) as error:
        raise LabInputError(
            f"{option}: {file}: {getattr(error, 'strerror', None) or error}; these policies are merged with the lab's, "
            'so this must be a file of Firefox\'s policies: {"policies": {...}}'
        ) from error


def _mount_folder(source: Path, place: Path, scratch: Path) -> None:
    """Mount the folder ``source`` at ``place``, which the machine need not have: then a folder above it is overlaid.

    Raises OSError, and PrerequisiteError where the machine refuses overlays.
    """
    if not place.is_dir():
        above = next(each for each in place.parents if each.is_dir())
        layer = scratch / "layer"
        (layer / place.relative_to(above)).mkdir(parents=True)
        try:
            linux.mount_overlay(above.resolve(), [layer, above.resolve()], scratch / "upper")
        except OSError as error:
            raise PrerequisiteError(
                f"{place}: this machine refuses overlays, so this folder, which does not exist, cannot be added"
            ) from error
    linux.mount(str(source), place, flags=linux.MS_BIND)


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


def _bind_each_file(own: Path, scratch: Path, merged: Mapping[str, str]) -> None:
    for source in sorted(path for path in own.rglob("*") if path.is_file()):
        name = source.relative_to(own)
        copy = scratch / name  # a program must not change the user's folder
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        copy.write_bytes(merged[str(name)].encode() if str(name) in merged else source.read_bytes())
        copy.chmod(source.stat().st_mode & 0o777)
        try:
            linux.mount(str(copy), Path("/etc", name).resolve(strict=True), flags=linux.MS_BIND)
        except FileNotFoundError as error:
            raise PrerequisiteError(
                f"--etc {own}: this machine refuses overlays, so /etc/{name}, which does not exist, cannot be added"
            ) from error


def find_nss_databases() -> Iterator[Path]:
    """Yield the user's existing NSS databases. Chromium uses the second where the first does not exist."""
    home = Path(os.environ.get("HOME") or "/nonexistent")
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    for database in (home / ".pki" / "nssdb", data / "pki" / "nssdb"):
        if database.is_dir():
            yield database


def _mount_nss_database(database: Path, scratch: Path) -> None:
    """Mount a copy of the lab's NSS database over each of the user's, which do not change. Raises OSError."""
    import shutil  # noqa: PLC0415 - slow to import, and few programs need it

    for number, original in enumerate(find_nss_databases()):
        own = scratch / f"nssdb-{number}"
        shutil.copytree(database, own)
        linux.mount(str(own), original, flags=linux.MS_BIND)

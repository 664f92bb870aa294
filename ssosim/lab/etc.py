"""The lab's own /etc: name resolution, Kerberos and trust of a corporate device, for every program unchanged.

An overlay over the machine's /etc, so that files that do not exist there (a machine without /etc/krb5.conf) can be
added and whatever a program writes stays in the lab. Where overlays are refused, single files are bound over those
that exist, and the environment of ``exec`` names the rest.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from ssosim.lab import linux

__all__ = ["overlay_etc"]


def overlay_etc(files: Mapping[str, str], scratch: Path) -> list[str]:
    """Let ``/etc/NAME`` hold TEXT for each item of ``files``, in this mount namespace only.

    ``scratch`` is an empty folder to build in. Returns the names that could not be provided.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    linux.mount("tmpfs", scratch, "tmpfs", options="mode=755,size=16m")
    upper, work = scratch / "upper", scratch / "work"
    work.mkdir()
    for name, text in files.items():
        target = upper / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        _copy_folder_modes(upper, target)
    _hide("/run/nscd")  # a caching daemon of the machine would answer in the place of the lab's DNS
    missing = [] if _overlay(upper, work) else [name for name in files if not _bind(upper / name, Path("/etc") / name)]
    linux.detach(scratch)  # what is mounted from it keeps it alive, unseen
    return missing


def _overlay(upper: Path, work: Path) -> bool:
    for extra in (",userxattr", ""):  # within a user namespace, with and without extended attributes on tmpfs
        with contextlib.suppress(OSError):
            linux.mount("overlay", "/etc", "overlay", options=f"lowerdir=/etc,upperdir={upper},workdir={work}{extra}")
            return True
    return False


def _copy_folder_modes(upper: Path, target: Path) -> None:
    for folder in target.relative_to(upper).parents:
        real = Path("/etc") / folder
        if real.is_dir():
            shutil.copymode(real, upper / folder)


def _bind(source: Path, target: Path) -> bool:
    try:
        linux.mount(str(source), target.resolve(strict=True), flags=linux.MS_BIND)
    except OSError:
        return False
    return True


def _hide(folder: str) -> None:
    if Path(folder).is_dir():
        with contextlib.suppress(OSError):
            linux.mount("tmpfs", folder, "tmpfs", options="mode=755,size=4k")

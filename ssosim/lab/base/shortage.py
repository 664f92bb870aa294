"""What the machine is short of when a call fails: space or inodes of a file system, or file descriptors.

Programs of Kerberos report a full disk by the call that failed ("End of key table reached"). So the free space of the
folders is looked at after each failure, not only after ENOSPC.
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from ssosim.files.opening import printable_path

__all__ = ["NEEDED_DESCRIPTORS", "NEEDED_OCTETS", "explain_os_error", "find_full_disk", "is_shortage"]

NEEDED_OCTETS = 2 * 2**20
"""Free space that a lab needs in the state folder and in the cache, octets. Measured: 0.9 to 1.5 MiB."""

NEEDED_DESCRIPTORS = 64
"""File descriptors that a lab needs to start. Measured: 30 to 60."""

_DISK = frozenset({errno.ENOSPC, errno.EDQUOT})
_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE})


def is_shortage(error: OSError) -> bool:
    """Return whether the machine is short of space or file descriptors."""
    return error.errno in _DISK | _DESCRIPTORS


def find_full_disk(*folders: Path, needed: int = NEEDED_OCTETS) -> str:
    """Return a text that names the first of ``folders`` whose disk has less than ``needed`` octets free, or no inode.

    The result is ``""`` if all have room.
    """
    for folder in folders:
        with contextlib.suppress(OSError):
            space = os.statvfs(_find_existing(folder))
            free = space.f_bavail * space.f_frsize
            if free < needed:
                return _disk_text(folder, f"{free // 1024} KiB free, a lab needs {NEEDED_OCTETS // 2**20} MiB")
            if space.f_files and not space.f_favail:
                return _disk_text(folder, "no inode is free")
    return ""


def explain_os_error(error: OSError, *folders: Path) -> str:
    """Return what the machine is short of, where, and what to do; ``""`` for an error of another kind.

    ``folders``: where the failed call may have written, if the error names no file. Without both, a full disk is not
    explained, since it is not known which.
    """
    if error.errno in _DISK:
        named = [Path(os.fsdecode(error.filename))] if isinstance(error.filename, str | bytes) else []
        where = [*named, *folders]
        reason = os.strerror(error.errno or errno.ENOSPC).lower()
        return (find_full_disk(*where) or _disk_text(where[0], reason)) if where else ""
    if error.errno == errno.EMFILE:
        import resource  # noqa: PLC0415 - Windows has none

        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        advice = f"raise it (ulimit -n {max(1024, NEEDED_DESCRIPTORS)})"
        return f"too many open files: the limit is {limit}, a lab needs at least {NEEDED_DESCRIPTORS}; {advice}"
    if error.errno == errno.ENFILE:
        return "too many open files on the whole machine; raise the limit (sysctl fs.file-max)"
    return ""


def _disk_text(folder: Path, reason: str) -> str:
    return f"{printable_path(folder)}: the disk is full ({reason}); free some space, or set SSOSIM_HOME to another disk"


def _find_existing(path: Path) -> Path:
    """Return the path, or the nearest parent that exists."""
    while not path.exists() and path.parent != path:
        path = path.parent
    return path

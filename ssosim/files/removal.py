"""Remove what is in a folder, and nothing that a link or a mount in it leads to.

Every step is relative to a descriptor of a folder that is open already (openat(2), unlinkat(2)), and no open follows a
link: a folder that is exchanged for a link meanwhile is not entered. Two descriptors are enough for a tree of any
depth. ``shutil.rmtree`` needs one descriptor and one call of itself for each level, and enters mounts.

Sources: openat(2), unlinkat(2), proc(5) for ``mnt_id``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Collection
from typing import NamedTuple

__all__ = ["empty_folder", "remove_entry"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NO_FOLDER = (errno.ENOTDIR, errno.ELOOP)


class _Level(NamedTuple):
    """A folder on the way down: its device and inode, and the names of its folders that are still to be removed."""

    identity: tuple[int, int]
    pending: list[str]


class _MountPointError(OSError):
    """Something is mounted there, so that the content is not the folder's."""


def empty_folder(folder: int, keep: Collection[str] = ()) -> list[str]:
    """Remove all that is in ``folder``, an open descriptor, but the entries whose names are in ``keep``.

    Returns what could not be removed, each with the reason; mounts are left alone. Raises OSError when ``folder``
    itself cannot be read.
    """
    left: list[str] = []
    mount = _mount_of(folder)
    here = os.open(".", _FOLDER, dir_fd=folder)
    way: list[str] = []
    try:
        levels = [_Level(_identity(here), _remove_files(here, way, left, keep))]
        while levels[-1].pending or way:
            if levels[-1].pending:
                name = levels[-1].pending.pop()
                try:
                    below = _entered(here, name, mount)
                except OSError as error:
                    _without_folder(error, here, [*way, name], left)
                    continue
                os.close(here)
                here = below
                way.append(name)
                levels.append(_Level(_identity(here), _listed(here, way, left)))
                continue
            above = os.open("..", _FOLDER, dir_fd=here)
            os.close(here)
            here = above
            levels.pop()
            if _identity(here) != levels[-1].identity:
                left.append(f"{'/'.join(way)}: was moved elsewhere meanwhile")
                return left
            name = way.pop()
            _attempt(lambda: os.rmdir(name, dir_fd=here), [*way, name], left)  # noqa: B023 - runs now
    finally:
        os.close(here)
    return left


def remove_entry(folder: int, name: str, keep: Collection[str] = ()) -> list[str]:
    """Remove the entry ``name`` of ``folder``, an open descriptor: a folder with all that is in it, a file, a link.

    Where names are in ``keep``, the folder and these entries stay. Returns what could not be removed, with the reason.
    """
    left: list[str] = []
    try:
        below = _entered(folder, name, _mount_of(folder))
    except OSError as error:
        _without_folder(error, folder, [name], left)
        return left
    try:
        left += [f"{name}/{each}" for each in empty_folder(below, keep)]
    finally:
        os.close(below)
    if not keep and not left:
        _attempt(lambda: os.rmdir(name, dir_fd=folder), [name], left)
    return left


def _without_folder(error: OSError, folder: int, way: list[str], left: list[str]) -> None:
    """Deal with the last name of ``way`` in ``folder``, which could not be entered because of ``error``."""
    if error.errno in _NO_FOLDER:  # a file, or a folder that was exchanged for a link: the link goes, not its target
        _attempt(lambda: os.unlink(way[-1], dir_fd=folder), way, left)
    elif error.errno != errno.ENOENT:
        left.append(f"{'/'.join(way)}: {error.strerror}")


def _listed(folder: int, way: list[str], left: list[str]) -> list[str]:
    try:
        return _remove_files(folder, way, left, ())
    except OSError as error:
        left.append(f"{'/'.join(way)}: {error.strerror}")
        return []


def _remove_files(folder: int, way: list[str], left: list[str], keep: Collection[str]) -> list[str]:
    """Remove all but folders; the names of the folders."""
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries if entry.name not in keep]
    for name, is_folder in found:
        if not is_folder:
            _attempt(lambda: os.unlink(name, dir_fd=folder), [*way, name], left)  # noqa: B023 - runs now
    return [name for name, is_folder in found if is_folder]


def _attempt(removal: Callable[[], None], way: list[str], left: list[str]) -> None:
    try:
        removal()
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno != errno.ENOTEMPTY or not left:  # what is in it has been told
            left.append(f"{'/'.join(way)}: {error.strerror}")


def _entered(folder: int, name: str, mount: str) -> int:
    """A descriptor of the folder ``name``, which its owner can list and change; raises OSError, and for a mount too."""
    handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        if _mount_of(handle) != mount:
            raise _MountPointError(errno.EXDEV, "something is mounted there; unmount it")
        itself = f"/proc/self/fd/{handle}"
        if os.fstat(handle).st_mode & stat.S_IRWXU != stat.S_IRWXU:
            with contextlib.suppress(OSError):
                os.chmod(itself, stat.S_IRWXU)  # noqa: PTH101 - a descriptor
        return os.open(".", _FOLDER, dir_fd=handle)
    finally:
        os.close(handle)


def _identity(folder: int) -> tuple[int, int]:
    status = os.fstat(folder)
    return status.st_dev, status.st_ino


def _mount_of(folder: int) -> str:
    """Names the mount that ``folder`` is on. A bind mount has the device number of what is mounted, but a mount id."""
    device = str(os.fstat(folder).st_dev)
    with contextlib.suppress(OSError), open(f"/proc/self/fdinfo/{folder}", encoding="ascii") as lines:  # noqa: PTH123
        device += "".join(line for line in lines if line.startswith("mnt_id:"))
    return device

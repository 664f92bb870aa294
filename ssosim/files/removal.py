"""Remove the content of a folder, and nothing that a link or a mount in it leads to.

Every step is relative to the descriptor of a folder that is open already (openat(2), unlinkat(2)), and no open follows
a link: if somebody replaces a folder by a link meanwhile, the link is not followed. Two descriptors are enough for a
tree of any depth. ``shutil.rmtree`` needs one descriptor and one recursive call for each level, and it enters mounts.

Sources: openat(2), unlinkat(2), proc(5) for ``mnt_id``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Collection
from typing import NamedTuple

from ssosim.files.opening import FOLDER

__all__ = ["empty_folder", "remove_entry"]

_NO_FOLDER = (errno.ENOTDIR, errno.ELOOP)


class _Level(NamedTuple):
    """A folder on the way down: its device and inode, and the names of its folders that are still to be removed."""

    identity: tuple[int, int]
    pending: list[str]


class _MountPointError(OSError):
    """Something is mounted at the folder, so the content does not belong to it."""


def empty_folder(folder: int, keep: Collection[str] = ()) -> list[str]:
    """Remove all entries of ``folder``, an open descriptor, except those whose names are in ``keep``.

    Returns what could not be removed, each with the reason. Mounts are not changed. Raises OSError if ``folder`` itself
    cannot be read.
    """
    left: list[str] = []
    mount = _mount_of(folder)
    here = os.open(".", FOLDER, dir_fd=folder)
    way: list[str] = []
    try:
        levels = [_Level(_identity(here), _remove_files(here, way, left, keep))]
        while levels[-1].pending or way:
            if levels[-1].pending:
                name = levels[-1].pending.pop()
                try:
                    below = _open_subfolder(here, name, mount)
                except OSError as error:
                    _remove_non_folder(error, here, [*way, name], left)
                    continue
                os.close(here)
                here = below
                way.append(name)
                levels.append(_Level(_identity(here), _remove_files_or_report(here, way, left)))
                continue
            above = os.open("..", FOLDER, dir_fd=here)
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
    """Remove the entry ``name`` of ``folder``, an open descriptor: a folder with its content, a file, or a link.

    If ``keep`` has names, the folder stays with its entries of these names. Returns what could not be removed, each
    with the reason.
    """
    left: list[str] = []
    try:
        below = _open_subfolder(folder, name, _mount_of(folder))
    except OSError as error:
        _remove_non_folder(error, folder, [name], left)
        return left
    try:
        left += [f"{name}/{each}" for each in empty_folder(below, keep)]
    finally:
        os.close(below)
    if not keep and not left:
        _attempt(lambda: os.rmdir(name, dir_fd=folder), [name], left)
    return left


def _remove_non_folder(error: OSError, folder: int, way: list[str], left: list[str]) -> None:
    """Remove the last name of ``way`` in ``folder``, which could not be opened as a folder because of ``error``."""
    if error.errno in _NO_FOLDER:  # a file, or a link that has replaced a folder: the link is removed, not its target
        _attempt(lambda: os.unlink(way[-1], dir_fd=folder), way, left)
    elif error.errno != errno.ENOENT:
        left.append(f"{'/'.join(way)}: {error.strerror}")


def _remove_files_or_report(folder: int, way: list[str], left: list[str]) -> list[str]:
    try:
        return _remove_files(folder, way, left, ())
    except OSError as error:
        left.append(f"{'/'.join(way)}: {error.strerror}")
        return []


def _remove_files(folder: int, way: list[str], left: list[str], keep: Collection[str]) -> list[str]:
    """Remove all entries but folders and those in ``keep``; returns the names of the folders."""
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
        if error.errno != errno.ENOTEMPTY or not left:  # the entries that are left in it are in ``left``
            left.append(f"{'/'.join(way)}: {error.strerror}")


def _open_subfolder(folder: int, name: str, mount: str) -> int:
    """Open the folder ``name`` and give its owner all rights to it; raises OSError, for a mount as well."""
    handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        if _mount_of(handle) != mount:
            raise _MountPointError(errno.EXDEV, "something is mounted there; unmount it")
        itself = f"/proc/self/fd/{handle}"
        if os.fstat(handle).st_mode & stat.S_IRWXU != stat.S_IRWXU:
            with contextlib.suppress(OSError):
                os.chmod(itself, stat.S_IRWXU)  # noqa: PTH101 - a descriptor
        return os.open(".", FOLDER, dir_fd=handle)
    finally:
        os.close(handle)


def _identity(folder: int) -> tuple[int, int]:
    status = os.fstat(folder)
    return status.st_dev, status.st_ino


def _mount_of(folder: int) -> str:
    """Return a text that identifies the mount of ``folder``.

    The device number alone is not enough: a bind mount has the number of its source, but its own mount id.
    """
    device = str(os.fstat(folder).st_dev)
    with contextlib.suppress(OSError), open(f"/proc/self/fdinfo/{folder}", encoding="ascii") as lines:  # noqa: PTH123
        device += "".join(line for line in lines if line.startswith("mnt_id:"))
    return device

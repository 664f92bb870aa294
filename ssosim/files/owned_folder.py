"""Folders of ours: make them private, tell them from other people's, remove only what was made here.

A folder is ours when it is a real folder and no link, belongs to the user, and has a *mark*: a file with a line that
says what it was made for. Nothing else is ever emptied or removed. An empty folder of the user's is accepted and
marked: there is nothing in it that could be lost, and a program that is killed between making a folder and marking it
leaves one as well.

Checks and the use that follows are made on one descriptor, so that nobody can exchange the folder in between.
Sources: openat(2), proc(5).
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ssosim.files.opening import FolderRefusedError, command_hint, open_own, open_to_others, opened, or_hint, shown
from ssosim.files.removal import empty_folder

__all__ = [
    "MARK_FILE",
    "MadeFolder",
    "Mark",
    "check_mark",
    "claim_folder",
    "folder_or_new",
    "make_private",
    "marked",
    "remove_marked",
    "temporary_folder",
]

MARK_FILE = ".ssosim"
"""Where the mark is, where no other file of ours stands in for it."""

_HANDLE = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_NAMED = 3


class Mark(NamedTuple):
    """What says that a folder was made here: the file called ``file`` in it has the one line ``text``."""

    file: str
    text: str

    @property
    def line(self) -> bytes:
        """The content of the file."""
        return f"{self.text}\n".encode()


def marked(kind: str, name: str, file: str = MARK_FILE) -> Mark:
    """The mark of the ``kind`` ("lab", "realm", "keys", "client") called ``name``.

    The name is part of it, so that a user's copy of a folder under another name is the user's and not ours.
    """
    return Mark(file, f"ssosim {kind} {name}")


def make_private(path: Path) -> None:
    """Make the folder ``path`` and those above it that are missing, each with mode 0700 whatever the umask is.

    What is there stays as it is, whatever it is. Raises OSError.
    """
    missing = []
    while not os.path.lexists(path):
        missing.append(path)
        path = path.parent
    for each in reversed(missing):
        with contextlib.suppress(FileExistsError):
            each.mkdir(mode=stat.S_IRWXU)
            _allow_owner(each)


@contextlib.contextmanager
def folder_or_new(path: Path, hint: str = "") -> Iterator[int]:
    """As ``opened``, for a folder that is made where it is missing."""
    make_private(path)
    with opened(path, hint=hint) as descriptor:
        yield descriptor


@contextlib.contextmanager
def claim_folder(parent: int, name: str, mark: Mark, where: Path, hint: str = "") -> Iterator[int]:
    """The folder ``name`` of ``parent``, an open descriptor, as one of ours: made and marked where it is missing.

    ``where`` is its path, ``hint`` what else the user can do, for messages. Raises FolderRefusedError, having touched
    nothing, when something is there that is not ours; OSError when it cannot be made.
    """
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, stat.S_IRWXU, dir_fd=parent)
        _allow_owner(name, parent)
    descriptor = open_own(name, parent, where, hint)
    try:
        if not is_marked(descriptor, mark):
            if not _is_blank(descriptor, mark):
                raise FolderRefusedError(_not_ours(descriptor, mark, where, hint))
            os.fchmod(descriptor, stat.S_IRWXU)
            if not _is_blank(descriptor, mark):  # others could write to it until now
                raise FolderRefusedError(_not_ours(descriptor, mark, where, hint))
            _write_mark(descriptor, mark)
        check_mark(descriptor, mark, where, hint)
        yield descriptor
    finally:
        os.close(descriptor)


def check_mark(folder: int, mark: Mark, where: Path, hint: str = "") -> None:
    """Raise FolderRefusedError unless ``folder``, an open descriptor, has the mark and is private (mode 0700)."""
    if not is_marked(folder, mark):
        raise FolderRefusedError(_not_ours(folder, mark, where, hint))
    if stat.S_IMODE(os.fstat(folder).st_mode) & 0o777 != stat.S_IRWXU:
        raise FolderRefusedError(open_to_others(folder, where) + or_hint(hint))


def is_marked(folder: int, mark: Mark) -> bool:
    """Whether ``folder``, an open descriptor, has this mark, written by this user."""
    try:
        file = os.open(mark.file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return False
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            return False
        return os.read(file, len(mark.line) + 1) == mark.line
    finally:
        os.close(file)


def remove_marked(parent: int, name: str, mark: Mark, where: Path) -> list[str]:
    """Remove the folder ``name`` of ``parent`` with all that is in it; what could not be removed, with the reason.

    The mark goes last, so that what an interrupted removal leaves is still known as ours. Raises FolderRefusedError,
    having touched nothing, when it is not ours; FileNotFoundError when it is not there.
    """
    descriptor = open_own(name, parent, where, "")
    try:
        if not is_marked(descriptor, mark):
            raise FolderRefusedError(_not_ours(descriptor, mark, where, ""))
        left = empty_folder(descriptor, keep={mark.file})
        if left:
            return [f"{shown(where)}/{shown(each)}" for each in left]
        with contextlib.suppress(FileNotFoundError):
            os.unlink(mark.file, dir_fd=descriptor)
        if _identity(descriptor) == _identity_at(parent, name):
            os.rmdir(name, dir_fd=parent)
    except OSError as error:
        return [f"{shown(where)}: {error.strerror}"]
    finally:
        os.close(descriptor)
    return []


class MadeFolder(NamedTuple):
    """A folder that was made here and is not marked: known by its device and inode, wherever its path leads later."""

    path: Path
    identity: tuple[int, int]

    @classmethod
    def at(cls, path: Path) -> MadeFolder:
        """The folder that was made at ``path`` just now; raises OSError."""
        status = path.lstat()
        return cls(path, (status.st_dev, status.st_ino))

    def remove(self) -> list[str]:
        """Remove it with all that is in it, if it is still there; what could not be removed, with the reason."""
        with contextlib.suppress(FileNotFoundError, FolderRefusedError), contextlib.ExitStack() as cleanup:
            parent = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            cleanup.callback(os.close, parent)
            _allow_owner(self.path.name, parent)
            descriptor = open_own(self.path.name, parent, self.path, "")
            cleanup.callback(os.close, descriptor)
            if _identity(descriptor) == self.identity:
                left = empty_folder(descriptor)
                if not left and self.identity == _identity_at(parent, self.path.name):
                    os.rmdir(self.path.name, dir_fd=parent)
                return left
        return []


@contextlib.contextmanager
def temporary_folder(prefix: str, place: str | None = None) -> Iterator[Path]:
    """A private folder in ``place`` (the system's temporary folder) that is gone with all that is in it afterwards.

    Removed is what was made here, and not what somebody put in its place. Raises OSError.
    """
    import tempfile  # noqa: PLC0415 - ``ssosim exec`` makes none

    path = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    _allow_owner(path)
    made = MadeFolder.at(path)
    try:
        yield path
    finally:
        with contextlib.suppress(OSError):
            made.remove()


def _allow_owner(path: str | Path, dir_fd: int | None = None) -> None:
    """Give the owner all rights to a folder that was made just now with mode 0700, of which the umask took some."""
    handle = os.open(path, _HANDLE, dir_fd=dir_fd)
    try:
        status = os.fstat(handle)
        # Anything else than a part of 0700 is not what was made, but what somebody put in its place.
        if status.st_uid == os.geteuid() and status.st_mode & 0o777 in range(0, stat.S_IRWXU, 0o100):
            os.chmod(f"/proc/self/fd/{handle}", stat.S_IRWXU)  # noqa: PTH101 - a descriptor
    finally:
        os.close(handle)


def _not_ours(folder: int, mark: Mark, where: Path, hint: str) -> str:
    names = sorted(os.listdir(folder))
    some = ", ".join(shown(name) for name in names[:_MOST_NAMED]) + (", ..." if len(names) > _MOST_NAMED else "")
    kind = mark.text.split()[1]
    return (
        f"{shown(where)}: was not made by this ssosim for the {kind} of this name, so nothing in it ({some}) is "
        f"touched; move it away, or if nothing in it is to be kept (a copy, or from an earlier version) remove it"
        f"{command_hint('rm -r', where)}{or_hint(hint)}"
    )


def _is_blank(folder: int, mark: Mark) -> bool:
    """Whether nothing is there, or only a file for the mark to which nothing was written yet."""
    names = os.listdir(folder)
    if names != [mark.file]:
        return not names
    status = os.lstat(mark.file, dir_fd=folder)
    return stat.S_ISREG(status.st_mode) and (status.st_size, status.st_nlink) == (0, 1)


def _write_mark(folder: int, mark: Mark) -> None:
    file = os.open(mark.file, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        os.fchmod(file, 0o600)  # whatever the umask
        os.pwrite(file, mark.line, 0)
    finally:
        os.close(file)


def _identity(folder: int) -> tuple[int, int]:
    status = os.fstat(folder)
    return status.st_dev, status.st_ino


def _identity_at(parent: int, name: str) -> tuple[int, int]:
    status = os.lstat(name, dir_fd=parent)
    return status.st_dev, status.st_ino

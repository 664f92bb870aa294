"""Folders that ssosim owns: create them with private modes, recognise them, and remove nothing else.

ssosim owns a folder if it is a real folder and no link, belongs to the user, and has a *mark*: a file with one line
that says for what the folder was created. No other folder is ever emptied or removed. An empty folder of the user is
accepted and gets a mark: nothing in it can be lost, and a program that is killed after it has created a folder and
before it has written the mark leaves an empty one.

The checks and the use that follows are on one descriptor, so that nobody can replace the folder in between.
Sources: openat(2), proc(5).
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ssosim.files.opening import (
    FolderRefusedError,
    combine_flags,
    describe_open_permissions,
    format_alternative,
    format_command,
    open_folder,
    open_own_folder,
    printable_path,
)
from ssosim.files.removal import empty_folder

__all__ = [
    "MARK_FILE",
    "CreatedFolder",
    "Mark",
    "check_mark",
    "claim_folder",
    "create_private_folder",
    "make_mark",
    "open_or_create_folder",
    "remove_marked",
    "temporary_folder",
]

MARK_FILE = ".ssosim"
"""The name of the file with the mark, where no other file of the folder holds it (in a lab's folder, ``lock`` does)."""

_HANDLE = combine_flags("O_PATH", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC")
_MAX_NAMED = 3


class Mark(NamedTuple):
    """The proof that ssosim created a folder: the file called ``file`` in it has exactly one line, ``text``."""

    file: str
    text: str

    @property
    def line(self) -> bytes:
        """The content of the file."""
        return f"{self.text}\n".encode()


def make_mark(kind: str, name: str, file: str = MARK_FILE) -> Mark:
    """Return the mark of the ``kind`` ("lab", "realm", "keys", "client") called ``name``.

    The name is part of the mark, so that a copy of a folder under another name belongs to the user and is not removed.
    """
    return Mark(file, f"ssosim {kind} {name}")


def create_private_folder(path: Path) -> None:
    """Create the folder ``path`` and the missing ones above it, each with mode 0700 whatever the umask is.

    What exists already is not changed. Raises OSError.
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
def open_or_create_folder(path: Path, hint: str = "") -> Iterator[int]:
    """Open the folder ``path`` as ``open_folder`` does, after creating it if it is missing."""
    create_private_folder(path)
    with open_folder(path, hint=hint) as descriptor:
        yield descriptor


@contextlib.contextmanager
def claim_folder(parent: int, name: str, mark: Mark, where: Path, hint: str = "") -> Iterator[int]:
    """Open the folder ``name`` in ``parent``, an open descriptor; create and mark it if it is missing or empty.

    ``where`` is its path and ``hint`` another thing that the user can do, both for messages. Raises FolderRefusedError,
    without any change, if something is there that ssosim does not own; OSError if the folder cannot be created.
    """
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, stat.S_IRWXU, dir_fd=parent)
        _allow_owner(name, parent)
    descriptor = open_own_folder(name, parent, where, hint)
    try:
        if not is_marked(descriptor, mark):
            if not _is_blank(descriptor, mark):
                raise FolderRefusedError(_describe_foreign_folder(descriptor, mark, where, hint))
            os.fchmod(descriptor, stat.S_IRWXU)
            if not _is_blank(descriptor, mark):  # others could write to it until now
                raise FolderRefusedError(_describe_foreign_folder(descriptor, mark, where, hint))
            _write_mark(descriptor, mark)
        check_mark(descriptor, mark, where, hint)
        yield descriptor
    finally:
        os.close(descriptor)


def check_mark(folder: int, mark: Mark, where: Path, hint: str = "") -> None:
    """Raise FolderRefusedError unless ``folder``, an open descriptor, has the mark and is private (mode 0700)."""
    if not is_marked(folder, mark):
        raise FolderRefusedError(_describe_foreign_folder(folder, mark, where, hint))
    if stat.S_IMODE(os.fstat(folder).st_mode) & 0o777 != stat.S_IRWXU:
        raise FolderRefusedError(describe_open_permissions(folder, where) + format_alternative(hint))


def is_marked(folder: int, mark: Mark) -> bool:
    """Whether ``folder``, an open descriptor, has this mark in a file that belongs to this user."""
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
    """Remove the folder ``name`` in ``parent`` with its content; returns what could not be removed, with reasons.

    The mark is removed last, so that ssosim still recognises what an interrupted removal leaves. Raises
    FolderRefusedError, without any change, if ssosim does not own it; FileNotFoundError if it is not there.
    """
    descriptor = open_own_folder(name, parent, where, "")
    try:
        if not is_marked(descriptor, mark):
            raise FolderRefusedError(_describe_foreign_folder(descriptor, mark, where, ""))
        left = empty_folder(descriptor, keep={mark.file})
        if left:
            return [f"{printable_path(where)}/{printable_path(each)}" for each in left]
        with contextlib.suppress(FileNotFoundError):
            os.unlink(mark.file, dir_fd=descriptor)
        if _identity(descriptor) == _identity_at(parent, name):
            os.rmdir(name, dir_fd=parent)
    except OSError as error:
        return [f"{printable_path(where)}: {error.strerror}"]
    finally:
        os.close(descriptor)
    return []


class CreatedFolder(NamedTuple):
    """A folder without a mark that this process created. Its device and inode identify it, not its path."""

    path: Path
    identity: tuple[int, int]

    @classmethod
    def at(cls, path: Path) -> CreatedFolder:
        """Return the value for the folder that was created at ``path`` just now; raises OSError."""
        status = path.lstat()
        return cls(path, (status.st_dev, status.st_ino))

    def remove(self) -> list[str]:
        """Remove the folder with its content if it is still there; returns what could not be removed, with reasons."""
        with contextlib.suppress(FileNotFoundError, FolderRefusedError), contextlib.ExitStack() as cleanup:
            parent = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            cleanup.callback(os.close, parent)
            _allow_owner(self.path.name, parent)
            descriptor = open_own_folder(self.path.name, parent, self.path, "")
            cleanup.callback(os.close, descriptor)
            if _identity(descriptor) == self.identity:
                left = empty_folder(descriptor)
                if not left and self.identity == _identity_at(parent, self.path.name):
                    os.rmdir(self.path.name, dir_fd=parent)
                return left
        return []


@contextlib.contextmanager
def temporary_folder(prefix: str, parent: str | None = None) -> Iterator[Path]:
    """Create a private folder in ``parent`` (default: the system's temporary folder), and remove it after the block.

    If somebody has replaced the folder meanwhile, the replacement is not removed. Raises OSError.
    """
    import tempfile  # noqa: PLC0415 - ``ssosim exec`` creates none

    path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    _allow_owner(path)
    made = CreatedFolder.at(path)
    try:
        yield path
    finally:
        with contextlib.suppress(OSError):
            made.remove()


def _allow_owner(path: str | Path, dir_fd: int | None = None) -> None:
    """Restore the mode 0700 of a folder that was created just now, of which the umask has removed some bits."""
    handle = os.open(path, _HANDLE, dir_fd=dir_fd)
    try:
        status = os.fstat(handle)
        # A folder that has other bits than those of 0700 is not the new one: somebody has replaced it.
        if status.st_uid == os.geteuid() and status.st_mode & 0o777 in range(0, stat.S_IRWXU, 0o100):
            os.chmod(f"/proc/self/fd/{handle}", stat.S_IRWXU)  # noqa: PTH101 - a descriptor
    finally:
        os.close(handle)


def _describe_foreign_folder(folder: int, mark: Mark, where: Path, hint: str) -> str:
    names = sorted(os.listdir(folder))
    some = ", ".join(printable_path(name) for name in names[:_MAX_NAMED]) + (", ..." if len(names) > _MAX_NAMED else "")
    kind = mark.text.split()[1]
    return (
        f"{printable_path(where)}: was not made by this ssosim for the {kind} of this name, so nothing in it ({some}) "
        f"is changed; move it away, or if nothing in it is to be kept (a copy, or from an earlier version) remove it"
        f"{format_command('rm -r', where)}{format_alternative(hint)}"
    )


def _is_blank(folder: int, mark: Mark) -> bool:
    """Whether the folder is empty, or has only the file for the mark, still without content."""
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

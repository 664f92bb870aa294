"""Open a folder safely: owned by the user, no symbolic link, writable by nobody else.

This is a module apart from ``owned_folder`` because ``ssosim exec`` needs it, and ``exec`` must add almost no time to
the program that it starts. Sources: openat(2), path_resolution(7).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

__all__ = [
    "FOLDER",
    "FolderRefusedError",
    "combine_flags",
    "describe_open_permissions",
    "format_alternative",
    "format_command",
    "open_folder",
    "open_own_folder",
    "open_subfolder",
    "printable_path",
]


def combine_flags(*names: str) -> int:
    """Return these flags of ``open`` as one number, without those that the system lacks.

    Windows has nearly none of them. There is no lab there, so modules with such flags are imported and not used.
    """
    return sum(getattr(os, name, 0) for name in names)


FOLDER = combine_flags("O_RDONLY", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC")
"""The flags with which a folder is opened."""

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class FolderRefusedError(Exception):
    """A folder is not used because it may be another user's. The text is for the user: what, where, what to do."""


def printable_path(path: str | os.PathLike[str]) -> str:
    """Return ``path`` for a message: unchanged, or with escapes if it has characters that cannot be printed."""
    text = os.fspath(path)
    return text if text.isprintable() else repr(text)


@contextlib.contextmanager
def open_folder(
    path: str | Path, dir_fd: int | None = None, where: Path | None = None, hint: str = ""
) -> Iterator[int]:
    """Open the folder ``path`` for the length of the block, and check that it is private; gives its descriptor.

    The folder must be no link, be owned by the user, and be writable by nobody else. ``path`` may be relative to
    ``dir_fd``. ``where`` is the full path for messages, ``hint`` another thing that the user can do. Raises
    FileNotFoundError if nothing is there, FolderRefusedError if a check fails, OSError if it cannot be opened.
    """
    descriptor = open_own_folder(path, dir_fd, where or Path(path), hint)
    try:
        if os.fstat(descriptor).st_mode & _WRITABLE_BY_OTHERS:
            raise FolderRefusedError(
                describe_open_permissions(descriptor, where or Path(path)) + format_alternative(hint)
            )
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def open_subfolder(base: Path, *names: str, hint: str = "") -> Iterator[int]:
    """Open the folder at ``base`` / ``names`` as ``open_folder`` does. Every folder on the way is checked as well."""
    with contextlib.ExitStack() as cleanup:
        folder = cleanup.enter_context(open_folder(base, hint=hint))
        for number, name in enumerate(names, start=1):
            folder = cleanup.enter_context(open_folder(name, folder, base.joinpath(*names[:number]), hint))
        yield folder


def open_own_folder(path: str | Path, dir_fd: int | None, where: Path, hint: str) -> int:
    """Open a folder as ``open_folder`` does, without the check on who may write to it; returns the descriptor."""
    try:
        descriptor = os.open(path, FOLDER, dir_fd=dir_fd)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            raise FolderRefusedError(_describe_non_folder(path, dir_fd, where) + format_alternative(hint)) from error
        raise
    owner = os.fstat(descriptor).st_uid
    if owner != os.geteuid():
        os.close(descriptor)
        raise FolderRefusedError(
            f"{printable_path(where)}: belongs to {_format_user(owner)}, and you are {_format_user(os.geteuid())}; "
            f"run this as that user{format_alternative(hint)}"
        )
    return descriptor


def _describe_non_folder(path: str | Path, dir_fd: int | None, where: Path) -> str:
    kinds = {
        stat.S_IFLNK: "a symbolic link, and links are not followed here",
        stat.S_IFREG: "a file and no folder",
        stat.S_IFIFO: "a named pipe and no folder",
        stat.S_IFSOCK: "a socket and no folder",
    }
    try:
        mode = os.lstat(path, dir_fd=dir_fd).st_mode
    except OSError:
        mode = 0
    return f"{printable_path(where)}: is {kinds.get(stat.S_IFMT(mode), 'no folder')}; move it away"


def describe_open_permissions(folder: int, where: Path) -> str:
    """Return the message for a folder that other users can read or write. ``folder`` is an open descriptor of it."""
    mode = stat.S_IMODE(os.fstat(folder).st_mode)
    return (
        f"{printable_path(where)}: has mode {mode:04o}, and other users must have no access; "
        f"if nobody else put anything there, close it{format_command('chmod 700', where)}"
    )


def format_command(words: str, path: Path) -> str:
    """Return ``: words path``, quoted for a shell; empty if ``path`` has characters that cannot be typed."""
    import shlex  # noqa: PLC0415 - for a refusal only

    text = str(path)
    return f": {words} {shlex.quote(text)}" if text.isprintable() else ""


def format_alternative(hint: str) -> str:
    """Return ``, or hint`` as the end of a message; empty if there is no hint."""
    return f", or {hint}" if hint else ""


def _format_user(number: int) -> str:
    import pwd  # noqa: PLC0415 - for a refusal only

    try:
        return f"{pwd.getpwuid(number).pw_name} (uid {number})"
    except KeyError:
        return f"uid {number}"

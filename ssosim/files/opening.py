"""Open a folder safely: the user's own, no link, and written to by nobody else.

Apart from ``owned_folder``, for ``ssosim exec`` needs this and is to add almost nothing to the program that it starts.
Sources: openat(2), path_resolution(7).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

__all__ = [
    "FolderRefusedError",
    "command_hint",
    "open_own",
    "open_to_others",
    "opened",
    "opened_below",
    "or_hint",
    "shown",
]

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""How a folder is opened."""

_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class FolderRefusedError(Exception):
    """A folder is not used, since it is not ours. The text is ready for the user: what, where, what to do."""


def shown(path: str | os.PathLike[str]) -> str:
    """``path`` for a message: as it is, or with escapes where it has characters that cannot be printed."""
    text = os.fspath(path)
    return text if text.isprintable() else repr(text)


@contextlib.contextmanager
def opened(path: str | Path, dir_fd: int | None = None, where: Path | None = None, hint: str = "") -> Iterator[int]:
    """The folder ``path``, open for the length of the block: no link, the user's own, and written to by nobody else.

    ``path`` may be relative to ``dir_fd``; ``where`` is the whole for messages, ``hint`` what else the user can do.
    Raises FileNotFoundError where nothing is, FolderRefusedError for what is no such folder, OSError where it cannot be
    opened.
    """
    descriptor = open_own(path, dir_fd, where or Path(path), hint)
    try:
        if os.fstat(descriptor).st_mode & _BY_OTHERS:
            raise FolderRefusedError(open_to_others(descriptor, where or Path(path)) + or_hint(hint))
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def opened_below(base: Path, *names: str, hint: str = "") -> Iterator[int]:
    """As ``opened``, for the folder that the path of ``names`` in ``base`` leads to; each on the way is looked at."""
    with contextlib.ExitStack() as cleanup:
        folder = cleanup.enter_context(opened(base, hint=hint))
        for number, name in enumerate(names, start=1):
            folder = cleanup.enter_context(opened(name, folder, base.joinpath(*names[:number]), hint))
        yield folder


def open_own(path: str | Path, dir_fd: int | None, where: Path, hint: str) -> int:
    """As ``opened``, but whoever may write there; returns the descriptor."""
    try:
        descriptor = os.open(path, FOLDER, dir_fd=dir_fd)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            raise FolderRefusedError(_no_folder(path, dir_fd, where) + or_hint(hint)) from error
        raise
    owner = os.fstat(descriptor).st_uid
    if owner != os.geteuid():
        os.close(descriptor)
        raise FolderRefusedError(
            f"{shown(where)}: belongs to {_user(owner)}, and you are {_user(os.geteuid())}; "
            f"run this as that user{or_hint(hint)}"
        )
    return descriptor


def _no_folder(path: str | Path, dir_fd: int | None, where: Path) -> str:
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
    return f"{shown(where)}: is {kinds.get(stat.S_IFMT(mode), 'no folder')}; move it away"


def open_to_others(folder: int, where: Path) -> str:
    """The message on a folder that others can read or write to."""
    mode = stat.S_IMODE(os.fstat(folder).st_mode)
    return (
        f"{shown(where)}: has mode {mode:04o}, and must be its owner's alone; "
        f"if nobody else put anything there, close it{command_hint('chmod 700', where)}"
    )


def command_hint(words: str, path: Path) -> str:
    """What to type, where the path can be typed."""
    import shlex  # noqa: PLC0415 - for a refusal only

    text = str(path)
    return f": {words} {shlex.quote(text)}" if text.isprintable() else ""


def or_hint(hint: str) -> str:
    """``hint`` as the end of a message, where there is one."""
    return f", or {hint}" if hint else ""


def _user(number: int) -> str:
    import pwd  # noqa: PLC0415 - for a refusal only

    try:
        return f"{pwd.getpwuid(number).pw_name} (uid {number})"
    except KeyError:
        return f"uid {number}"

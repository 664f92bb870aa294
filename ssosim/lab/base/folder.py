"""The files of a lab: one folder per lab in the user's state folder.

The state folder is ``$SSOSIM_HOME``, else ``$XDG_STATE_HOME/ssosim``, else ``~/.local/state/ssosim``. The cache may be
elsewhere. A folder is used only if the user owns it and it is not a symbolic link (``ssosim.files.owned_folder``).
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ssosim.files.opening import FolderRefusedError, open_folder, open_subfolder, printable_path
from ssosim.lab.base.errors import LabError, LabInputError, PrerequisiteError

if TYPE_CHECKING:
    from ssosim.files.owned_folder import Mark

__all__ = [
    "LabFolder",
    "cache_path",
    "convert_folder_errors",
    "ensure_cache_folder",
    "labs_folder",
    "open_labs_folder",
    "rotated_trace_path",
    "state_home",
]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_SOCKET_PATH_LIMIT = 107
_LOCK_WAIT_S = 0.1
_LOCK = "lock"
_IDENTITY = "identity.json"
_LEDGER = "dns"
_KEPT_AFTER_STOP = {_LOCK, "trace.jsonl", "trace.1.jsonl", "lab.log", _LEDGER}
_HINT_HOME = "set SSOSIM_HOME to a folder that you own"
_HINT_NAME = "choose another --name"


def state_home() -> Path:
    """Return the state folder, which holds the files of all labs of this user."""
    if chosen := os.environ.get("SSOSIM_HOME"):
        return Path(chosen).absolute()
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base).absolute() / "ssosim"


def labs_folder() -> Path:
    """Return the folder that holds one folder per lab. It may not exist yet."""
    return state_home() / "labs"


def cache_path() -> Path:
    """Return the path of the cache folder. It may not exist yet."""
    chosen = os.environ.get("SSOSIM_CACHE")
    return Path(chosen).absolute() if chosen else state_home() / "cache"


def ensure_cache_folder() -> Path:
    """Return the cache folder, created if it is missing: prepared KDC databases and token signing keys.

    It is ``$SSOSIM_CACHE``, else ``cache`` in the state folder. Raises LabInputError when it cannot be created, is a
    symbolic link, belongs to another user, or is writable for others.
    """
    from ssosim.files.owned_folder import open_or_create_folder  # noqa: PLC0415 - not for ``ssosim exec``

    folder = cache_path()
    if folder.parent != state_home():
        hint = "set SSOSIM_CACHE to a folder of yours"
        with convert_folder_errors(folder, hint), open_or_create_folder(folder, hint):
            return folder
    with (
        convert_folder_errors(folder),
        open_or_create_folder(state_home(), _HINT_HOME),
        open_or_create_folder(folder, _HINT_HOME) as cache,
    ):
        if stat.S_IMODE(os.fstat(cache).st_mode) & 0o077:  # it existed with wider access
            os.fchmod(cache, 0o700)
    return folder


@contextlib.contextmanager
def convert_folder_errors(folder: Path, hint: str = _HINT_HOME) -> Iterator[None]:
    """Convert FolderRefusedError and OSError of this block into LabInputError that names ``folder`` and ``hint``.

    A full disk and too many open files become PrerequisiteError.
    """
    try:
        yield
    except FolderRefusedError as error:
        raise LabInputError(str(error)) from error
    except OSError as error:
        from ssosim.lab.base.shortage import explain_os_error  # noqa: PLC0415 - not for ``ssosim exec``

        if shortage := explain_os_error(error, folder):
            raise PrerequisiteError(shortage) from error
        raise LabInputError(f"{printable_path(folder)}: cannot be made or used: {error.strerror}; {hint}") from error


@contextlib.contextmanager
def open_labs_folder() -> Iterator[int]:
    """Open the folder that holds one folder per lab; yield its descriptor.

    Raises FileNotFoundError where it does not exist yet; FolderRefusedError when it, or the state folder, is a
    symbolic link, belongs to another user, or is writable for others.
    """
    with open_subfolder(state_home(), "labs", hint=_HINT_HOME) as labs:
        yield labs


def rotated_trace_path(trace: Path) -> Path:
    """Return the path of the older part of the trace file ``trace``; it exists after the file was rotated."""
    return trace.with_suffix(f".1{trace.suffix}")


class LabFolder(NamedTuple):  # dataclasses cost more to import than all else that ``ssosim exec`` does
    """The folder of the lab called ``name``: paths, lock, creation and removal."""

    name: str
    path: Path

    @classmethod
    def of(cls, name: str) -> LabFolder:
        """Return the folder of lab ``name``. It may not exist yet. Raises LabInputError for an invalid name."""
        if not _NAME.fullmatch(name):
            raise LabInputError(f"--name {name!r}: use up to 32 letters, digits, dots, dashes and underscores")
        folder = cls(name, labs_folder() / name)
        if len(os.fsencode(folder.socket)) > _SOCKET_PATH_LIMIT:
            raise LabInputError(
                f"{folder.socket}: too long for a Unix socket ({_SOCKET_PATH_LIMIT} bytes); "
                "set SSOSIM_HOME to a shorter folder"
            )
        return folder

    @classmethod
    def list_existing(cls) -> list[LabFolder]:
        """Return the folders of all labs of this user, sorted by name. Other folders are skipped."""
        found = []
        try:
            with open_labs_folder() as labs:
                names = sorted(os.listdir(labs))  # noqa: PTH208 - a descriptor
        except (FolderRefusedError, OSError):
            return []
        for name in names:
            with contextlib.suppress(LabInputError, FolderRefusedError, OSError):
                folder = cls.of(name)
                with folder.open_descriptor():
                    found.append(folder)
        return found

    @property
    def mark(self) -> Mark:
        """What says that the folder was made for this lab: a line in its lock file."""
        from ssosim.files.owned_folder import make_mark  # noqa: PLC0415 - not for ``ssosim exec``

        return make_mark("lab", self.name, _LOCK)

    @property
    def socket(self) -> Path:
        """The control API's Unix socket."""
        return self.path / "control.sock"

    @property
    def trace(self) -> Path:
        """The trace file (JSON Lines). It is kept after the lab has stopped."""
        return self.path / "trace.jsonl"

    @property
    def log(self) -> Path:
        """The log of the lab's process, for troubleshooting."""
        return self.path / "lab.log"

    @property
    def ledger(self) -> Path:
        """The folder of the ledger of DNS changes. It is kept until ``ssosim up --fresh``."""
        return self.path / _LEDGER

    @contextlib.contextmanager
    def open_descriptor(self) -> Iterator[int]:
        """Open the folder for reading; yield its descriptor.

        Raises FileNotFoundError where it does not exist; FolderRefusedError for a link or another user's folder.
        """
        with open_labs_folder() as labs, open_folder(self.name, labs, self.path, _HINT_NAME) as folder:
            yield folder

    def check_ownership(self) -> None:
        """Raise LabInputError when the path exists and is not a folder that the user owns."""
        with (
            convert_folder_errors(self.path, _HINT_NAME),
            contextlib.suppress(FileNotFoundError),
            self.open_descriptor(),
        ):
            pass

    def create(self) -> None:
        """Create the folder, or accept an empty one or one with this lab's mark.

        Raises LabInputError when it cannot be created, or when the path holds anything else, which is not changed.
        """
        from ssosim.files.owned_folder import claim_folder, create_private_folder  # noqa: PLC0415 - not for ``ssosim exec``

        with convert_folder_errors(self.path):
            create_private_folder(state_home() / "labs")
            with open_labs_folder() as labs, claim_folder(labs, self.name, self.mark, self.path, _HINT_NAME):
                pass

    def try_lock(self, *, create: bool = True) -> int | None:
        """Take the lock of a running lab; return its descriptor, or None when another process holds the lock.

        ``create``: create the folder where it is missing. Raises LabInputError when the folder is not this lab's, or
        the lock file cannot be opened; FileNotFoundError where the folder is missing and ``create`` is False.
        """
        end = time.monotonic() + _LOCK_WAIT_S
        while True:
            late = time.monotonic() > end
            if create:
                self.create()
            try:
                descriptor = self._open_lock()
            except FileNotFoundError as error:
                if not create:
                    raise
                if late:
                    raise LabInputError(
                        f"{printable_path(self.path)}: is removed again and again; {_HINT_NAME}"
                    ) from error
            else:
                if descriptor is not None or late:
                    return descriptor
                time.sleep(0.01)  # another process may hold it for a moment, in ``is_running``

    def is_running(self) -> bool:
        """Return whether a process holds the lock. Raises LabInputError when the lock file cannot be read."""
        try:
            descriptor = self._open_lock(shared=True)
        except FileNotFoundError:
            return False
        if descriptor is None:
            return True
        os.close(descriptor)
        return False

    def _open_lock(self, *, shared: bool = False) -> int | None:
        """Open and lock the lock file. None when another process has it. Raises FileNotFoundError and LabInputError."""
        import fcntl  # noqa: PLC0415 - Windows has none, and no lab

        lock = self.path / _LOCK
        try:
            with self.open_descriptor() as folder:
                flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
                descriptor = os.open(_LOCK, flags, dir_fd=folder)
                try:
                    status = os.fstat(descriptor)
                    if not stat.S_ISREG(status.st_mode):
                        raise OSError(errno.EINVAL, "is not a file")  # noqa: TRY301 - reported like the errors of the calls
                    fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
                    if not os.path.samestat(status, os.lstat(_LOCK, dir_fd=folder)):
                        raise FileNotFoundError(errno.ENOENT, "was removed meanwhile")  # noqa: TRY301 - likewise
                except BaseException as error:
                    os.close(descriptor)
                    if isinstance(error, BlockingIOError):
                        return None
                    raise
        except FileNotFoundError:
            raise
        except FolderRefusedError as error:
            raise LabInputError(str(error)) from error
        except OSError as error:
            raise LabInputError(f"{printable_path(lock)}: {error.strerror}; {_HINT_HOME}") from error
        return descriptor

    def write_outer_identity(self, identity: tuple[int, int] | None) -> None:
        """Write user and group id of the lab's root outside; None if the lab has no user namespace of its own."""
        (self.path / _IDENTITY).write_text(json.dumps(identity), encoding="utf-8")

    def read_outer_identity(self) -> tuple[int, int] | None:
        """Return what ``write_outer_identity`` wrote. Raises LabError if it is not there: the lab has ended."""
        try:
            identity = json.loads((self.path / _IDENTITY).read_bytes())
        except (OSError, ValueError) as error:
            raise LabError(f'lab "{self.name}" has ended') from error
        return None if identity is None else (int(identity[0]), int(identity[1]))

    def write_facts(self, facts: dict[str, Any]) -> None:
        """Write ``lab.json``: what other processes need to join the running lab."""
        temporary = self.path / "lab.json.new"
        temporary.write_text(json.dumps(facts), encoding="utf-8")
        temporary.replace(self.path / "lab.json")

    def read_facts(self) -> dict[str, Any] | None:
        """Read ``lab.json``. None when the lab is not running, or the folder is not the user's."""
        try:
            with self.open_descriptor() as folder:
                file = os.open("lab.json", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
            with open(file, encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor
                facts: dict[str, Any] = json.load(stream)
        except (OSError, ValueError, FolderRefusedError):
            return None
        return facts

    def clear(self, *, keep_ledger: bool = False) -> None:
        """Remove all files of an earlier lab of this name, with trace and log. The caller holds the lock.

        ``keep_ledger``: keep the ledger of DNS changes, so that the next lab continues it. Symbolic links are removed,
        not followed. Raises LabInputError when the folder is not this lab's, or an entry cannot be removed.
        """
        from ssosim.files.removal import empty_folder  # noqa: PLC0415 - not for ``ssosim exec``

        with convert_folder_errors(self.path, _HINT_NAME), self._open_owned() as folder:
            left = empty_folder(folder, {_LOCK, _LEDGER} if keep_ledger else {_LOCK})
        if left:
            raise LabInputError(
                f"{printable_path(self.path)}: cannot be cleared: {printable_path(left[0])}; {_HINT_NAME}"
            )

    def has_run_files(self) -> bool:
        """Return whether there are files that only a running lab should have."""
        with contextlib.suppress(FolderRefusedError, OSError), self.open_descriptor() as folder:
            return not _KEPT_AFTER_STOP.issuperset(os.listdir(folder))  # noqa: PTH208 - a descriptor
        return False

    def remove_run_files(self) -> None:
        """Remove the files of a stopped lab, except trace, log and ledger. The caller holds the lock.

        Unlike ``clear`` it raises no error: an entry that cannot be removed stays, and so does a foreign folder.
        """
        from ssosim.files.removal import empty_folder  # noqa: PLC0415 - not for ``ssosim exec``

        with contextlib.suppress(FolderRefusedError, OSError), self._open_owned() as folder:
            empty_folder(folder, _KEPT_AFTER_STOP)

    def remove(self, *names: str) -> None:
        """Remove one entry: the path of ``names`` in the folder. Links are not followed; errors are ignored."""
        from ssosim.files.removal import remove_entry  # noqa: PLC0415 - not for ``ssosim exec``

        with contextlib.suppress(FolderRefusedError, OSError), contextlib.ExitStack() as cleanup:
            folder = cleanup.enter_context(self._open_owned())
            for name in names[:-1]:
                folder = cleanup.enter_context(open_folder(name, folder))
            remove_entry(folder, names[-1])

    def remove_all(self) -> list[str]:
        """Remove the folder and its contents; return the entries that could not be removed, each with the reason.

        Raises LabInputError when the lab is running, or the folder is not this lab's.
        """
        from ssosim.files.owned_folder import remove_marked  # noqa: PLC0415 - not for ``ssosim exec``

        try:
            lock = self.try_lock(create=False)
        except FileNotFoundError:
            return []
        if lock is None:
            raise LabInputError(self.stop_first_message)
        try:
            with convert_folder_errors(self.path, _HINT_NAME), open_labs_folder() as labs:
                return remove_marked(labs, self.name, self.mark, self.path)
        finally:
            os.close(lock)

    @property
    def stop_first_message(self) -> str:
        """The error text for a command that needs the folder of a lab that is running."""
        return f'lab "{self.name}" is up; stop it first: ssosim down --name {self.name}'

    @contextlib.contextmanager
    def _open_owned(self) -> Iterator[int]:
        """Open the folder after a check of its mark; yield its descriptor."""
        from ssosim.files.owned_folder import check_mark  # noqa: PLC0415 - not for ``ssosim exec``

        with self.open_descriptor() as folder:
            check_mark(folder, self.mark, self.path, _HINT_NAME)
            yield folder

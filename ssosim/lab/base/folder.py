"""Where a lab keeps its files: the state folder, one sub-folder a lab.

``$SSOSIM_HOME``, else ``$XDG_STATE_HOME/ssosim``, else ``~/.local/state/ssosim``; the cache may be elsewhere. Only
folders that are the user's own and no links are used (``ssosim.files.owned_folder``).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ssosim.files.opening import FolderRefusedError, open_folder, open_subfolder, printable_path
from ssosim.lab.base.errors import LabInputError

if TYPE_CHECKING:
    from ssosim.files.owned_folder import Mark

__all__ = [
    "LabFolder",
    "cache_folder",
    "cache_place",
    "earlier",
    "explained",
    "labs_folder",
    "opened_labs",
    "state_home",
]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_SOCKET_PATH_LIMIT = 107
_LOOKERS_S = 0.1
_LOCK = "lock"
_LEDGER = "dns"
_KEPT_AFTER_STOP = {_LOCK, "trace.jsonl", "trace.1.jsonl", "lab.log", _LEDGER}
_OF_YOURS = "set SSOSIM_HOME to a folder of yours"
_ANOTHER = "choose another --name"


def state_home() -> Path:
    """The folder of all labs of this user."""
    if chosen := os.environ.get("SSOSIM_HOME"):
        return Path(chosen).absolute()
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base).absolute() / "ssosim"


def labs_folder() -> Path:
    """The folder that holds one folder a lab; it may not exist yet."""
    return state_home() / "labs"


def cache_place() -> Path:
    """Where the cache is, or will be."""
    chosen = os.environ.get("SSOSIM_CACHE")
    return Path(chosen).absolute() if chosen else state_home() / "cache"


def cache_folder() -> Path:
    """Things that are slow to make and may be kept: prepared KDC databases and token signing keys.

    ``$SSOSIM_CACHE``, else ``cache`` in the state folder. It is made where it is missing. Raises LabInputError when it
    cannot be made, is a link, belongs to somebody else, or can be written to by others.
    """
    from ssosim.files.owned_folder import open_or_create_folder  # noqa: PLC0415 - not for ``ssosim exec``

    folder = cache_place()
    if folder.parent != state_home():
        hint = "set SSOSIM_CACHE to a folder of yours"
        with explained(folder, hint), open_or_create_folder(folder, hint):
            return folder
    with (
        explained(folder),
        open_or_create_folder(state_home(), _OF_YOURS),
        open_or_create_folder(folder, _OF_YOURS) as cache,
    ):
        if stat.S_IMODE(os.fstat(cache).st_mode) & 0o077:  # it was there before
            os.fchmod(cache, 0o700)
    return folder


@contextlib.contextmanager
def explained(folder: Path, hint: str = _OF_YOURS) -> Iterator[None]:
    """Raise LabInputError for what refuses ``folder`` in this block, or keeps it from being made."""
    try:
        yield
    except FolderRefusedError as error:
        raise LabInputError(str(error)) from error
    except OSError as error:
        raise LabInputError(f"{printable_path(folder)}: cannot be made or used: {error.strerror}; {hint}") from error


@contextlib.contextmanager
def opened_labs() -> Iterator[int]:
    """A descriptor of the folder that holds one folder a lab, for the length of the block.

    Raises FileNotFoundError where there is none yet, FolderRefusedError when it, or the state folder, is a link,
    belongs to somebody else, or can be written to by others.
    """
    with open_subfolder(state_home(), "labs", hint=_OF_YOURS) as labs:
        yield labs


def earlier(trace: Path) -> Path:
    """Where the older part of a trace file is, if it got so long that it was put aside."""
    return trace.with_suffix(f".1{trace.suffix}")


class LabFolder(NamedTuple):  # dataclasses cost more to import than all else that ``ssosim exec`` does
    """The files of the lab called ``name``."""

    name: str
    path: Path

    @classmethod
    def of(cls, name: str) -> LabFolder:
        """The folder of lab ``name``, which may not exist yet; raises LabInputError for an unusable name."""
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
    def existing(cls) -> list[LabFolder]:
        """Every lab's folder that there is, by name; what is not the user's, or no lab's, is passed over."""
        found = []
        try:
            with opened_labs() as labs:
                names = sorted(os.listdir(labs))  # noqa: PTH208 - a descriptor
        except (FolderRefusedError, OSError):
            return []
        for name in names:
            with contextlib.suppress(LabInputError, FolderRefusedError, OSError):
                folder = cls.of(name)
                with folder.opened():
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
        """The trace, as JSON Lines; kept after the lab has stopped."""
        return self.path / "trace.jsonl"

    @property
    def log(self) -> Path:
        """The lab's own log, for when something went wrong."""
        return self.path / "lab.log"

    @property
    def ledger(self) -> Path:
        """The folder of the ledger of DNS changes; kept until a lab of this name begins anew."""
        return self.path / _LEDGER

    @contextlib.contextmanager
    def opened(self) -> Iterator[int]:
        """A descriptor of the folder for the length of the block, to look at what is in it.

        Raises FileNotFoundError where there is none, FolderRefusedError for what is not the user's own or a link.
        """
        with opened_labs() as labs, open_folder(self.name, labs, self.path, _ANOTHER) as folder:
            yield folder

    def check(self) -> None:
        """Raise LabInputError when something is there that is not a folder of the user's own; it may be missing."""
        with explained(self.path, _ANOTHER), contextlib.suppress(FileNotFoundError), self.opened():
            pass

    def create(self) -> None:
        """Make the folder, or accept the one that was made for this lab before, or an empty one.

        Raises LabInputError when it cannot be made, or something else is there, which stays as it is.
        """
        from ssosim.files.owned_folder import claim_folder, create_private_folder  # noqa: PLC0415 - not for ``ssosim exec``

        with explained(self.path):
            create_private_folder(state_home() / "labs")
            with opened_labs() as labs, claim_folder(labs, self.name, self.mark, self.path, _ANOTHER):
                pass

    def try_lock(self, *, make: bool = True) -> int | None:
        """Take the lock that says this lab runs; the descriptor holds it. None when another process has it.

        ``make``: make the folder where it is missing. Raises LabInputError when the folder is not this lab's, or the
        lock file cannot be opened; FileNotFoundError where there is none and none is to be made.
        """
        end = time.monotonic() + _LOOKERS_S
        while True:
            late = time.monotonic() > end
            if make:
                self.create()
            try:
                descriptor = self._locked(fcntl.LOCK_EX)
            except FileNotFoundError as error:
                if not make:
                    raise
                if late:
                    raise LabInputError(
                        f"{printable_path(self.path)}: is removed again and again; {_ANOTHER}"
                    ) from error
            else:
                if descriptor is not None or late:
                    return descriptor
                time.sleep(0.01)  # somebody may only be looking whether the lab runs

    def is_running(self) -> bool:
        """Whether a process holds the lock; raises LabInputError when that cannot be known."""
        try:
            descriptor = self._locked(fcntl.LOCK_SH)
        except FileNotFoundError:
            return False
        if descriptor is None:
            return True
        os.close(descriptor)
        return False

    def _locked(self, kind: int) -> int | None:
        """The lock file, locked; None when another process has it. Raises FileNotFoundError and LabInputError."""
        lock = self.path / _LOCK
        try:
            with self.opened() as folder:
                flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
                descriptor = os.open(_LOCK, flags, dir_fd=folder)
                try:
                    status = os.fstat(descriptor)
                    if not stat.S_ISREG(status.st_mode):
                        raise OSError(errno.EINVAL, "is not a file")  # noqa: TRY301 - told as the other errors are
                    fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
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
            raise LabInputError(f"{printable_path(lock)}: {error.strerror}; {_OF_YOURS}") from error
        return descriptor

    def write_facts(self, facts: dict[str, Any]) -> None:
        """Publish what other processes need to know of the running lab."""
        temporary = self.path / "lab.json.new"
        temporary.write_text(json.dumps(facts), encoding="utf-8")
        temporary.replace(self.path / "lab.json")

    def facts(self) -> dict[str, Any] | None:
        """What ``write_facts`` published; None when the lab is not up, or the folder is not the user's own."""
        try:
            with self.opened() as folder:
                file = os.open("lab.json", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
            with open(file, encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor
                facts: dict[str, Any] = json.load(stream)
        except (OSError, ValueError, FolderRefusedError):
            return None
        return facts

    def clear(self, *, keep_ledger: bool = False) -> None:
        """Remove all that an earlier lab of this name left, its trace and log too. The caller holds the lock.

        ``keep_ledger``: the ledger of DNS changes stays, so that the next lab goes on where it ends.

        Links are removed, and what they lead to stays. Raises LabInputError when the folder was not made for this lab,
        or something in it cannot be removed.
        """
        from ssosim.files.removal import empty_folder  # noqa: PLC0415 - not for ``ssosim exec``

        with explained(self.path, _ANOTHER), self._ours() as folder:
            left = empty_folder(folder, {_LOCK, _LEDGER} if keep_ledger else {_LOCK})
        if left:
            raise LabInputError(
                f"{printable_path(self.path)}: cannot be cleared: {printable_path(left[0])}; {_ANOTHER}"
            )

    def sweep(self) -> None:
        """Remove what a lab left behind but its trace, log and ledger. The caller holds the lock.

        As ``clear``, but without a word: what cannot be removed stays, and so does a folder that is not this lab's.
        """
        from ssosim.files.removal import empty_folder  # noqa: PLC0415 - not for ``ssosim exec``

        with contextlib.suppress(FolderRefusedError, OSError), self._ours() as folder:
            empty_folder(folder, _KEPT_AFTER_STOP)

    def remove(self, *names: str) -> None:
        """Remove one thing in the folder: the path of ``names`` in it. As ``sweep``, links are not followed."""
        from ssosim.files.removal import remove_entry  # noqa: PLC0415 - not for ``ssosim exec``

        with contextlib.suppress(FolderRefusedError, OSError), contextlib.ExitStack() as cleanup:
            folder = cleanup.enter_context(self._ours())
            for name in names[:-1]:
                folder = cleanup.enter_context(open_folder(name, folder))
            remove_entry(folder, names[-1])

    def remove_all(self) -> list[str]:
        """Remove the folder with all that is in it; what could not be removed, with the reason.

        Raises LabInputError when the lab runs, or the folder is not this lab's.
        """
        from ssosim.files.owned_folder import remove_marked  # noqa: PLC0415 - not for ``ssosim exec``

        try:
            lock = self.try_lock(make=False)
        except FileNotFoundError:
            return []
        if lock is None:
            raise LabInputError(self.is_up_text)
        try:
            with explained(self.path, _ANOTHER), opened_labs() as labs:
                return remove_marked(labs, self.name, self.mark, self.path)
        finally:
            os.close(lock)

    @property
    def is_up_text(self) -> str:
        """What to tell who wants to have the folder while the lab runs."""
        return f'lab "{self.name}" is up; stop it first: ssosim down --name {self.name}'

    @contextlib.contextmanager
    def _ours(self) -> Iterator[int]:
        from ssosim.files.owned_folder import check_mark  # noqa: PLC0415 - not for ``ssosim exec``

        with self.opened() as folder:
            check_mark(folder, self.mark, self.path, _ANOTHER)
            yield folder

"""Where a lab keeps its files: the state folder, one sub-folder a lab.

``$SSOSIM_HOME``, else ``$XDG_STATE_HOME/ssosim``, else ``~/.local/state/ssosim``. Nothing is ever written elsewhere.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import time
from pathlib import Path
from typing import Any, NamedTuple

from ssosim.lab.base.errors import LabInputError

__all__ = ["LabFolder", "cache_folder", "earlier", "labs_folder", "state_home"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_SOCKET_PATH_LIMIT = 107
_LOOKERS_S = 0.1
_LEDGER = "dns"
_KEPT_AFTER_STOP = {"lock", "trace.jsonl", "trace.1.jsonl", "lab.log", _LEDGER}


def state_home() -> Path:
    """The folder of all labs of this user."""
    if chosen := os.environ.get("SSOSIM_HOME"):
        return Path(chosen).absolute()
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base).absolute() / "ssosim"


def labs_folder() -> Path:
    """The folder that holds one folder a lab; it may not exist yet."""
    return state_home() / "labs"


def cache_folder() -> Path:
    """Things that are slow to make and may be kept: prepared KDC databases and token signing keys.

    Raises LabInputError when the folder cannot be made.
    """
    folder = state_home() / "cache"
    try:
        _make_private(folder)
    except OSError as error:
        where = "set SSOSIM_HOME to a folder of yours"
        raise LabInputError(f"{folder}: cannot be made: {error.strerror}; {where}") from error
    return folder


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
        """Every lab's folder that there is, by name; what is not a lab's, whoever put it there, is passed over."""
        labs, found = labs_folder(), []
        for path in sorted(labs.iterdir()) if labs.is_dir() else ():
            with contextlib.suppress(LabInputError):
                found.append(cls.of(path.name))
        return found

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

    def create(self) -> None:
        """Make the folder; raises LabInputError when that is not allowed."""
        try:
            _make_private(self.path)
        except OSError as error:
            raise LabInputError(
                f"{self.path}: cannot be made: {error.strerror}; set SSOSIM_HOME to a folder of yours"
            ) from error

    def try_lock(self) -> int | None:
        """Take the lock that says this lab runs; the descriptor holds it. None when another process has it.

        Raises LabInputError when the lock file cannot be opened.
        """
        end = time.monotonic() + _LOOKERS_S
        while (descriptor := self._locked(os.O_CREAT, fcntl.LOCK_EX)) is None and time.monotonic() < end:
            time.sleep(0.01)  # somebody may only be looking whether the lab runs
        return descriptor

    def is_running(self) -> bool:
        """Whether a process holds the lock; raises LabInputError when that cannot be known."""
        if not os.path.lexists(self.path / "lock"):
            return False
        descriptor = self._locked(0, fcntl.LOCK_SH)
        if descriptor is None:
            return True
        os.close(descriptor)
        return False

    def _locked(self, flags: int, kind: int) -> int | None:
        lock = self.path / "lock"
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC | flags, 0o600)
        except OSError as error:
            raise LabInputError(f"{lock}: {error.strerror}; set SSOSIM_HOME to a folder of yours") from error
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def write_facts(self, facts: dict[str, Any]) -> None:
        """Publish what other processes need to know of the running lab."""
        temporary = self.path / "lab.json.new"
        temporary.write_text(json.dumps(facts), encoding="utf-8")
        temporary.replace(self.path / "lab.json")

    def facts(self) -> dict[str, Any] | None:
        """What ``write_facts`` published; None when the lab is not up."""
        try:
            facts: dict[str, Any] = json.loads((self.path / "lab.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return facts

    def sweep(self, *, keep_records: bool = True, keep_ledger: bool = True) -> None:
        """Remove what a lab left behind; trace, log and the ledger of DNS changes stay unless told otherwise.

        The caller holds the lock.
        """
        import shutil  # noqa: PLC0415 - costly, and most commands need it not

        with contextlib.suppress(FileNotFoundError):
            for entry in self.path.iterdir():
                kept = keep_ledger if entry.name == _LEDGER else keep_records and entry.name in _KEPT_AFTER_STOP
                if entry.name == "lock" or kept:
                    continue
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry, ignore_errors=True)
                else:
                    entry.unlink(missing_ok=True)


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077:  # it was there before
        folder.chmod(0o700)

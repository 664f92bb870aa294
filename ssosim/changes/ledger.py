"""What was applied when, by whom, with whose yes; and the zones before and after each time.

Zones are kept in files named by their content, the list in one file that is replaced whole: written beside, flushed to
disk, renamed. A process that dies at any moment leaves the list as it was or as it should be, and every state that the
list names is complete.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from ssosim.changes.snapshot import SnapshotError, digest, from_data, to_data
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = ["Entry", "Ledger", "LedgerError", "Step", "to_undo"]

Step = tuple[ZoneSet, ZoneSet]
"""Zones before and after."""

_LIST = "ledger.json"


class LedgerError(RuntimeError):
    """The ledger cannot be read or written; the text says which file and why."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing done; ``at`` is in seconds since the epoch.

    Digests of zones: ``before`` and ``after`` in production, ``desired_before`` and ``desired`` of the desired state.
    """

    at: float
    action: Literal["apply", "rollback", "adopt", "load"]
    title: str
    number: int = 0
    after: str = ""
    before: str = ""
    desired_before: str = ""
    desired: str = ""
    plan: str = ""
    author: str = ""
    approved_by: tuple[str, ...] = ()
    executors: tuple[str, ...] = ()
    undoes: int | None = None
    change: dict[str, Any] | None = None


def to_undo(entries: Sequence[Entry], number: int | None) -> Entry:
    """The applied change of that number, by default the last that stands; raises DnsChangeError if there is none."""
    undone = {
        entry.undoes
        for entry in entries
        if entry.undoes is not None and entry.after == entries[entry.undoes - 1].before
    }
    stage = max((entry.number for entry in entries if entry.action == "load"), default=0)
    undone |= set(range(stage + 1))
    open_ones = [entry for entry in entries if entry.action == "apply" and entry.number not in undone]
    if number is None and open_ones:
        return open_ones[-1]
    found = next((entry for entry in open_ones if entry.number == number), None)
    if found is None:
        known = ", ".join(str(entry.number) for entry in open_ones) or "none"
        what = "nothing was applied" if number is None else f"there is no applied change {number}"
        raise DnsChangeError(f"{what} that can be rolled back; applied and not rolled back: {known}")
    return found


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ledger in ``folder``, which is made when it is first written to."""

    folder: Path

    def entries(self) -> tuple[Entry, ...]:
        """Everything done, oldest first; raises LedgerError for a file that this did not write."""
        try:
            text = (self.folder / _LIST).read_bytes()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise LedgerError(f"{self.folder / _LIST}: cannot be read: {error.strerror}") from error
        try:
            return msgspec.json.decode(text, type=tuple[Entry, ...])
        except msgspec.DecodeError as error:
            raise LedgerError(f"{self.folder / _LIST}: is not a ledger: {error}") from error

    def commit(self, entry: Entry, production: Step, desired: Step) -> Entry:
        """Add ``entry``, numbered and with its digests; when this returns it is on disk. Raises LedgerError."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            before, after, wanted_before, wanted = (self._keep(zones) for zones in (*production, *desired))
            entries = self.entries()
            entry = msgspec.structs.replace(
                entry,
                number=len(entries) + 1,
                before=before,
                after=after,
                desired_before=wanted_before,
                desired=wanted,
            )
            with _replacing(self.folder / _LIST) as descriptor:
                _write(descriptor, msgspec.json.encode((*entries, entry)))
        except OSError as error:
            raise LedgerError(f"{self.folder}: cannot be written: {error.strerror}; nothing was changed") from error
        return entry

    def zones(self, content: str, like: ZoneSet | None = None) -> ZoneSet:
        """The zones with that digest, with the ``places`` of ``like``; raises LedgerError."""
        path = self._path(content)
        try:
            zones = from_data(json.loads(path.read_bytes()), like)
        except OSError as error:
            raise LedgerError(f"{path}: cannot be read: {error.strerror}") from error
        except (ValueError, SnapshotError) as error:
            raise LedgerError(f"{path}: is not a state of zones: {error}") from error
        if digest(zones) != content:
            raise LedgerError(f"{path}: its content is not what its name says")
        return zones

    def _keep(self, zones: ZoneSet) -> str:
        content = digest(zones)
        path = self._path(content)
        if not path.exists():
            with _replacing(path) as descriptor:
                _write(descriptor, json.dumps(to_data(zones), ensure_ascii=False).encode())
        return content

    def _path(self, content: str) -> Path:
        return self.folder / f"zones-{content}.json"


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[int]:
    """A descriptor whose content takes the place of ``path`` at the end of the block, whole and on disk, or never."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        try:
            yield descriptor
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        Path(name).replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise

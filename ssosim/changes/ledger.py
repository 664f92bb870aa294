"""The ledger: what was applied when, by whom and with which approvals; and the zones before and after each entry.

The list of entries is one file. It is replaced as a whole: written to a temporary file, flushed to disk, renamed. Each
state of the zones is a file whose name contains the digest of its content, and is written before the list refers to it.
So a process that dies at any moment leaves either the old list or the new one, and every state that a list refers to is
complete. An error at any of these steps leaves the old list. If even the old list cannot be restored, the entry counts
as written, because the next start would find it.

The list is a JSON array with one entry per line. If the end of the file is lost, the complete lines before it count.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from ssosim.changes.snapshot import SnapshotError, digest, from_data, iter_json, to_data
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = [
    "BeforeAfter",
    "Ledger",
    "LedgerEntry",
    "LedgerError",
    "find_entry_to_undo",
    "is_latest",
    "rolled_back_numbers",
]

BeforeAfter = tuple[ZoneSet, ZoneSet]
"""Zones before and after."""

_LIST = "ledger.json"


class LedgerError(RuntimeError):
    """The ledger cannot be read or written; the text names the file and the reason."""


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry; ``at`` is in seconds since the epoch.

    ``before`` and ``after`` are digests of the zones without active faults, ``desired_before`` and ``desired`` are
    digests of the desired state. ``undoes`` is the number of the change that a rollback reverts, ``complete`` whether
    it reverted it completely.
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
    complete: bool = False
    change: dict[str, Any] | None = None


def rolled_back_numbers(entries: Sequence[LedgerEntry]) -> frozenset[int]:
    """The numbers of the changes that were rolled back completely."""
    return frozenset(
        entry.undoes
        for entry in entries
        if entry.undoes is not None and (entry.complete or entry.after == entries[entry.undoes - 1].before)
    )


def find_entry_to_undo(entries: Sequence[LedgerEntry], number: int | None) -> LedgerEntry:
    """The applied change with that number; for None the last one that is not rolled back.

    Raises DnsChangeError if there is none.
    """
    gone = rolled_back_numbers(entries)
    stage = max((entry.number for entry in entries if entry.action == "load"), default=0)
    open_ones = [
        entry for entry in entries if entry.action == "apply" and entry.number > stage and entry.number not in gone
    ]
    if number is None and open_ones:
        return open_ones[-1]
    found = next((entry for entry in open_ones if entry.number == number), None)
    if found is None:
        known = ", ".join(str(entry.number) for entry in open_ones) or "none"
        what = "nothing was applied" if number is None else f"there is no applied change {number}"
        raise DnsChangeError(f"{what} that can be rolled back; applied and not rolled back: {known}")
    return found


def is_latest(entries: Sequence[LedgerEntry], entry: LedgerEntry) -> bool:
    """Whether a rollback of ``entry`` must restore exactly the zones before it.

    False after a later change that is in force, after an adoption, and after the rollback of an earlier change.
    """
    gone, later = rolled_back_numbers(entries), entries[entry.number :]
    for each in later:
        if each.action == "adopt" or (each.action == "apply" and each.number not in gone):
            return False
        if each.undoes is not None and each.undoes < entry.number:
            return False
    return True


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ledger in ``folder``, which is created at the first write."""

    folder: Path

    def entries(self) -> tuple[LedgerEntry, ...]:
        """All entries, oldest first; raises LedgerError for a file that is no ledger."""
        return self._read()[0]

    def is_torn(self) -> bool:
        """Whether the end of the list is lost; ``entries`` then returns the entries before it. Raises LedgerError."""
        return self._read()[1]

    def _read(self) -> tuple[tuple[LedgerEntry, ...], bool]:
        try:
            text = self._list_path.read_bytes()
        except FileNotFoundError:
            return (), False
        except OSError as error:
            raise LedgerError(f"{self._list_path}: cannot be read: {error.strerror}") from error
        try:
            entries, torn = msgspec.json.decode(text, type=tuple[LedgerEntry, ...]), False
        except (msgspec.DecodeError, ValueError) as error:
            whole = _parse_complete_lines(text)
            if whole is None:
                raise LedgerError(f"{self._list_path}: is not a ledger: {error}") from error
            entries, torn = whole, True
        for number, entry in enumerate(entries, 1):
            if entry.number != number or not 0 < (entry.undoes or 1) <= number:
                raise LedgerError(f"{self._list_path}: is not a ledger: entry {number} is not numbered as such")
        return entries, torn

    def commit(self, entry: LedgerEntry, production: BeforeAfter, desired: BeforeAfter) -> LedgerEntry:
        """Add ``entry`` with its number and digests, and return it. It is on disk when this returns.

        Raises LedgerError if it cannot be written; the list is then unchanged.
        """
        before, after, wanted_before, wanted = self.store_snapshots(*production, *desired)
        entries = self.entries()
        entry = msgspec.structs.replace(
            entry,
            number=len(entries) + 1,
            before=before,
            after=after,
            desired_before=wanted_before,
            desired=wanted,
        )
        try:
            self._write_list((*entries, entry))
        except OSError as error:
            if not self._restore_list(entries):
                return entry
            raise self._write_error(error) from error
        return entry

    def store_snapshots(self, *states: ZoneSet) -> tuple[str, ...]:
        """Write the zones of ``states`` to disk and return their digests. The list does not change.

        A caller that does this before ``commit`` makes ``commit`` fast. Raises LedgerError.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return tuple(self._store_snapshot(zones) for zones in states)
        except OSError as error:
            raise self._write_error(error) from error

    def remove_partial_files(self) -> None:
        """Remove temporary files of a process that died while it wrote; errors are ignored."""
        with contextlib.suppress(OSError):
            for path in self.folder.glob(".*.part"):
                path.unlink(missing_ok=True)

    def _write_list(self, entries: Sequence[LedgerEntry]) -> None:
        lines = b",\n".join(msgspec.json.encode(entry) for entry in entries)
        with _replace_file(self._list_path) as descriptor:
            _write(descriptor, b"[\n" + lines + b"\n]\n")

    def _restore_list(self, entries: Sequence[LedgerEntry]) -> bool:
        """Restore the list to ``entries`` after an error, and return whether it has exactly these."""
        with contextlib.suppress(OSError, LedgerError):
            if self.entries() == entries:
                return True
            with contextlib.suppress(OSError):
                self._write_list(entries) if entries else self._list_path.unlink()
            return self.entries() == entries
        return False

    def _write_error(self, error: OSError) -> LedgerError:
        return LedgerError(f"{self.folder}: cannot be written: {error.strerror}; nothing was changed")

    def zones(self, content: str, like: ZoneSet | None = None) -> ZoneSet:
        """Read the zones with the digest ``content``; ``places`` are taken from ``like``. Raises LedgerError."""
        path = self._snapshot_path(content)
        try:
            zones = from_data(msgspec.json.decode(path.read_bytes()), like)
        except OSError as error:
            raise LedgerError(f"{path}: cannot be read: {error.strerror}") from error
        except (ValueError, SnapshotError) as error:
            raise LedgerError(f"{path}: is not a state of zones: {error}") from error
        if digest(zones) != content:
            raise LedgerError(f"{path}: its content does not have the digest in its name")
        return zones

    def _store_snapshot(self, zones: ZoneSet) -> str:
        content = digest(zones)
        path = self._snapshot_path(content)
        if not path.exists():
            with _replace_file(path) as descriptor:
                _write(descriptor, "".join(iter_json(to_data(zones))).encode())
        return content

    @property
    def _list_path(self) -> Path:
        return self.folder / _LIST

    def _snapshot_path(self, content: str) -> Path:
        return self.folder / f"zones-{content}.json"


def _parse_complete_lines(text: bytes) -> tuple[LedgerEntry, ...] | None:
    """The entries before the end that is lost; None if the file is not a list with a lost end."""
    first, *lines = text.split(b"\n")
    if first != b"[" or text.rstrip().endswith(b"]"):
        return None
    found: list[LedgerEntry] = []
    for number, line in enumerate(lines, 1):
        try:
            found.append(msgspec.json.decode(line.removesuffix(b","), type=LedgerEntry))
        except (msgspec.DecodeError, ValueError):
            return tuple(found) if number == len(lines) else None
    return tuple(found)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


@contextlib.contextmanager
def _replace_file(path: Path) -> Iterator[int]:
    """Yield a descriptor of a temporary file that replaces ``path`` at the end of the block.

    The new content is then complete and on disk. After an error in the block, ``path`` is unchanged.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
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
        with contextlib.suppress(OSError):
            Path(name).unlink(missing_ok=True)
        raise

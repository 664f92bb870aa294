"""A change: its operations on the zones, and the document that it must have.

The fields of the document are those of the incident report (TMS9-036): intent, procedure, rollback, health signals,
abort rule, last known good. A change file with a missing or blank field is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from ssosim.changes.operations import AnyOperation, apply_operations, operations_between
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.zone_set import ZoneSet
from ssosim.estate.toml import TomlMistakeError, convert_toml, format_mistake, read_text
from ssosim.estate.toml_lines import KeyPath

__all__ = ["Change", "ZoneTrees", "blank_fields", "load_change", "make_tree_change", "parse_change"]

ReadTree = Callable[[Path], ZoneSet]
"""Reads a folder of zone files. Raises TomlMistakeError or DnsChangeError."""

_SENTENCES = ("title", "author", "intent", "abort_rule", "last_known_good")
_LISTS = ("procedure", "rollback", "health_signals")


class ZoneTrees(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two folders of zone files whose difference is the change. Paths are relative to the change file."""

    before: str
    after: str


class Change(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One change.

    ``last_known_good`` is what a rollback must restore: ``"current"`` means the zones at the time of the commit, which
    the ledger stores. ``views`` limits the change to the resolvers of those views; empty means all. ``rollback`` is
    text, ``rollback_operations`` are the same steps as operations; a plan rehearses them. ``window`` is the number of
    seconds in which a name must not have been queried before it may be changed; the minimum is the record's TTL.
    """

    title: str
    author: str
    intent: str
    procedure: tuple[str, ...]
    rollback: tuple[str, ...]
    health_signals: tuple[str, ...]
    abort_rule: str
    last_known_good: Literal["current"] = "current"
    urgency: Literal["normal", "emergency"] = "normal"
    incident: str = ""
    views: tuple[str, ...] = ()
    window: int = 0
    trees: ZoneTrees | None = None
    operations: tuple[AnyOperation, ...] = ()
    rollback_operations: tuple[AnyOperation, ...] = ()

    def apply(self, zones: ZoneSet) -> ZoneSet:
        """The zones after all operations. Raises DnsChangeError, which begins with the number of the operation."""
        return apply_operations(zones, self.operations)

    def undo(self, zones: ZoneSet) -> ZoneSet:
        """The zones after ``rollback_operations``. Raises DnsChangeError."""
        try:
            return apply_operations(zones, self.rollback_operations)
        except DnsChangeError as error:
            raise DnsChangeError(f"rollback_{error}") from error


def load_change(path: Path, read_tree: ReadTree | None = None) -> Change:
    """Read a change file. ``read_tree`` reads the two folders of a change that is given as two trees of zone files.

    Raises TomlMistakeError with file, line, key and the expected value.
    """
    text = read_text(path)
    change = parse_change(text, str(path))
    if change.trees is None:
        return change
    if read_tree is None:
        raise TomlMistakeError(
            format_mistake(text, str(path), ("trees",), "trees cannot be read here; give operations")
        )
    try:
        between = operations_between(
            read_tree(path.parent / change.trees.before), read_tree(path.parent / change.trees.after)
        )
    except DnsChangeError as error:
        raise TomlMistakeError(format_mistake(text, str(path), ("trees",), str(error))) from error
    if not between:
        raise TomlMistakeError(format_mistake(text, str(path), ("trees",), "the two trees hold the same records"))
    return msgspec.structs.replace(change, trees=None, operations=between)


def parse_change(text: str, source: str) -> Change:
    """Read a change from TOML. ``source`` is the file name for errors. Raises TomlMistakeError with every mistake."""
    change = convert_toml(text, source, Change)
    if mistakes := [format_mistake(text, source, path, what) for path, what in _mistakes(change)]:
        raise TomlMistakeError("\n".join(mistakes))
    return change


def make_tree_change(before: ZoneSet, after: ZoneSet, name: str) -> Change:
    """Make the change from one tree to the other for a plan. It has no document, so the gate refuses to apply it."""
    return Change(
        title=name,
        author="",
        intent="",
        procedure=(),
        rollback=(),
        health_signals=(),
        abort_rule="",
        operations=operations_between(before, after),
    )


def blank_fields(change: Change) -> tuple[str, ...]:
    """The fields of the document that are blank."""
    blank = [key for key in _SENTENCES if not getattr(change, key).strip()]
    blank += [key for key in _LISTS if not any(line.strip() for line in getattr(change, key))]
    return tuple(blank)


def _mistakes(change: Change) -> list[tuple[KeyPath, str]]:
    found: list[tuple[KeyPath, str]] = [
        ((key,), "is blank; expected text for the reviewers") for key in blank_fields(change)
    ]
    if (change.trees is None) == (not change.operations):
        found.append((("operations",), "expected either operations or trees = { before = DIR, after = DIR }"))
    if change.window < 0:
        found.append((("window",), "expected seconds, zero or more"))
    return found

"""The records of one client, which can be selected by the kinds of their events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

from ssosim.trace import Event, Record

__all__ = ["RecordsByKind"]


class RecordsByKind(tuple[Record, ...]):  # noqa: SLOT001 - what was selected is stored in it
    """Records in their order. Most rules need few kinds of events, and select the same (``select``) more than once."""

    @classmethod
    def of(cls, records: Iterable[Record]) -> RecordsByKind:
        """Return ``records`` themselves if they are of this class, so that what was selected is kept."""
        return records if isinstance(records, cls) else cls(records)

    @cached_property
    def _selected(self) -> dict[tuple[type[Event], ...], Sequence[Record]]:
        return {}

    @cached_property
    def _by_kind(self) -> dict[type[Event], list[Record]]:
        found: dict[type[Event], list[Record]] = {}
        for record in self:
            kind = type(record.event)
            if kind in found:
                found[kind].append(record)
            else:
                found[kind] = [record]
        return found

    def select(self, *kinds: type[Event]) -> Sequence[Record]:
        """Return the records whose events are of one of ``kinds``, in their order."""
        found = self._selected.get(kinds)
        if found is None:
            classes = {kind for kind in self._by_kind if issubclass(kind, kinds)}
            if len(classes) > 1:
                found = [record for record in self if type(record.event) in classes]
            else:
                found = self._by_kind[classes.pop()] if classes else ()
            self._selected[kinds] = found
        return found

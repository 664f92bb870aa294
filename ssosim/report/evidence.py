"""The trace lines behind a verdict, as text.

Pure functions of trace records. The order is that of the trace: a cause comes before its effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ssosim.trace import Event, FaultApplied, FaultUndone, Record
from ssosim.trace.export import describe_event

__all__ = ["Line", "evidence", "faults_in_force", "is_undone_by", "moment"]


@dataclass(frozen=True, slots=True)
class Line:
    """One trace record as text; ``at`` is in seconds since the Unix epoch."""

    seq: int
    at: float
    client: str
    layer: str
    text: str

    def __str__(self) -> str:
        return f"#{self.seq:<5} {moment(self.at)}  {self.client or 'lab'}  {self.layer}  {self.text}"


def moment(at: float) -> str:
    """Format the time of day, UTC, with milliseconds."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S.%f")[:-3]


def evidence(records: Sequence[Record], numbers: Iterable[int]) -> list[Line]:
    """Return the records with these numbers, and the faults that were in force at the first of them."""
    wanted = set(numbers)
    found = [record for record in records if record.seq in wanted]
    if not found:
        return []
    faults = faults_in_force(records, found[0].seq)
    return [_line(record) for record in sorted({r.seq: r for r in [*faults, *found]}.values(), key=lambda r: r.seq)]


def faults_in_force(records: Iterable[Record], before: int) -> list[Record]:
    """Return the faults that were applied and not yet undone before record number ``before``."""
    in_force: list[Record] = []
    for record in records:
        if record.seq >= before:
            break
        event = record.event
        if isinstance(event, FaultApplied):
            in_force.append(record)
        elif isinstance(event, FaultUndone):
            match = next((r for r in reversed(in_force) if is_undone_by(r.event, event)), None)
            if match is not None:
                in_force.remove(match)
    return in_force


def is_undone_by(applied: Event, undone: FaultUndone) -> bool:
    """Return whether ``undone`` is the end of the fault ``applied``: by number; in old traces by name and detail."""
    if not isinstance(applied, FaultApplied):
        return False
    if applied.id and undone.id:
        return applied.id == undone.id
    return (applied.name, applied.detail) == (undone.name, undone.detail)


def _line(record: Record) -> Line:
    return Line(record.seq, record.at, record.client, record.event.layer, describe_event(record.event))

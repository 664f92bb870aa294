"""Which faults were over before a client asked anything: they were to break it, and could not.

A pure function of the records of a trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from ssosim.trace import ClientFinished, FaultUndone, Record
from ssosim.verdict.steps import is_on_the_wire

__all__ = ["EndedFault", "find_ended_faults"]


class EndedFault(TypedDict):
    """A fault that reached its limit: its number, its name, what it changed, and which limit (``after 2 s``)."""

    id: int
    fault: str
    description: str
    limit: str


def find_ended_faults(records: Sequence[Record], client: str, since: int) -> list[EndedFault]:
    """Return the faults that reached a limit of theirs before the first message of ``client`` after record ``since``.

    A fault that ended before the end of an earlier program was meant for that one, and one that a request undid was
    ended on purpose: they are left out.
    """
    earlier = max((r.seq for r in records if r.seq <= since and isinstance(r.event, ClientFinished)), default=0)
    first = next((r.seq for r in records if r.seq > since and r.client == client and is_on_the_wire(r.event)), None)
    return [
        EndedFault(
            id=record.event.id,
            fault=record.event.name,
            description=record.event.detail,
            limit=record.event.reason,
        )
        for record in records
        if isinstance(record.event, FaultUndone)
        and record.event.reason
        and record.seq > earlier
        and (first is None or record.seq < first)
    ]

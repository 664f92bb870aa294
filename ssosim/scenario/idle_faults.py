"""Faults that touched nothing in their phase: a run that was meant to test a fault, and did not.

Pure functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ssosim.faults.core.idle_faults import explain_idle_fault, find_touching_faults
from ssosim.scenario.model import Phase
from ssosim.trace import FaultApplied, FaultUndone, LabEvent, Record
from ssosim.verdict.by_kind import RecordsByKind
from ssosim.verdict.steps import is_on_the_wire

__all__ = ["describe_idle_faults"]


def describe_idle_faults(phase: Phase, clients: Iterable[str], records: Sequence[Record]) -> tuple[str, ...]:
    """Return a sentence about each fault of ``phase`` that changed no exchange, with what the clients did instead.

    ``records`` are all records of the phase, those of its faults included. ``clients`` are the names of the clients.
    """
    applied = [record for record in RecordsByKind.of(records).select(FaultApplied) if getattr(record.event, "id", 0)]
    if not applied:
        return ()
    touched = find_touching_faults(records)
    effective = {_key(record) for record in applied if getattr(record.event, "id", 0) in touched}
    faults = [*phase.faults, *(fault for step in phase.steps for fault in step.faults)]
    names = frozenset(clients)
    mine = [record for record in records if record.client in names]
    found = []
    for record in applied:
        event = record.event
        if not isinstance(event, FaultApplied) or event.id in touched:
            continue
        if early := _describe_early_end(record, records, names):
            found.append(early)
            continue
        if _key(record) in effective:  # it begins anew for each program, and has touched another client
            continue
        fault = next((each for each in faults if (each.fault_name, each.detail) == (event.name, event.detail)), None)
        if reason := explain_idle_fault(fault, record, mine):
            found.append(f"{event.name} touched nothing: {reason}")
    return tuple(dict.fromkeys(found))


def _key(record: Record) -> tuple[str, str]:
    event = record.event
    assert isinstance(event, FaultApplied)  # noqa: S101 - by the caller
    return event.name, event.detail


def _describe_early_end(applied: Record, records: Sequence[Record], clients: frozenset[str]) -> str:
    """Return a sentence about a fault that was undone before the first message of the program it began for.

    Empty for any other fault. A program runs alone in a phase whose faults change.
    """
    number = getattr(applied.event, "id", 0)
    program, undone = "", None
    for record in records:
        event = record.event
        if record.seq <= applied.seq:
            continue
        if isinstance(event, LabEvent) and event.part == "device" and record.client in clients:
            if program:
                return ""
            program = record.client
        elif isinstance(event, FaultUndone) and event.id == number:
            if not program:  # it ended before any program began
                return ""
            undone = record
        elif record.client in clients and is_on_the_wire(event):
            if not program or undone is None or record.client != program:
                return ""
            name = getattr(applied.event, "name", "")
            return (
                f"{name} was over before the first message of {program}, and touched nothing of it; "
                'steps_from = "first-message" counts from that message'
            )
    return ""

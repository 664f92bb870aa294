"""Faults that touched nothing in their phase: a run that was meant to test a fault, and did not.

Pure functions. The events of a trace name the faults that changed an exchange (``faults``), by the number that
``FaultApplied`` has (``id``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ssosim.faults import AnyFault
from ssosim.scenario.model import Phase
from ssosim.trace import (
    DnsAnswered,
    FaultApplied,
    FaultUndone,
    HttpExchange,
    KdcExchange,
    LabEvent,
    Record,
)
from ssosim.verdict.by_kind import RecordsByKind
from ssosim.verdict.steps import is_on_the_wire, is_refused_by_kdc

__all__ = ["describe_idle_faults"]

_NOT_IN_THE_TRACE = ("ttl-changed", "delay")
"""Parts of the names of faults whose effect no event shows: the trace has no TTLs, and no reasons for delays."""
_SAME = "no exchange would have been another one without it"
_SAME_KEYS = "no service refused a ticket because of its key"
_SHOWN = 3


def describe_idle_faults(phase: Phase, clients: Iterable[str], records: Sequence[Record]) -> tuple[str, ...]:
    """Return a sentence about each fault of ``phase`` that changed no exchange, with what the clients did instead.

    ``records`` are all records of the phase, those of its faults included. ``clients`` are the names of the clients.
    """
    applied = [record for record in RecordsByKind.of(records).select(FaultApplied) if getattr(record.event, "id", 0)]
    if not applied:
        return ()
    touched = {number for record in records for number in getattr(record.event, "faults", ())}
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
        if _may_have_refused(fault, record, mine):
            continue
        reason = _explain(fault, mine)
        if reason != _SAME or not any(part in event.name for part in _NOT_IN_THE_TRACE):
            found.append(f"{event.name} touched nothing: {reason}")
    return tuple(dict.fromkeys(found))


def _may_have_refused(fault: AnyFault | None, applied: Record, records: Sequence[Record]) -> bool:
    """Return whether ``fault``, one of the directory, may be why a request was refused after it was applied.

    A request with an assertion, a ticket or a refresh token does not say in plain text whose it is, so the exchange
    does not name the fault (``EstateFault.explains``). The code is what shows it; a federation service has no codes,
    and answers with a SOAP fault (500) that no other fault explains.
    """
    codes = getattr(fault, "CODES", ())
    after = [record.event for record in records if record.seq > applied.seq]
    return bool(codes) and any(
        event.code in codes or (event.code is None and event.status >= 500 and not event.injected and not event.faults)
        for event in after
        if isinstance(event, HttpExchange)
    )


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


def _explain(fault: AnyFault | None, records: Sequence[Record]) -> str:
    """Return why ``fault`` changed nothing, from the records of the clients."""
    if not any(not isinstance(record.event, FaultApplied) for record in records):
        return "no client sent anything"
    only = tuple(getattr(fault, "clients", ()))
    if only and not any(record.client in only for record in records):
        return f"it is for {', '.join(only)} only, which did not play"
    servers = tuple(each for each in getattr(fault, "servers", ()) if isinstance(each, str))
    if servers and (asked := _describe_servers(servers, records)):
        return asked
    wanted = [*getattr(fault, "names", ()), *(getattr(fault, key, "") for key in ("name", "host", "zone"))]
    wanted = [str(each) for each in wanted if each]
    if wanted and not any(_concerns(record, wanted) for record in records):
        return f"no client asked for {' or '.join(wanted)}"
    if ".kerberos." in type(fault).__module__ and not any(_concerns_kdc(r) for r in records):
        return "no client asked the KDC"
    return _SAME_KEYS if hasattr(fault, "account") else _SAME


def _concerns_kdc(record: Record) -> bool:
    return isinstance(record.event, KdcExchange) or is_refused_by_kdc(record.event)


def _describe_servers(servers: Sequence[str], records: Sequence[Record]) -> str:
    """Return which servers the clients ask instead of ``servers``; empty if one of them asks one of these."""
    asked: dict[str, dict[str, None]] = {}
    for record in records:
        if isinstance(record.event, DnsAnswered) and record.event.by:
            asked.setdefault(record.client, {})[record.event.by] = None
    if any(by in servers for own in asked.values() for by in own):
        return ""
    pairs = [f"{client} asks {' and '.join(own)}" for client, own in asked.items()]
    more = f" and {len(pairs) - _SHOWN} more" if len(pairs) > _SHOWN else ""
    return ", ".join(pairs[:_SHOWN]) + more


def _concerns(record: Record, wanted: Sequence[str]) -> bool:
    """Return whether an exchange is about one of the names ``wanted``: the name, or a name below a zone."""
    event = record.event
    if isinstance(event, DnsAnswered):
        names = [event.name, *(answer.partition(" ")[2] for answer in event.answers)]
    elif isinstance(event, HttpExchange):
        names = [event.host]
    else:
        return False
    plain = [name.rstrip(".").lower() for name in names]
    zones = [each.removeprefix("*.").rstrip(".").lower() for each in wanted]
    return any(name == zone or name.endswith(f".{zone}") for name in plain for zone in zones)

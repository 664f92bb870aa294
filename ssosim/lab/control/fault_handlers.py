"""Faults in the control API: ``/v1/faults``."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ssosim.estate import Estate
from ssosim.faults import ActiveFaults, Applied, FaultError, fault_from
from ssosim.faults.core.ended_faults import find_ended_faults
from ssosim.faults.core.idle_faults import explain_idle_faults
from ssosim.faults.core.placeholders import expand_fault
from ssosim.lab.base.errors import LabInputError

__all__ = ["apply_fault", "list_faults", "undo_faults"]


def list_faults(active_faults: ActiveFaults, client: str = "", since: int = 0) -> dict[str, Any]:
    """List the active faults, the oldest first.

    ``idle`` of each is why it has changed no exchange so far: of any client, or of ``client`` after record ``since``.
    ``ended`` are then the faults that reached a limit before this client asked anything. Raises LabInputError for a
    client that the trace does not have.
    """
    trace = active_faults.trace
    records = trace.since()
    if client and not trace.dropped and not any(record.client == client for record in records):
        from ssosim.verdict.clients import describe_unknown_client, list_clients  # noqa: PLC0415 - a lab is ready sooner

        raise LabInputError(describe_unknown_client(client, list_clients(records)))
    reasons = explain_idle_faults(active_faults.active, records, client=client, since=since)
    found: dict[str, Any] = {"faults": [_as_data(applied, reasons) for applied in active_faults.active]}
    return found | {"ended": find_ended_faults(records, client, since)} if client else found


def apply_fault(active_faults: ActiveFaults, estate: Estate, body: dict[str, Any]) -> dict[str, Any]:
    """Apply the fault that ``body`` describes: ``fault`` is its name, the other keys are its fields.

    Placeholders such as ``{autologon}`` become the names of ``estate``. ``note`` of the answer is about clients of the
    fault that nobody has seen. Raises LabInputError for an invalid fault, and for one that names what the lab does not
    have.
    """
    before = active_faults.trace.last_seq
    try:
        applied = active_faults.apply(expand_fault(fault_from(body), estate))
    except FaultError as error:
        raise LabInputError(str(error)) from error
    data = _as_data(applied, explain_idle_faults((applied,), active_faults.trace.since(before)))
    note = _describe_unseen_clients(active_faults, getattr(applied.fault, "clients", ()))
    return data | {"note": note} if note else data


def _describe_unseen_clients(active_faults: ActiveFaults, names: Sequence[str]) -> str:
    """Return a sentence about each of ``names`` that no client has had so far; empty if all have been seen.

    Such a name is no mistake: the program may start later, under this name.
    """
    if not names or active_faults.trace.dropped:
        return ""
    from ssosim.verdict.clients import LAB_COMMANDS  # noqa: PLC0415 - a lab is ready sooner without

    found = (record.client for record in active_faults.trace.since() if record.client)
    seen = dict.fromkeys((*found, *sorted(LAB_COMMANDS)))
    sentences = []
    for name in dict.fromkeys(names):
        if name not in seen:
            near = difflib.get_close_matches(name, seen, n=1) or [each for each in seen if each.startswith(f"{name}-")]
            hint = f"did you mean {near[-1]!r}? " if near else ""
            sentences.append(
                f"no client {name!r} has been seen: {hint}the fault is for a program of that name, "
                f"ssosim exec --as {name}; without --as, numbers are added to names: curl-1"
            )
    return "; ".join(sentences)


def undo_faults(active_faults: ActiveFaults, which: str) -> dict[str, Any]:
    """Undo the fault with the id or name ``which``, or ``all``. Raises LabInputError if no or several faults match."""
    reasons = explain_idle_faults(active_faults.active, active_faults.trace.since())
    if which == "all":
        undone = [_as_data(applied, reasons) for applied in reversed(active_faults.active)]
        active_faults.undo_all()
        return {"undone": undone}
    found = [applied for applied in active_faults.active if which in (str(applied.id), applied.fault.fault_name)]
    if not found:
        known = ", ".join(f"{applied.id} ({applied.fault.fault_name})" for applied in active_faults.active)
        raise LabInputError(f"no fault {which!r} is in force; there are: {known or 'none'}")
    if len(found) > 1:
        numbers = ", ".join(str(applied.id) for applied in found)
        raise LabInputError(f"the fault {which!r} is in force {len(found)} times: name one of the ids {numbers}")
    active_faults.undo(found[0].id)
    return {"undone": [_as_data(found[0], reasons)]}


def _as_data(applied: Applied, reasons: Mapping[int, str]) -> dict[str, Any]:
    """One active fault as plain data; ``reasons`` are those of ``explain_idle_faults``."""
    fields: dict[str, Any] = msgspec.to_builtins(applied.fault)
    known = {"id": applied.id, "description": applied.fault.detail, "suspended": applied.suspended}
    return known | {"idle": reasons.get(applied.id, "")} | fields

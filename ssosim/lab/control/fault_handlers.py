"""Faults in the control API: ``/v1/faults``."""

from __future__ import annotations

from typing import Any

import msgspec

from ssosim.estate import Estate
from ssosim.faults import ActiveFaults, Applied, FaultError, fault_from
from ssosim.faults.core.placeholders import expand_fault
from ssosim.lab.base.errors import LabError, LabInputError

__all__ = ["apply_fault", "list_faults", "undo_faults"]


def list_faults(active_faults: ActiveFaults) -> dict[str, Any]:
    """List the active faults, the oldest first."""
    return {"faults": [as_data(applied) for applied in active_faults.active]}


def apply_fault(active_faults: ActiveFaults, estate: Estate, body: dict[str, Any]) -> dict[str, Any]:
    """Apply the fault that ``body`` describes: ``fault`` is its name, the other keys are its fields.

    Placeholders such as ``{autologon}`` become the names of ``estate``. Raises LabInputError for an invalid
    fault, LabError for a fault that cannot be applied to the lab.
    """
    try:
        fault = expand_fault(fault_from(body), estate)
    except FaultError as error:
        raise LabInputError(str(error)) from error
    try:
        return as_data(active_faults.apply(fault))
    except FaultError as error:
        raise LabError(str(error)) from error


def undo_faults(active_faults: ActiveFaults, which: str) -> dict[str, Any]:
    """Undo the fault with the id or name ``which``, or ``all``. Raises LabInputError if no or several faults match."""
    if which == "all":
        undone = [as_data(applied) for applied in reversed(active_faults.active)]
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
    return {"undone": [as_data(found[0])]}


def as_data(applied: Applied) -> dict[str, Any]:
    """One active fault as plain data."""
    fields: dict[str, Any] = msgspec.to_builtins(applied.fault)
    return {"id": applied.id, "description": applied.fault.detail, "suspended": applied.suspended} | fields

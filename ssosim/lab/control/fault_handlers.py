"""Faults over the control API: ``/v1/faults``."""

from __future__ import annotations

from typing import Any

import msgspec

from ssosim.faults import ActiveFaults, Applied, FaultError, fault_from
from ssosim.lab.base.errors import LabError, LabInputError

__all__ = ["apply_fault", "list_faults", "undo_faults"]


def list_faults(board: ActiveFaults) -> dict[str, Any]:
    """The faults in force, the oldest first."""
    return {"faults": [as_data(applied) for applied in board.active]}


def apply_fault(board: ActiveFaults, body: dict[str, Any]) -> dict[str, Any]:
    """Put the fault that ``body`` describes in force: ``fault`` is its name, the other keys its fields.

    Raises LabInputError for what is no fault, LabError for a fault that does not fit the lab.
    """
    try:
        fault = fault_from(body)
    except FaultError as error:
        raise LabInputError(str(error)) from error
    try:
        return as_data(board.apply(fault))
    except FaultError as error:
        raise LabError(str(error)) from error


def undo_faults(board: ActiveFaults, which: str) -> dict[str, Any]:
    """Take away the fault of that id, the one of that name, or ``all``; raises LabInputError if there is none such."""
    if which == "all":
        undone = [as_data(applied) for applied in reversed(board.active)]
        board.undo_all()
        return {"undone": undone}
    found = [applied for applied in board.active if which in (str(applied.id), applied.fault.fault_name)]
    if not found:
        known = ", ".join(f"{applied.id} ({applied.fault.fault_name})" for applied in board.active)
        raise LabInputError(f"no fault {which!r} is in force; there are: {known or 'none'}")
    if len(found) > 1:
        numbers = ", ".join(str(applied.id) for applied in found)
        raise LabInputError(f"the fault {which!r} is in force {len(found)} times: name one of the ids {numbers}")
    board.undo(found[0].id)
    return {"undone": [as_data(found[0])]}


def as_data(applied: Applied) -> dict[str, Any]:
    """One fault in force."""
    fields: dict[str, Any] = msgspec.to_builtins(applied.fault)
    return {"id": applied.id, "description": applied.fault.detail, "suspended": applied.suspended} | fields

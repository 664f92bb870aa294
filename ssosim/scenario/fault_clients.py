"""Check the clients that the faults of a scenario are for: a fault for a client that nobody is strikes nothing.

A scenario that plays on a running lab is not checked: its clients are programs whose names nobody knows yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ssosim.faults import AnyFault
from ssosim.lab.base.errors import LabInputError
from ssosim.nearest import suggest_nearest
from ssosim.scenario.model import Phase, Scenario

__all__ = ["check_fault_clients"]


def check_fault_clients(scenario: Scenario, playing: Iterable[str]) -> None:
    """Check the faults of ``scenario``, with all its clients; ``playing`` are the names of the clients that play.

    Raises LabInputError for a fault that is for neither a client of the scenario nor one that plays, with the phase,
    the fault and the nearest name.
    """
    known = list(dict.fromkeys((*(client.name for client in scenario.clients), *playing)))
    for phase in scenario.phases:
        for fault in _list_faults(phase):
            for name in getattr(fault, "clients", ()):
                if name not in known:
                    near = suggest_nearest(name, known)
                    hint = f"; {near}" if near else ""
                    raise LabInputError(
                        f"{scenario.name}: phase {phase.name!r}: {fault.fault_name}: clients: there is no client "
                        f"{name!r}; known: {', '.join(known)}{hint}"
                    )


def _list_faults(phase: Phase) -> Iterator[AnyFault]:
    yield from phase.faults
    for step in phase.steps:
        yield from step.faults

"""A change in some views before it is in all: the canary's resolver first, and no further when it turns red.

A DNS change has no natural gradual rollout (row 004-030); for names that stay global a change is shown by one resolver
after another, as by a response policy zone, while the zones stay as they are (row 004-095).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from dns.name import Name

from ssosim.changes.inventory import Inventory
from ssosim.changes.outside_in import outside_in
from ssosim.changes.plan import Plan
from ssosim.dns.recursion import Question
from ssosim.dns.zones.answer import Answer, answer
from ssosim.dns.zones.rrset import to_name
from ssosim.dns.zones.zone_set import ZoneSet
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.lab.control.endpoint_probes import Prober
from ssosim.lab.core.lab import Lab

__all__ = ["show_in_views", "take_back"]


async def show_in_views(lab: Lab, plan: Plan, inventory: Inventory, prober: Prober) -> None:
    """Show ``plan`` in the views of its change, in their order, and look at every endpoint through each of them.

    A finding that was not there before stops it and takes it back everywhere. Raises LabError then, and LabInputError
    for a view that the lab does not have.
    """
    views = plan.change.views
    if unknown := [view for view in views if view not in lab.resolvers]:
        known = ", ".join(lab.resolvers) or "none (the estate has no [[resolvers]])"
        raise LabInputError(f"views: there is no resolver {unknown[0]!r}; known: {known}")
    touched = frozenset((*plan.delta.names, *(to_name(name) for name in plan.blast.names)))
    before = {view: await problems(lab, view, inventory, prober) for view in views}
    for view in views:
        lab.resolvers[view].override = shown(plan.after, touched)
        red = await problems(lab, view, inventory, prober)
        if new := sorted(text for key, text in red.items() if key not in before[view]):
            take_back(lab, views)
            raise LabError(f"stopped at the view {view}, and taken back in every view: {'; '.join(new)}")


def take_back(lab: Lab, views: Sequence[str]) -> None:
    """Let these views show the zones again."""
    for view in views:
        lab.resolvers[view].override = None


async def problems(lab: Lab, view: str, inventory: Inventory, prober: Prober) -> dict[tuple[str, str], str]:
    """What is not as expected when seen through one view: by kind and name, in words."""
    address = next(each.address for each in lab.estate.resolvers if each.name == view)
    seen = await prober.observe(inventory, [(view, lab.endpoint(address, 53))])
    return {(each.kind, each.name): f"{each.name}: {each.text}" for each in outside_in(inventory, seen)}


def shown(zones: ZoneSet, touched: frozenset[Name]) -> Callable[[Question], Answer | None]:
    """Answers from ``zones`` for names that the change touches, or that lead to one; None for all others."""

    def override(question: Question) -> Answer | None:
        said = answer(zones, question.name, question.type)
        if question.name not in touched and not any(rrset.name in touched for rrset in said.answer):
            return None
        return dataclasses.replace(said, authoritative=False)

    return override

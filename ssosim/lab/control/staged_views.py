"""Changes in some views before they are in all: the canary's resolver first, and no further when it turns red.

A DNS change has no natural gradual rollout (TMS9-030); for names that stay global a change is shown by one resolver
after another, as by a response policy zone, while the zones stay as they are (TMS9-095).

A view shows the zones of this moment with the changes that are staged in it, in their order; so several changes may be
staged at once, in the same views or in others, and none hides what is done to the zones meanwhile.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import msgspec
from dns.name import Name

from ssosim.changes.change import Change
from ssosim.changes.inventory import Inventory
from ssosim.changes.outside_in import compare_observations
from ssosim.changes.plan import Plan
from ssosim.dns import DnsChangeError
from ssosim.dns.recursion import Question
from ssosim.dns.zones.answer import Answer, answer
from ssosim.dns.zones.rrset import to_name
from ssosim.dns.zones.zone_set import ZoneSet
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.lab.control.endpoint_probes import EndpointProber
from ssosim.lab.core.lab import Lab

__all__ = ["StagedChange", "StagedViews"]


@dataclass(frozen=True, slots=True)
class StagedChange:
    """A change in the views that it names, and the names that it touches."""

    change: Change
    token: str
    touched: frozenset[Name]


class StagedViews:
    """The changes that resolvers of ``lab`` show beside the zones, the oldest first.

    Its methods that change something are called one after another; ``DnsHandlers`` sees to that.
    """

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._staged: tuple[StagedChange, ...] = ()

    @property
    def all(self) -> tuple[StagedChange, ...]:
        """What is staged."""
        return self._staged

    async def stage(self, plan: Plan, inventory: Inventory, prober: EndpointProber) -> StagedChange:
        """Show ``plan`` in the views of its change, in their order, and look at every endpoint through each of them.

        The same change staged before, in whatever views, is replaced. A finding that was not there before stops it and
        leaves everything as it was. Raises LabError then, and for a change that does not fit upon those in its views,
        and LabInputError for a view that the lab does not have.
        """
        lab, views, before = self._lab, plan.change.views, self._staged
        if unknown := [view for view in views if view not in lab.resolvers]:
            known = ", ".join(lab.resolvers) or "none (the estate has no [[resolvers]])"
            raise LabInputError(f"views: there is no resolver {unknown[0]!r}; known: {known}")
        touched = frozenset((*plan.delta.names, *(to_name(name) for name in plan.blast.names)))
        others = tuple(each for each in before if not _is_same_change(each.change, plan.change))
        for view in views:
            self._check_that_it_applies(plan.change, view, others)
        known_problems = {view: await find_problems(lab, view, inventory, prober) for view in views}
        staged = StagedChange(plan.change, plan.token, touched)
        try:
            for number, view in enumerate(views, 1):
                shown = StagedChange(msgspec.structs.replace(plan.change, views=views[:number]), plan.token, touched)
                self._set_staged((*others, shown))
                current_problems = await find_problems(lab, view, inventory, prober)
                _raise_on_new_problem(view, known_problems[view], current_problems)
        except BaseException:
            self._set_staged(before)
            raise
        return staged

    def unstage(self, staged: StagedChange) -> None:
        """Show it in no view any more; the others stay."""
        self._set_staged(tuple(each for each in self._staged if each.token != staged.token))

    def remove_global_change(self, change: Change) -> None:
        """``change`` is in the zones now, so that no view needs to show it beside them."""
        self._set_staged(tuple(each for each in self._staged if not _is_same_change(each.change, change)))

    def _check_that_it_applies(self, change: Change, view: str, others: Iterable[StagedChange]) -> None:
        beneath = [each.change for each in others if view in each.change.views]
        try:
            change.apply(_apply_all(self._lab.zones.current, beneath))
        except DnsChangeError as error:
            titles = ", ".join(each.title for each in beneath)
            raise LabError(
                f"the view {view} shows another change ({titles}) on which this does not fit: {error}; take "
                "that one back first (rollback)"
            ) from error

    def _set_staged(self, staged: tuple[StagedChange, ...]) -> None:
        self._staged = staged
        for view, resolver in self._lab.resolvers.items():
            here = tuple(each for each in staged if view in each.change.views)
            resolver.override = make_override(self._lab, here) if here else None


def _raise_on_new_problem(view: str, before: Mapping[tuple[str, str], str], now: Mapping[tuple[str, str], str]) -> None:
    """Raise LabError where something is not as expected that was before."""
    if new := sorted(text for key, text in now.items() if key not in before):
        raise LabError(f"stopped at the view {view}, and taken back in every view: {'; '.join(new)}")


def _is_same_change(one: Change, other: Change) -> bool:
    """Whether two are the same but for where they are shown."""
    return msgspec.structs.replace(one, views=()) == msgspec.structs.replace(other, views=())


def _apply_all(zones: ZoneSet, changes: Iterable[Change]) -> ZoneSet:
    """``zones`` with the changes made to them; one that does not fit any more is passed over."""
    for change in changes:
        try:
            zones = change.apply(zones)
        except DnsChangeError:
            continue
    return zones


async def find_problems(
    lab: Lab, view: str, inventory: Inventory, prober: EndpointProber
) -> dict[tuple[str, str], str]:
    """What is not as expected when seen through one view: by kind and name, in words."""
    address = next(each.address for each in lab.estate.resolvers if each.name == view)
    seen = await prober.observe(inventory, [(view, lab.endpoint(address, 53))])
    return {(each.kind, each.name): f"{each.name}: {each.text}" for each in compare_observations(inventory, seen)}


def make_override(lab: Lab, staged: tuple[StagedChange, ...]) -> Callable[[Question], Answer | None]:
    """Answers for names that the changes touch, or that lead to one, from the zones with them; None for all others."""
    touched = frozenset().union(*(each.touched for each in staged))
    zones = seen = lab.zones.current
    zones = _apply_all(seen, (each.change for each in staged))

    def override(question: Question) -> Answer | None:
        nonlocal zones, seen
        if lab.zones.current is not seen:
            seen = lab.zones.current
            zones = _apply_all(seen, (each.change for each in staged))
        found = answer(zones, question.name, question.type)
        if question.name not in touched and not any(rrset.name in touched for rrset in found.answer):
            return None
        return dataclasses.replace(found, authoritative=False)

    return override

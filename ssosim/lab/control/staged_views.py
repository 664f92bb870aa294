"""Staged changes: visible in some views before all, the canary's resolver first. A new finding stops the rollout.

A DNS change has no natural gradual rollout (TMS9-030). So a change of names that stay global is made visible in one
resolver after another, as with a response policy zone, while the zones do not change (TMS9-095).

A view answers from the current zones with its staged changes applied in order. So several changes may be staged at
once, in the same views or in others, and later changes of the zones stay visible in every view.
"""

from __future__ import annotations

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
    """A change that is visible in the views that it names, its plan token, and the names that it affects."""

    change: Change
    token: str
    touched: frozenset[Name]


class StagedViews:
    """The changes that resolvers of ``lab`` apply to their answers, the oldest first.

    Not safe for concurrent changes: ``DnsHandlers`` calls the methods under its lock.
    """

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._staged: tuple[StagedChange, ...] = ()

    @property
    def all(self) -> tuple[StagedChange, ...]:
        """All staged changes, the oldest first."""
        return self._staged

    async def stage(self, plan: Plan, inventory: Inventory, prober: EndpointProber) -> StagedChange:
        """Stage ``plan`` in the views of its change, one after another, and probe all endpoints through each of them.

        The same change, if it was staged before, is replaced. A new finding undoes the staging in all views and raises
        LabError. Raises LabError too if the change cannot be applied after the others of a view, and LabInputError for
        a view that the lab does not have.
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
        """Remove ``staged`` from all views; other staged changes stay."""
        self._set_staged(tuple(each for each in self._staged if each.token != staged.token))

    def remove_global_change(self, change: Change) -> None:
        """Remove ``change`` from all views because the zones now contain it."""
        self._set_staged(tuple(each for each in self._staged if not _is_same_change(each.change, change)))

    def _check_that_it_applies(self, change: Change, view: str, others: Iterable[StagedChange]) -> None:
        beneath = [each.change for each in others if view in each.change.views]
        try:
            change.apply(_apply_all(self._lab.zones.current, beneath))
        except DnsChangeError as error:
            titles = ", ".join(each.title for each in beneath)
            raise LabError(
                f"the view {view} has another staged change ({titles}) that conflicts with this one: {error}; roll "
                "that one back first (rollback)"
            ) from error

    def _set_staged(self, staged: tuple[StagedChange, ...]) -> None:
        self._staged = staged
        for view, resolver in self._lab.resolvers.items():
            here = tuple(each for each in staged if view in each.change.views)
            resolver.override = make_override(self._lab, here) if here else None


def _raise_on_new_problem(view: str, before: Mapping[tuple[str, str], str], now: Mapping[tuple[str, str], str]) -> None:
    """Raise LabError if ``now`` has a problem that ``before`` does not have."""
    if new := sorted(text for key, text in now.items() if key not in before):
        raise LabError(f"stopped at the view {view}, and removed from every view: {'; '.join(new)}")


def _is_same_change(one: Change, other: Change) -> bool:
    """Whether two changes are equal except for their views."""
    return msgspec.structs.replace(one, views=()) == msgspec.structs.replace(other, views=())


def _apply_all(zones: ZoneSet, changes: Iterable[Change]) -> ZoneSet:
    """Apply all changes to ``zones``; a change that can no longer be applied is skipped."""
    for change in changes:
        try:
            zones = change.apply(zones)
        except DnsChangeError:
            continue
    return zones


async def find_problems(
    lab: Lab, view: str, inventory: Inventory, prober: EndpointProber
) -> dict[tuple[str, str], str]:
    """Probe all endpoints through one view; return the problems as text, by kind and name."""
    address = next(each.address for each in lab.estate.resolvers if each.name == view)
    seen = await prober.observe(inventory, [(view, lab.endpoint(address, 53))])
    return {(each.kind, each.name): f"{each.name}: {each.text}" for each in compare_observations(inventory, seen)}


def make_override(lab: Lab, staged: tuple[StagedChange, ...]) -> Callable[[Question], Answer | None]:
    """Make a resolver override: it answers for affected names, and for names with a CNAME to one; None for others."""
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
        return msgspec.structs.replace(found, authoritative=False)

    return override

"""Plans of the change between two states of a zone that are a few lines of text each."""

from __future__ import annotations

from collections.abc import Mapping

from conftest_ops import change

from ssosim.changes.approvals import load_policy
from ssosim.changes.inventory import Endpoint, Inventory
from ssosim.changes.plan import Plan, PlanContext, plan_between
from ssosim.changes.risk import Level
from ssosim.changes.usage import NO_COUNTS, Count, QueryCounts
from ssosim.dns import ZoneSet
from tests.dns.zone_texts import read_zones

__all__ = ["NOW", "FixedCounts", "critical", "levels", "plan_of", "plan_zones", "reasons"]

NOW = 1_800_000_000.0


class FixedCounts:
    """Query counts that a test gives: how often each name was resolved, at any time."""

    def __init__(self, totals: Mapping[str, int], gap: str = "") -> None:
        self.totals = totals
        self.gap = gap
        self.windows: dict[str, float] = {}

    def resolutions(self, name: str, since: float, until: float) -> Count | None:
        """The count of that name; None with a gap."""
        self.windows[name] = until - since
        total = self.totals.get(name, 0)
        return None if self.gap else Count(total, {"office": total} if total else {})

    def names(self, now: float) -> frozenset[str]:  # noqa: ARG002 - the shape of the port
        """All names with a count."""
        return frozenset(self.totals)

    def explain_gap(self, since: float, until: float) -> str:  # noqa: ARG002 - the shape of the port
        """The gap."""
        return self.gap

    def explain_lost(self, now: float) -> str:  # noqa: ARG002 - the shape of the port
        """Nothing is lost."""
        return ""

    def freeze(self) -> FixedCounts:
        """These counts."""
        return self


def critical(*names: str) -> Inventory:
    """An inventory with these names, all critical."""
    return Inventory(endpoints=tuple(Endpoint(name=name, owner="team", flow="core", critical=True) for name in names))


def plan_zones(
    before: ZoneSet,
    after: ZoneSet,
    *,
    inventory: Inventory | None = None,
    counts: QueryCounts = NO_COUNTS,
    spns: tuple[str, ...] = (),
    window: int = 0,
) -> Plan:
    """The plan of the change from one state to the other, with the strict policy."""
    context = PlanContext(
        inventory=inventory or Inventory(), policy=load_policy("strict"), counts=counts, spns=spns, now=NOW
    )
    return plan_between(change(window=window), before, after, context)


def plan_of(before: str, after: str, **options: object) -> Plan:
    """As ``plan_zones``, for the records of the zone ``contoso.com``."""
    return plan_zones(read_zones(contoso_com=before), read_zones(contoso_com=after), **options)  # type: ignore[arg-type]


def reasons(plan: Plan) -> list[str]:
    """The reasons of the risk, each with its level in front."""
    return [f"{reason.level.word} {reason.text}" for reason in plan.risk.reasons]


def levels(plan: Plan, words: str) -> list[Level]:
    """The levels of the reasons that begin with these words."""
    return [reason.level for reason in plan.risk.reasons if reason.text.startswith(words)]

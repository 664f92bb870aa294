"""Change control of the default estate, with a clock that only a test moves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ssosim.changes.approvals import Approval, load_policy
from ssosim.changes.change import Change
from ssosim.changes.change_control import ChangeControl
from ssosim.changes.inventory import default_inventory
from ssosim.changes.ledger import Ledger
from ssosim.changes.operations import DeleteProfile, PointAlias, PutProfile, PutRecords, RemoveRecords
from ssosim.changes.usage import ServerCounts
from ssosim.dns import ZoneSet, ZoneStore, zones_of
from ssosim.dns.server.query_counts import QueryCounts, Use
from ssosim.estate import default_estate
from ssosim.faults import ActiveFaults
from ssosim.trace import Trace

AUTOLOGON = "autologon.microsoftazuread-sso.com"
LOGIN = "login.microsoftonline.com"
MANAGER = "www.tm.a.prd.aadg.trafficmanager.net"
PROFILE = "aadg-autologon"


@dataclass
class StillClock:
    """A clock whose time, in seconds since the epoch, only a test changes."""

    moment: float = 1_740_000_000.0

    def now(self) -> float:
        """The current time in seconds since the epoch."""
        return self.moment

    async def sleep(self, seconds: float) -> None:
        """Advance the clock at once."""
        self.moment += seconds


def change(*operations: Any, **fields: Any) -> Change:
    """A change with a complete document."""
    document: dict[str, Any] = {
        "title": "a change",
        "author": "carol",
        "intent": "to test",
        "procedure": ("do it",),
        "rollback": ("undo it",),
        "health_signals": ("sign-ins",),
        "abort_rule": "any drop",
    }
    return Change(**(document | {"operations": operations} | fields))


def clean_up(**fields: Any) -> Change:
    """The change of 25 February 2025, with the rollback that was tried first."""
    profile = next(each for each in default_estate().traffic_managers if each.name == PROFILE)
    undo = (PutProfile(profile=profile), *cname_for_alias())
    return change(DeleteProfile(profile=PROFILE), **({"rollback_operations": undo} | fields))


def cname_for_alias() -> tuple[Any, ...]:
    """A CNAME where the alias record set was."""
    return (RemoveRecords(name=AUTOLOGON, type="A"), PutRecords(name=AUTOLOGON, type="CNAME", values=(f"{MANAGER}.",)))


def whole_rollback() -> tuple[Any, ...]:
    """The operations that restore last known good after ``clean_up``."""
    profile = next(each for each in default_estate().traffic_managers if each.name == PROFILE)
    return (PutProfile(profile=profile), PointAlias(name=AUTOLOGON, type="A", profile=PROFILE))


def yes(token: str, *people: str, **answers: str) -> tuple[Approval, ...]:
    """An approval of ``token`` by each of ``people``."""
    said = {"safer": "no", "needed": "yes", "now": "yes"} | answers
    return tuple(Approval(person=person, plan=token, **said) for person in people)


@dataclass
class Office:
    """Change control, and the parts that it works on."""

    control: ChangeControl
    store: ZoneStore
    clock: StillClock
    counts: QueryCounts
    active_faults: ActiveFaults
    trace: Trace

    def ask(self, name: str, client: str = "office") -> None:
        """Count a query of ``client`` for ``name``."""
        self.counts.add(Use((name,), "A"), client)

    def apply(self, wanted: Change, **more: Any) -> Any:
        """Apply with two approvals and two people present."""
        token = self.control.plan(wanted).token
        return self.control.apply(wanted, approvals=yes(token, "ann", "ben"), executors=("ann", "ben"), **more)


@pytest.fixture(scope="session")
def zones() -> ZoneSet:
    """The default estate's zones."""
    return zones_of(default_estate())


@pytest.fixture
def office(zones: ZoneSet, tmp_path: Path) -> Office:
    """Change control with the strict policy, and query counts of the last hour, in which there was no query."""
    clock = StillClock()
    counts = QueryCounts(clock)
    clock.moment += 3600
    store = ZoneStore(zones)
    active_faults = ActiveFaults(store, trace := Trace())
    estate = default_estate()
    control = ChangeControl(
        store,
        Ledger(tmp_path / "dns"),
        inventory=default_inventory(),
        policy=load_policy("strict"),
        counts=ServerCounts(counts),
        spns=estate.default_realm.service_account.spns,
        clock=clock,
        unbroken=active_faults.unbroken,
        put=active_faults.put,
    )
    return Office(control, store, clock, counts, active_faults, trace)

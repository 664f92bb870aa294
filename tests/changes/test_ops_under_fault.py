"""Change control during a fault: the effects of the change and of the fault are kept apart."""

from __future__ import annotations

import itertools

import pytest
from conftest_ops import AUTOLOGON, LOGIN, PROFILE, Office, change
from dns.rdatatype import A

from ssosim.changes.change import Change
from ssosim.changes.change_control import RefusedError
from ssosim.changes.diff import compare
from ssosim.changes.operations import PutRecords
from ssosim.changes.verify import verify
from ssosim.dns import put_rrset
from ssosim.dns.zones.rrset import plain
from ssosim.faults import NameRemoved, TrafficManagerDeleted, TtlChanged, ZoneFault

NEW = "new.microsoftazuread-sso.com"
FAULTS = (NameRemoved(name=AUTOLOGON), TtlChanged(name=AUTOLOGON, ttl=7), TrafficManagerDeleted(profile=PROFILE))


def added(**fields: object) -> Change:
    """A change beside the fault, in its zone; an emergency, since the fault is open drift there."""
    operations = (PutRecords(name=NEW, type="A", values=("192.0.2.9",)),)
    return change(*operations, urgency="emergency", incident="INC-7", **fields)


def test_a_fault_is_drift_and_locks_its_zone(office: Office):
    """TMS9-051: what a fault does to a zone was not in any change, so the zone takes none until it ends."""
    undo = office.active_faults.add(FAULTS[0])
    calm = change(PutRecords(name=NEW, type="A", values=("192.0.2.9",)))
    with pytest.raises(RefusedError, match="locked by open drift"):
        office.apply(calm)
    undo()
    assert office.apply(calm).verification.good


ORDERS = [
    order
    for order in itertools.permutations(("apply", "rollback", "break", "mend"))
    if order.index("apply") < order.index("rollback") and order.index("break") < order.index("mend")
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.fault_name)
@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_change_and_fault_end_in_any_order(office: Office, fault: ZoneFault, order: tuple[str, ...]):
    """TMS9-084: applied and rolled back, broken and mended, however these cross: in the end all is as it was."""
    healthy = office.store.current
    ends = []
    for step in order:
        if step == "apply":
            assert office.apply(added()).verification.good
        elif step == "rollback":
            assert office.control.rollback(by="ann").verification.good
        elif step == "break":
            ends.append(office.active_faults.add(fault))
        else:
            ends.pop()()
    assert verify(office.store.current, healthy).good
    assert office.control.detect_drift() == ()
    assert office.control.locks == {}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.fault_name)
def test_a_fault_that_ends_leaves_the_change(office: Office, fault: ZoneFault):
    """What was applied while something was broken stands when that is mended, and is all that differs."""
    healthy = office.store.current
    end = office.active_faults.add(fault)
    done = office.apply(added())
    end()
    assert {plain(name) for name in compare(healthy, office.store.current).names} == {NEW}
    assert done.entry.number == 1
    assert office.control.detect_drift() == ()


def test_last_known_good_has_no_fault_in_it(office: Office):
    """A rollback while the fault lasts gives the healthy state: last known good was never a broken one."""
    healthy = office.store.current
    office.active_faults.add(NameRemoved(name=AUTOLOGON))
    office.apply(added())
    assert office.control.rollback(by="ann").verification.good
    assert verify(office.store.current, healthy).good


def test_a_change_stands_that_says_what_a_fault_shows_already(office: Office):
    """Put while a fault happens to show just that: when the fault ends, the change is in force, and so is its undo."""
    healthy = office.store.current
    end = office.active_faults.add(TtlChanged(name=LOGIN, ttl=7))
    shown = office.store.current.find(LOGIN, A)
    assert shown is not None
    same = PutRecords(name=LOGIN, type="A", ttl=7, values=tuple(rdata.to_text() for rdata in shown.rdatas))
    office.apply(change(same, urgency="emergency", incident="INC-7"))
    end()
    after = office.store.current.find(LOGIN, A)
    assert after is not None
    assert after.ttl == 7
    assert office.control.ledger.zones(office.control.ledger.entries()[-1].after) == office.store.current
    assert office.control.rollback(by="ann").verification.good
    assert office.store.current == healthy


def test_a_fault_is_never_adopted(office: Office):
    """Adopting drift while something is broken on purpose does not make the broken state the desired one."""
    end = office.active_faults.add(NameRemoved(name=AUTOLOGON))
    office.store.change(lambda zones: put_rrset(zones, "stray.microsoft.com", "A", ["192.0.2.9"]))
    office.control.adopt("ann")
    end()
    assert office.control.detect_drift() == ()
    assert office.control.desired == office.store.current

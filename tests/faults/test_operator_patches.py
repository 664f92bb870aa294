"""What an operator changes in zones under faults: a patch has the differences, and applied again it makes them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from dns.rdatatype import AAAA, CNAME, MX, TXT, A, RdataType
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ssosim.dns import ZoneSet, delete_profile, put_rrset, remove_name, remove_rrset
from ssosim.dns.zones.rrset import to_name
from ssosim.faults import (
    AaaaDead,
    CnameForAlias,
    CnameLoop,
    Fault,
    FaultError,
    LongChain,
    NameRemoved,
    RecordSetEmpty,
    TrafficManagerDeleted,
    TtlChanged,
    WrongAddress,
)
from ssosim.faults.core.patch import patch_between
from tests.faults.fault_board import AUTOLOGON, HEALTHY, LOGIN, STS, FaultBoard

Edit = Callable[[ZoneSet], ZoneSet]
PROFILE = "aadg-autologon"
EDITS: dict[str, Edit] = {
    "address": lambda zones: put_rrset(zones, STS, "A", ["10.0.0.1"]),
    "second address": lambda zones: put_rrset(zones, STS, "A", ["10.0.0.2", "10.0.0.3"]),
    "ttl": lambda zones: put_rrset(zones, STS, "A", ["10.0.0.1"], ttl=7),
    "new name": lambda zones: put_rrset(zones, "new.fabrikam.com", "TXT", ["hello"]),
    "other type": lambda zones: put_rrset(zones, STS, "AAAA", ["2001:db8::7"]),
    "mail": lambda zones: put_rrset(zones, "fabrikam.com", "MX", ["10 mail.fabrikam.com."]),
    "cname": lambda zones: put_rrset(zones, "alias.fabrikam.com", "CNAME", [f"{STS}."]),
    "empty": lambda zones: put_rrset(zones, STS, "A", []),
    "removed": lambda zones: remove_name(zones, STS) if zones.zone_of(to_name(STS)).node(to_name(STS)) else zones,
    "no profile": lambda zones: delete_profile(zones, PROFILE) if PROFILE in zones.profiles else zones,
}
CHOICES = st.lists(st.sampled_from(sorted(EDITS)), max_size=4)
FAULTS: list[Fault] = [
    NameRemoved(name=LOGIN),
    RecordSetEmpty(name=LOGIN),
    WrongAddress(name=LOGIN),
    TtlChanged(name=AUTOLOGON, ttl=1),
    AaaaDead(name=LOGIN),
    CnameLoop(name=LOGIN),
    LongChain(name=LOGIN, length=3),
    TrafficManagerDeleted(profile=PROFILE),
    CnameForAlias(name=AUTOLOGON, profile=PROFILE),
]


def edit(zones: ZoneSet, names: list[str]) -> ZoneSet:
    """The zones after these changes of an operator."""
    for name in names:
        zones = EDITS[name](zones)
    return zones


@given(CHOICES, CHOICES)
@settings(max_examples=60, deadline=None)
def test_a_patch_makes_the_later_zones_of_the_earlier(before: list[str], after: list[str]) -> None:
    """For all changes: the patch between two states, applied to the first, gives the second."""
    first = edit(HEALTHY, before)
    second = edit(first, after)
    assert patch_between(first, second).apply(first) == second
    assert patch_between(second, first).apply(second) == first
    assert patch_between(first, first).empty
    assert patch_between(first, second).empty is (first == second)


@given(CHOICES)
@settings(max_examples=40, deadline=None)
def test_a_patch_applied_twice_is_one(names: list[str]) -> None:
    """It sets values, and counts nothing."""
    patch = patch_between(HEALTHY, edit(HEALTHY, names))
    assert patch.apply(patch.apply(HEALTHY)) == patch.apply(HEALTHY)


@given(CHOICES, st.lists(st.sampled_from(FAULTS), max_size=3, unique_by=str))
@settings(max_examples=25, deadline=None)
def test_an_operators_changes_are_there_when_all_faults_are_undone(names: list[str], faults: list[Fault]) -> None:
    """Whatever faults are in force and whatever is changed meanwhile: undone, the zones have these changes only."""
    assume("no profile" not in names or TrafficManagerDeleted(profile=PROFILE) not in faults)  # nothing left to delete
    board = FaultBoard()
    undos = []
    for number, name in enumerate([*names, ""]):
        for fault in faults[number : number + 1] if name else faults[number:]:
            try:
                undos.append(fault.apply(board.faults))
            except FaultError:
                continue
        if name:
            board.store.change(EDITS[name])
    for undo in undos:
        undo()
    expected = edit(HEALTHY, names)
    assert board.store.current == expected
    assert board.faults.unbroken() == expected


@pytest.mark.parametrize(
    ("held", "kind", "left"),
    [
        (("A", "AAAA", "TXT"), CNAME, [CNAME]),
        (("CNAME",), A, [A]),
        (("A", "TXT"), AAAA, [A, AAAA, TXT]),
        (("TXT",), MX, [MX, TXT]),
    ],
)
def test_a_cname_stands_alone(held: tuple[str, ...], kind: RdataType, left: list[RdataType]) -> None:
    """RFC 1034 section 3.6.2: what cannot stand beside the operator's record set is removed with it."""
    values = {"A": "10.0.0.1", "AAAA": "2001:db8::1", "TXT": "x", "CNAME": f"{STS}.", "MX": "10 mail.fabrikam.com."}
    name = "both.fabrikam.com"
    there = HEALTHY
    for each in held:
        there = put_rrset(there, name, each, [values[each]])
    patch = patch_between(HEALTHY, put_rrset(HEALTHY, name, kind, [values[kind.name]]))
    node = patch.apply(there).zone_of(to_name(name)).node(to_name(name))
    assert sorted(node) == sorted(left)


def test_a_patch_leaves_what_it_does_not_name() -> None:
    """A fault's record set beside the operator's stays, and so does one that the operator did not touch."""
    patch = patch_between(HEALTHY, put_rrset(HEALTHY, STS, "A", ["10.0.0.1"]))
    other = put_rrset(put_rrset(HEALTHY, LOGIN, "A", ["192.0.2.99"]), STS, "AAAA", ["2001:db8::9"])
    assert patch.apply(other) == put_rrset(other, STS, "A", ["10.0.0.1"])


def test_a_record_set_that_the_operator_removes_stays_removed() -> None:
    """A removal is a difference too: the fault that had changed the set does not bring it back."""
    board = FaultBoard()
    undo = WrongAddress(name=LOGIN).apply(board.faults)
    board.store.change(lambda zones: remove_rrset(zones, LOGIN, "A"))
    undo()
    assert board.look_up().outcome in ("NXDOMAIN", "NODATA")
    assert board.store.current == remove_rrset(HEALTHY, LOGIN, "A")


def test_what_the_operator_would_see_without_the_faults() -> None:
    """``unbroken`` of zones that are shown: the operator's part of the change, and none of the fault's."""
    board = FaultBoard()
    NameRemoved(name=LOGIN).apply(board.faults)
    shown = put_rrset(board.store.current, STS, "A", ["10.0.0.1"])
    assert board.faults.unbroken(shown) == put_rrset(HEALTHY, STS, "A", ["10.0.0.1"])
    assert board.faults.unbroken() == HEALTHY, "asking changes nothing"
    assert FaultBoard().faults.unbroken(shown) == shown


def test_a_value_that_the_fault_shows_already_can_be_the_operators() -> None:
    """The operator sets the name to the address that the fault gave it: undone, the operator's value stays."""
    board = FaultBoard()
    undo = WrongAddress(name=LOGIN, address="192.0.2.99").apply(board.faults)
    wanted = put_rrset(HEALTHY, LOGIN, "A", ["192.0.2.99"])
    board.faults.put(board.store.current, wanted)
    assert board.faults.unbroken() == wanted
    undo()
    assert board.store.current == wanted


@pytest.mark.parametrize(
    ("fault", "change", "expected"),
    [
        # the fault changed the TTL and the operator the records, or the other way round
        (TtlChanged(name=STS, ttl=1), EDITS["address"], lambda zones: put_rrset(zones, STS, "A", ["10.0.0.1"])),
        (
            WrongAddress(name=STS),
            lambda zones: put_rrset(zones, STS, "A", ["203.0.113.254"], ttl=5),
            lambda zones: put_rrset(zones, STS, "A", ["198.51.100.30"], ttl=5),
        ),
        (TtlChanged(name=AUTOLOGON, ttl=1), EDITS["no profile"], EDITS["no profile"]),
        (
            AaaaDead(name=STS),
            lambda zones: put_rrset(zones, STS, "AAAA", ["100::1"], ttl=5),
            lambda zones: zones,
        ),
        (AaaaDead(name=STS), EDITS["other type"], EDITS["other type"]),
    ],
    ids=["records", "ttl", "alias", "ttl-of-the-fault", "records-of-the-fault"],
)
def test_the_other_part_of_a_record_set_stays_the_faults(fault: Fault, change: Edit, expected: Edit) -> None:
    """The operator's change has what the operator changed: undone, no TTL and no address of the fault is left."""
    board = FaultBoard()
    undo = fault.apply(board.faults)
    board.store.change(change)
    undo()
    assert board.store.current == expected(HEALTHY)


def test_a_setting_of_a_zone_does_not_keep_the_faults_records() -> None:
    """The operator sets the SOA minimum of the zone in which a fault has changed an address."""
    board = FaultBoard()
    undo = WrongAddress(name=STS).apply(board.faults)
    zone = board.store.current.zone_of(to_name(STS))
    board.store.change(lambda zones: zones.with_zone(dataclasses.replace(zone, negative_ttl=7)))
    undo()
    healthy = HEALTHY.zone_of(to_name(STS))
    assert board.store.current == HEALTHY.with_zone(dataclasses.replace(healthy, negative_ttl=7))

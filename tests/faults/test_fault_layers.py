"""Faults as layers: applied, undone in any order, and an operator at work meanwhile."""

from __future__ import annotations

import pytest
from dns.rdatatype import A
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.dns import (
    FindDnsEffect,
    ZoneStore,
    answer,
    delete_profile,
    point_alias,
    put_profile,
    put_rrset,
    zones_of,
)
from ssosim.dns.zones.rrset import to_name
from ssosim.estate import TrafficManager, default_estate
from ssosim.faults import (
    FAULTS,
    AaaaDead,
    ActiveFaults,
    CnameForAlias,
    CnameLoop,
    DelegationRemoved,
    Drop,
    Fault,
    FaultError,
    LongChain,
    NameRemoved,
    NameServerBlank,
    NameServerStale,
    PtrMismatch,
    RecordSetEmpty,
    ServFail,
    StaleCache,
    TrafficManagerDeleted,
    TtlChanged,
    ValidationFailing,
    WrongAddress,
)
from ssosim.trace import FaultApplied, FaultUndone, Trace

AUTOLOGON = "autologon.microsoftazuread-sso.com"
LOGIN = "login.microsoftonline.com"
PROFILE = "aadg-autologon"
HEALTHY = zones_of(default_estate())

STACK: tuple[Fault, ...] = (
    NameRemoved(name=LOGIN),
    RecordSetEmpty(name=LOGIN),
    RecordSetEmpty(name=AUTOLOGON),
    WrongAddress(name=LOGIN),
    TtlChanged(name=AUTOLOGON, ttl=1),
    TrafficManagerDeleted(profile=PROFILE),
    CnameForAlias(name=AUTOLOGON, profile=PROFILE),
    CnameLoop(name=LOGIN),
    LongChain(name=AUTOLOGON, length=3),
    AaaaDead(name=LOGIN),
    PtrMismatch(address="192.0.2.20"),
    ServFail(names=(LOGIN,)),
    Drop(probability=0.5),
    NameServerBlank(zone="microsoftonline.com"),
    NameServerStale(zone="microsoftonline.com", servers=(1,)),
    DelegationRemoved(zone="fabrikam.com"),
    StaleCache(names=(LOGIN,)),
    ValidationFailing(zone="fabrikam.com"),
)


class Server:
    """Stands where a server would."""

    find_effect: FindDnsEffect | None = None


class Bench:
    """A board with a server on it."""

    def __init__(self) -> None:
        self.store = ZoneStore(HEALTHY)
        self.trace = Trace()
        self.board = ActiveFaults(self.store, self.trace)
        self.server = Server()
        self.board.attach(self.server, "lab")

    def outcome(self, name: str = AUTOLOGON) -> str:
        """What the zones answer now."""
        return answer(self.store.current, to_name(name), A).outcome


@pytest.fixture
def bench() -> Bench:
    """A healthy board."""
    return Bench()


@settings(max_examples=60)
@given(st.lists(st.sampled_from(STACK), max_size=7), st.randoms(use_true_random=False), st.booleans())
def test_undoing_restores_exactly_in_any_order(faults: list[Fault], random: object, backwards: bool) -> None:
    """Whatever is applied and in whatever order it is undone: equal zones, no effect left, versions only grow."""
    bench = Bench()
    undos = []
    for fault in faults:
        try:
            undos.append(fault.apply(bench.board))
        except FaultError:
            continue
    undos.reverse()
    if not backwards:
        random.shuffle(undos)  # type: ignore[attr-defined]
    version = bench.store.current.version
    for undo in undos:
        undo()
        assert bench.store.current.version >= version
        version = bench.store.current.version
    assert bench.store.current == HEALTHY
    assert bench.server.find_effect is None
    assert bench.board.active == ()
    assert bench.board.authorities.hierarchy.healthy
    assert not bench.board.is_bogus(to_name("sts.fabrikam.com"))
    kinds = [type(record.event) for record in bench.trace]
    assert kinds.count(FaultApplied) == kinds.count(FaultUndone) == len(undos)


@settings(max_examples=60)
@given(st.lists(st.sampled_from(STACK), min_size=2, max_size=6), st.data())
def test_undoing_one_leaves_what_the_others_make(faults: list[Fault], data: st.DataObject) -> None:
    """Taking one of several faults away leaves the zones as if it had never been, where the others fit without it."""
    bench, numbers = Bench(), []
    for fault in faults:
        try:
            numbers.append((bench.board.apply(fault).id, fault))
        except FaultError:
            continue
    if not numbers:
        return
    gone = data.draw(st.sampled_from(numbers))
    bench.board.undo(gone[0])
    if any(applied.suspended for applied in bench.board.active):
        return
    other = Bench()
    for number, fault in numbers:
        if number != gone[0]:
            other.board.apply(fault)
    assert bench.store.current == other.store.current


def test_undo_twice_is_undo_once(bench: Bench) -> None:
    """The second call of an undo does nothing, even when the same fault is in force again."""
    undo = NameRemoved(name=LOGIN).apply(bench.board)
    undo()
    NameRemoved(name=LOGIN).apply(bench.board)
    undo()
    assert bench.outcome(LOGIN) == "NXDOMAIN"


def test_a_fault_that_does_not_fit_changes_nothing(bench: Bench) -> None:
    """FaultError: nothing in force, nothing in the trace, zones untouched."""
    before = bench.store.current
    for fault in (
        NameRemoved(name="nope.fabrikam.com"),
        TrafficManagerDeleted(profile="nope"),
        DelegationRemoved(zone="nope.example"),
        NameServerBlank(zone="fabrikam.com", servers=(9,)),
        PtrMismatch(address="203.0.113.7"),
        AaaaDead(name=LOGIN, address="192.0.2.1"),
        CnameLoop(name="fabrikam.com"),
    ):
        with pytest.raises(FaultError):
            fault.apply(bench.board)
    assert bench.store.current is before
    assert bench.board.active == ()
    assert len(bench.trace) == 0


def test_an_operators_change_outlives_the_fault(bench: Bench) -> None:
    """What an operator does while a fault is in force stays when the fault is undone, and only that."""
    undo = WrongAddress(name=LOGIN).apply(bench.board)
    bench.store.change(lambda zones: put_rrset(zones, "sts.fabrikam.com", "A", ["10.0.0.1"]))
    undo()
    assert bench.store.current == put_rrset(HEALTHY, "sts.fabrikam.com", "A", ["10.0.0.1"])


def test_an_operators_repair_is_not_undone_by_the_undo(bench: Bench) -> None:
    """TMS9-081: the operator makes the profile and the alias anew; taking the fault away afterwards changes nothing."""
    undo = TrafficManagerDeleted(profile=PROFILE).apply(bench.board)
    assert bench.outcome() == "NODATA"
    profile = HEALTHY.profiles[PROFILE]
    bench.store.change(lambda zones: put_profile(zones, profile))
    assert bench.outcome() == "NODATA"
    bench.store.change(lambda zones: point_alias(zones, AUTOLOGON, "A", PROFILE))
    assert bench.outcome() == "NOERROR"
    undo()
    assert bench.store.current == HEALTHY


def test_a_profile_that_an_operator_deletes_stays_deleted(bench: Bench) -> None:
    """Deleting under a fault leaves no alias to a profile that is not there."""
    undo = TtlChanged(name=AUTOLOGON, ttl=5).apply(bench.board)
    bench.store.change(lambda zones: delete_profile(zones, PROFILE))
    undo()
    assert bench.outcome() == "NODATA"
    assert PROFILE not in bench.store.current.profiles


def test_an_alias_under_a_fault_is_cut_as_well(bench: Bench) -> None:
    """A name that a fault hides comes back as an empty set, when its profile was deleted meanwhile."""
    undo = NameRemoved(name=AUTOLOGON).apply(bench.board)
    bench.store.change(lambda zones: delete_profile(zones, PROFILE))
    undo()
    assert bench.outcome() == "NODATA"


def test_a_fault_lies_dormant_while_it_does_not_fit(bench: Bench) -> None:
    """A fault whose name an operator removes is asleep, and harms nothing."""
    first = NameRemoved(name=LOGIN).apply(bench.board)
    bench.store.change(lambda zones: put_rrset(zones, LOGIN, "A", ["192.0.2.77"]))
    second = RecordSetEmpty(name=LOGIN).apply(bench.board)
    assert bench.outcome(LOGIN) == "NODATA"
    first()
    assert bench.outcome(LOGIN) == "NODATA"
    second()
    assert bench.store.current == put_rrset(HEALTHY, LOGIN, "A", ["192.0.2.77"])


def test_a_chain_keeps_the_alias(bench: Bench) -> None:
    """The long chain leads to the very alias record set: it follows its profile."""
    LongChain(name=AUTOLOGON, length=3).apply(bench.board)
    profile = TrafficManager(name=PROFILE, dns_name="www.tm.a.prd.aadg.trafficmanager.net")
    assert bench.outcome() == "NOERROR"
    bench.store.change(lambda zones: put_profile(zones, profile))
    assert bench.outcome() == "NODATA"


def test_every_fault_says_what_it_does_and_where_it_is_from() -> None:
    """The catalogue: each has a name, a docstring of whole sentences, and most a source."""
    for name, kind in FAULTS.items():
        assert kind.__struct_config__.tag == name
        assert kind.__doc__
        assert len(kind.__doc__) > 60
    assert sum("Source:" in (kind.__doc__ or "") for kind in FAULTS.values()) >= 20

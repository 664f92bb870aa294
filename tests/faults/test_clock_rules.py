"""Clocks that are wrong: who refuses what, by RFC 4120 and libkrb5, and which fault is behind it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.faults import FaultError
from ssosim.faults.core.clocks import (
    NO_OFFSET,
    ClockRule,
    Clocks,
    Offset,
    check_times,
    describe_offset,
    list_clock_names,
)
from ssosim.kerberos.codes import KrbCode

DAY = 86_400
SKEW, NYV, EXPIRED = KrbCode.KRB_AP_ERR_SKEW, KrbCode.KRB_AP_ERR_TKT_NYV, KrbCode.KRB_AP_ERR_TKT_EXPIRED
DEVICE, WEB, KDC = "office", "web.corp.contoso.com", "dc1.corp.contoso.com"
OFFSETS = st.dictionaries(st.integers(1, 4), st.integers(-900, 900).filter(bool), max_size=3).map(Offset)


def at(seconds: int, fault: int = 1) -> Offset:
    """A clock that one fault has moved."""
    return Offset({fault: seconds} if seconds else {})


def clocks(*rules: ClockRule, services: tuple[tuple[str, ...], ...] = ((WEB, "web"),)) -> Clocks:
    """The clocks of a lab with one service under two names, and one KDC."""
    made = Clocks(services, [KDC])
    made.apply(rules)
    return made


@pytest.mark.parametrize(
    ("begin", "authenticator", "local", "code"),
    [
        # RFC 4120 section 3.2.3: within five minutes by default, in both directions; 300 s is within
        (0, 0, 0, None),
        (0, 300, 0, None),
        (0, 301, 0, SKEW),
        (0, -300, 0, None),
        (0, -301, 0, SKEW),
        (0, 0, 300, None),
        (0, 0, 301, SKEW),
        (0, 0, -301, NYV),
        (300, 300, 0, None),
        (301, 0, 0, NYV),
        # an authenticator of the same wrong time: the ticket is looked at first, the authenticator is right
        (600, 600, 600, None),
        (600, 600, 0, NYV),
        # a ticket of ten hours is good for its lifetime and the tolerance, by the clock of who looks at it
        (0, 36_300, 36_300, None),
        (0, 36_301, 36_301, EXPIRED),
        (-36_301, 0, 0, EXPIRED),
        (0, 0, 36_301, EXPIRED),
    ],
)
def test_the_order_and_the_limits_of_the_checks(
    begin: int, authenticator: int, local: int, code: KrbCode | None
) -> None:
    """The times of the ticket, then that of the authenticator; the tolerance belongs to all of them."""
    refusal = check_times(at(begin), 36_000, at(authenticator, 2), at(local, 3))
    assert (None if refusal is None else refusal.code) == code
    if refusal is not None:
        assert refusal.what == ("authenticator" if code is SKEW else "ticket")


@given(OFFSETS, OFFSETS, OFFSETS)
@settings(max_examples=80, deadline=None)
def test_offsets_add_up_by_fault(one: Offset, two: Offset, three: Offset) -> None:
    """Sums have the sums of seconds, in any order; a fault that moved both clocks alike is no part of a difference."""
    assert (one + two).seconds == one.seconds + two.seconds
    assert (one - two).seconds == one.seconds - two.seconds
    assert ((one + two) + three).by_fault == (one + (two + three)).by_fault
    assert (one + two).by_fault == (two + one).by_fault
    assert (one - one) == NO_OFFSET
    assert one + NO_OFFSET == one
    assert ((one + two) - two).by_fault == one.by_fault


@pytest.mark.parametrize(
    ("by_fault", "faults"),
    [
        ({1: 600}, (1,)),
        ({2: 600, 1: 10}, (1, 2)),
        ({1: 600, 2: -100}, (1,)),
        ({1: -600, 2: 100}, (1,)),
        ({1: 300, 2: -300}, ()),
        ({0: 600}, ()),
        ({}, ()),
    ],
)
def test_the_cause_moved_the_clock_that_way(by_fault: dict[int, int], faults: tuple[int, ...]) -> None:
    """A fault that made the difference smaller is no cause of a refusal, and a clock without a number is no fault."""
    assert Offset(by_fault).list_faults() == faults


@pytest.mark.parametrize(
    ("rule", "device", "kdc", "service"),
    [
        (ClockRule("device", 60), 60, 0, 0),
        (ClockRule("device", 60, clients=(DEVICE,)), 60, 0, 0),
        (ClockRule("device", 60, clients=("curl",)), 0, 0, 0),
        (ClockRule("kdc", 60), 0, 60, 0),
        (ClockRule("kdc", 60, kdcs=(KDC,)), 0, 60, 0),
        (ClockRule("kdc", 60, kdcs=("dc2",)), 0, 0, 0),
        (ClockRule("service", 60), 0, 0, 60),
        (ClockRule("service", 60, host=WEB.upper()), 0, 0, 60),
        (ClockRule("service", 60, host="web"), 0, 0, 60),
    ],
)
def test_whose_clock_a_rule_is_about(rule: ClockRule, device: int, kdc: int, service: int) -> None:
    """Devices, KDCs or services: all of them, or those that are named. A service has one clock under all its names."""
    made = clocks(rule)
    found = made.of_device(DEVICE).seconds, made.of_kdc(KDC).seconds, made.of_service(WEB.title()).seconds
    assert found == (device, kdc, service)
    assert made.of_service("nowhere.example") == NO_OFFSET, "what is no service of the lab has no clock"


def test_two_services_have_two_clocks() -> None:
    """A limit to one host leaves the other service right, and both faults on one clock add up."""
    rules = ClockRule("service", 60, host=WEB, fault=1), ClockRule("service", -20, fault=2)
    made = clocks(*rules, services=((WEB,), ("sts",)))
    assert made.of_service(WEB).by_fault == {1: 60, 2: -20}
    assert made.of_service("sts").by_fault == {2: -20}


def test_names_that_share_an_address_share_a_clock() -> None:
    """A host with two services has one clock (``list_clock_names``); a KDC and a name server have no such clock."""

    class Listening:
        def __init__(self, address: str, *names: str, application: object = "any") -> None:
            self.address, self.dns_names, self.application = address, names, application

    found = list_clock_names(
        [Listening("1", "a"), Listening("2", "b", "c"), Listening("1", "d"), Listening("3", "kdc", application=None)]
    )
    assert found == [{"a", "d"}, {"b", "c"}]
    made = Clocks([("a", "b"), ("b", "c")])
    made.apply((ClockRule("service", 60, host="a"),))
    assert made.of_service("b").seconds == 60


def test_a_host_without_a_service_is_refused() -> None:
    """FaultError with the hosts that there are; the rules in force stay."""
    rule = ClockRule("service", 60, host=WEB)
    made = clocks(rule)
    with pytest.raises(FaultError, match=r"there is no service at 'sts'; the hosts with a service: web, web\.corp"):
        made.apply((rule, ClockRule("service", 60, host="sts")))
    assert made.rules == (rule,)


@pytest.mark.parametrize("who", ["show", "watcher"])
def test_clocks_that_cannot_be_set_stay(who: str) -> None:
    """Where the KDC cannot get another clock, nothing has changed."""

    def refuse(*_: object) -> None:
        raise FaultError("no libfaketime")

    made = clocks(ClockRule("kdc", 60))
    made.show, watchers = (refuse, []) if who == "show" else (made.show, [refuse])
    made.watchers.extend(watchers)
    with pytest.raises(FaultError, match="no libfaketime"):
        made.apply((ClockRule("kdc", 120),))
    assert made.of_kdc(KDC).seconds == 60


def test_watchers_and_the_kdc_see_each_new_state_once() -> None:
    """Equal rules are no new state; the KDC gets the offset in seconds by the name of its host."""
    seen: list[object] = []
    made = Clocks([], [KDC, "dc2"], show=lambda offsets: seen.append(dict(offsets)))
    made.watchers.append(lambda: seen.append("watcher"))
    for _ in range(2):
        made.apply((ClockRule("kdc", 60, kdcs=(KDC,)),))
    made.apply(())
    assert seen == ["watcher", {KDC: 60, "dc2": 0}, "watcher", {KDC: 0, "dc2": 0}]


@pytest.mark.parametrize(
    ("at_sign_on", "later", "code"),
    [
        # krb5 documentation, kdc_timesync: the sign-on notes the difference to the KDC, all later messages use it
        ([ClockRule("device", 900)], [ClockRule("device", 900)], None),
        ([], [ClockRule("device", 900)], SKEW),
        ([], [ClockRule("device", 300)], None),
        ([ClockRule("device", 900)], [], SKEW),
        ([ClockRule("kdc", 900)], [ClockRule("kdc", 900)], None),
        ([ClockRule("kdc", 900)], [], NYV),
        ([ClockRule("kdc", -900)], [], SKEW),
        ([], [ClockRule("kdc", 900)], SKEW),
        ([ClockRule("device", 900), ClockRule("kdc", 900)], [ClockRule("device", 900), ClockRule("kdc", 900)], None),
        ([], [ClockRule("service", 900)], None),
    ],
)
def test_libkrb5_corrects_the_clock_at_the_sign_on(
    at_sign_on: list[ClockRule], later: list[ClockRule], code: KrbCode | None
) -> None:
    """A device that was wrong before its user signed on works; one that went wrong or was corrected since does not."""
    made = clocks(*at_sign_on)
    made.note_sign_on(DEVICE, KDC)
    made.apply(tuple(later))
    refusal = made.refuse_at_kdc(DEVICE, KDC, "CORP.CONTOSO.COM", 36_000)
    assert (None if refusal is None else refusal.code) == code


def test_a_ticket_keeps_the_clock_of_its_kdc() -> None:
    """The ticket of a KDC that was ahead is not valid yet for a service, until it gets one of a KDC that is right."""
    made = clocks(ClockRule("kdc", 900, fault=1))
    made.note_ticket(DEVICE, f"HTTP/{WEB}@CORP.CONTOSO.COM", KDC)
    made.apply(())
    said, faults = made.explain_refused_ticket(DEVICE, WEB, of_ticket=True)
    assert (said, faults) == (f"the ticket begins 900 s ahead of the clock of {WEB}", (1,))
    assert made.explain_refusal_at_device(DEVICE, f"HTTP/{WEB}") == (1,)
    made.note_ticket(DEVICE, f"HTTP/{WEB}@CORP.CONTOSO.COM", KDC)
    assert made.explain_refused_ticket(DEVICE, WEB, of_ticket=True) == ("", ())


def test_an_authenticator_is_behind_a_service_that_is_ahead() -> None:
    """The sentence says which way, and names the fault of the service's clock."""
    made = clocks(ClockRule("service", 600, host=WEB, fault=4))
    said, faults = made.explain_refused_ticket(DEVICE, WEB, of_ticket=False)
    assert (said, faults) == (f"the authenticator is 600 s behind the clock of {WEB}", (4,))
    assert clocks().explain_refused_ticket(DEVICE, WEB, of_ticket=False) == ("", ()), "no clock was ever wrong"


@pytest.mark.parametrize(
    ("code", "signs_on", "faults"),
    [(SKEW, False, (2,)), (SKEW, True, (2,)), (NYV, False, ()), (KrbCode.KDC_ERR_POLICY, False, ()), (0, True, ())],
)
def test_only_codes_of_times_have_a_clock_as_cause(code: int, *, signs_on: bool, faults: tuple[int, ...]) -> None:
    """A refusal for another reason is not because of the clock, though the clock is wrong."""
    made = clocks(ClockRule("device", 900, fault=2))
    assert made.explain_refusal_of_kdc(DEVICE, KDC, "CORP.CONTOSO.COM", code, signs_on=signs_on) == faults


@pytest.mark.parametrize(("seconds", "text"), [(600, "600 s ahead"), (-600, "600 s behind"), (0, "0 s ahead")])
def test_an_offset_has_a_direction(seconds: int, text: str) -> None:
    """Ahead or behind, and never a negative number of seconds."""
    assert describe_offset(seconds) == text


def test_a_clock_that_was_right_all_the_time_costs_nothing() -> None:
    """Without a fault of a clock nothing is remembered and nothing is refused; afterwards old tickets are checked."""
    made = clocks()
    made.note_sign_on(DEVICE, KDC)
    assert not made.in_use
    assert made.find_age_shift(DEVICE) == made.find_device_offset(DEVICE) == made.find_service_offset(WEB) == 0
    made.apply((ClockRule("device", 2 * DAY),))
    made.apply(())
    assert made.in_use
    assert made.find_age_shift(DEVICE) == 0


def test_a_device_ahead_sees_its_tickets_as_older() -> None:
    """By its clock time has passed that did not; one that was ahead at the sign-on already sees them as they are."""
    made = clocks()
    made.note_sign_on(DEVICE, KDC)
    made.apply((ClockRule("device", DAY),))
    assert (made.find_age_shift(DEVICE), made.find_device_offset(DEVICE)) == (DAY, DAY)
    made.note_sign_on(DEVICE, KDC)
    assert made.find_age_shift(DEVICE) == 0


@pytest.mark.parametrize(
    ("rules", "faults"),
    [
        ([ClockRule("service", 60, host=WEB, fault=1)], (1,)),
        ([ClockRule("service", 60, host="sts", fault=2)], (2,)),
        ([ClockRule("device", 60, fault=3)], (3,)),
        ([ClockRule("device", 60, clients=("curl",), fault=3)], ()),
        ([ClockRule("kdc", 60, fault=4)], ()),
        ([ClockRule("device", 60, fault=3), ClockRule("service", 60, fault=1)], (1, 3)),
    ],
)
def test_who_writes_and_who_checks_a_date(rules: list[ClockRule], faults: tuple[int, ...]) -> None:
    """A date of an assertion is of the service that wrote it, or of the client: no KDC has a part in it."""
    made = clocks(*rules, services=((WEB,), ("sts",)))
    assert made.explain_refused_date(DEVICE, WEB) == faults

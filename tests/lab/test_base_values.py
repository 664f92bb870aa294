"""Values below a lab: names of clients, devices and people, resolvers of a device, and misdirected clients."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ssosim.estate import DnsResolver, default_estate
from ssosim.lab.base.client_addresses import ClientAddresses
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.base.people import client_random, device_called, user_on
from ssosim.lab.base.resolver_choice import MAX_NAME_SERVERS, name_servers, own_resolvers, resolver_addresses
from ssosim.lab.network.misdirected_clients import MisdirectedClients, foreign_host_failure
from ssosim.trace import DnsAnswered, LabEvent, SignInStep, Trace

ESTATE = default_estate()


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(["curl", "curl-1", "curl-2", "curl-1-1", "wget"]), max_size=12),
    st.sets(st.integers(0, 11)),
)
def test_no_two_programs_share_a_name_that_nobody_gave(stems: list[str], given_by_users: set[int]) -> None:
    """A new name is that of no other client, whether that one was numbered or named by a user (``exec --as``)."""
    addresses, used = ClientAddresses(), set[str]()
    for number, stem in enumerate(stems):
        label = stem if number in given_by_users else addresses.new_label(stem)
        assert number in given_by_users or label not in used
        assert label.startswith(stem)
        used.add(label)
        addresses.register(f"100.64.0.{number}", label)


def test_an_address_that_is_registered_again_is_the_later_clients() -> None:
    """The table has one client for an address; what the earlier one reported does not hold for the later."""
    addresses = ClientAddresses()
    addresses.register("100.64.0.1", "model", reports_failures=True)
    addresses.register("100.64.0.1", "program")
    assert addresses.client_of("100.64.0.1", "192.0.2.1") == "program"
    assert addresses.client_without_reports("100.64.0.1", "192.0.2.1") == "program"
    assert addresses.client_of("100.64.0.9", "192.0.2.1") == ""
    assert not addresses.is_model("program")


def test_only_a_client_outside_is_off_the_network() -> None:
    """A client is on the corporate network until its device is put outside, whatever its address is."""
    addresses = ClientAddresses()
    addresses.register("100.64.0.1", "inside")
    addresses.put_off_network("outside")
    assert (addresses.is_off_network("inside"), addresses.is_off_network("outside")) == (False, True)


def test_a_device_is_found_by_its_exact_name() -> None:
    """Without a name it is the estate's first; an unknown name is refused with those that there are."""
    first = ESTATE.devices[0]
    assert device_called(ESTATE, None) is first
    assert device_called(ESTATE, first.name) is first
    for wrong in (first.name.upper(), "", f"{first.name} "):
        with pytest.raises(LabInputError, match=rf"there is no device {wrong!r} in the estate .*; known: {first.name}"):
            device_called(ESTATE, wrong)


@pytest.mark.parametrize(
    ("user", "says"),
    [("", "nobody is signed on to it"), ("nobody@contoso.com", "nobody@contoso.com has no account in the realm")],
)
def test_who_has_no_account_is_signed_on_nowhere(user: str, says: str) -> None:
    """A device without a user, or with one who is in no realm, gives an error that names the device."""
    device = replace(ESTATE.devices[0], user=user)
    with pytest.raises(LabInputError, match=f"device '{device.name}': {says}"):
        user_on(ESTATE, device)


def test_the_dice_of_a_client_depend_on_nobody_else() -> None:
    """Seed and name decide the throws: the same again for the same, others for another seed or client."""
    throws = [client_random(*who).random() for who in ((1, "a"), (1, "a"), (2, "a"), (1, "b"), (11, "a"), (1, "1 a"))]
    assert throws[0] == throws[1]
    assert len(set(throws)) == 5


def resolver(name: str, address: str, devices: tuple[str, ...] = ()) -> DnsResolver:
    """A resolver for all devices, or for some."""
    return DnsResolver(name=name, address=address, devices=devices)


@pytest.mark.parametrize(
    ("resolvers", "own", "asked"),
    [
        ((), (), ESTATE.addresses("dns")[:1]),
        ((resolver("r", "10.0.0.1"),), (), ("10.0.0.1",)),
        ((resolver("r", "10.0.0.1"), resolver("front", "10.0.0.2")), (), ("10.0.0.2", "10.0.0.1")),
        ((resolver("r", "10.0.0.1"), resolver("mine", "10.0.0.2", ("desk-1",))), (), ("10.0.0.2",)),
        ((resolver("r", "10.0.0.1"), resolver("other", "10.0.0.2", ("desk-2",))), (), ("10.0.0.1",)),
        ((resolver("a", "10.0.0.1"), resolver("b", "10.0.0.2")), ("b", "a"), ("10.0.0.2", "10.0.0.1")),
        (tuple(resolver(f"r{n}", f"10.0.0.{n}") for n in range(1, 6)), (), ("10.0.0.5", "10.0.0.4", "10.0.0.3")),
        (
            tuple(resolver(f"r{n}", f"10.0.0.{n}") for n in range(1, 6)),
            ("r5", "r1", "r2", "r3"),
            ("10.0.0.5", "10.0.0.1", "10.0.0.2"),
        ),
    ],
)
def test_a_device_asks_its_own_resolvers_or_those_for_everybody(
    resolvers: Sequence[DnsResolver], own: tuple[str, ...], asked: tuple[str, ...]
) -> None:
    """Its own in their order, else the front of the chain first; at most three, as glibc reads (resolv.conf(5))."""
    estate = replace(ESTATE, resolvers=tuple(resolvers))
    device = replace(ESTATE.devices[0], name="desk-1", resolvers=own)
    assert resolver_addresses(estate, device) == asked
    assert len(asked) <= MAX_NAME_SERVERS == 3
    if not own and not any(each.devices for each in resolvers):
        assert own_resolvers(estate, device) == ()
        assert name_servers(estate)[: len(asked)] == asked


def answered(name: str, *answers: str, kind: str = "A") -> DnsAnswered:
    """An answer with these records."""
    return DnsAnswered(name=name, type=kind, rcode="NOERROR", answers=answers, transport="udp")


@pytest.fixture
def misdirected() -> tuple[Trace, MisdirectedClients, list[str]]:
    """A trace, who observes it, and the foreign addresses that were told; those of 203.0.113.0/24 are foreign."""
    trace, told = Trace(), list[str]()
    watch = MisdirectedClients(trace, "A", lambda address: address.startswith("203.0.113."), told.append)
    watch.start()
    return trace, watch, told


def test_the_name_that_led_a_client_astray_is_known(misdirected: tuple[Trace, MisdirectedClients, list[str]]) -> None:
    """The last name that this client resolved to the foreign address; another client and another address have none."""
    trace, watch, told = misdirected
    event = answered("a.test", "CNAME b.test", "A 203.0.113.7", "A 192.0.2.1")
    for _ in range(2):
        trace.record("one", event)
    trace.record("one", answered("c.test", "A 203.0.113.7"))
    trace.record("one", answered("d.test", "AAAA 203.0.113.7", kind="AAAA"))
    trace.record("one", LabEvent(part="x", text="A 203.0.113.8"))
    assert watch.find_name("one", "203.0.113.7") == "c.test"
    assert watch.find_name("two", "203.0.113.7") == watch.find_name("one", "192.0.2.1") == ""
    assert told == ["203.0.113.7"] * 3


def test_after_the_stop_nothing_is_observed(misdirected: tuple[Trace, MisdirectedClients, list[str]]) -> None:
    """``stop`` may be called twice; what was remembered stays."""
    trace, watch, told = misdirected
    trace.record("one", answered("a.test", "A 203.0.113.7"))
    watch.stop()
    watch.stop()
    trace.record("one", answered("b.test", "A 203.0.113.8"))
    assert (watch.find_name("one", "203.0.113.7"), watch.find_name("one", "203.0.113.8")) == ("a.test", "")
    assert told == ["203.0.113.7"]


@pytest.mark.parametrize(
    ("tls", "stage", "reason"),
    [(True, "tls", "bad-certificate"), (False, "read", "closed"), (None, "connect", "refused")],
)
def test_a_foreign_host_lets_nobody_in(tls: bool | None, stage: str, reason: str) -> None:
    """A certificate of another name, a closed connection or a closed port: never an answer of the lab's services."""
    failed = foreign_host_failure("a.test", "203.0.113.7", tls, SignInStep.REALM)
    assert (failed.stage, failed.reason, failed.host, failed.by) == (stage, reason, "a.test", "wire")

"""Devices with two resolvers: the second one is asked as glibc asks it, over sockets and in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from ssosim.estate import Device, DnsResolver, Estate, default_estate
from ssosim.estate.checks import find_mistakes
from ssosim.lab.base.resolver_choice import resolver_addresses
from tests.memory.both import in_memory, over_sockets, scenario

AUTOLOGON = "autologon.microsoftazuread-sso.com"
FIRST = DnsResolver(name="first", address="10.10.0.54")
SECOND = DnsResolver(name="second", address="10.10.0.55")


def _estate(*names: str) -> Estate:
    estate = default_estate()
    devices = tuple(msgspec.structs.replace(each, resolvers=names) for each in estate.devices)
    return msgspec.structs.replace(estate, devices=devices, resolvers=(FIRST, SECOND))


FIRST_FAILS: list[tuple[dict[str, Any], str, bool]] = [
    ({"fault": "servfail", "at": "resolver", "servers": ["first"]}, "silent", False),
    ({"fault": "refused", "at": "resolver", "servers": ["first"]}, "silent", False),
    ({"fault": "drop", "at": "resolver", "servers": ["first"]}, "silent", True),
    ({"fault": "nxdomain", "names": [AUTOLOGON], "at": "resolver", "servers": ["first"]}, "stalled", False),
    ({"fault": "resolver-poisoned", "name": AUTOLOGON, "resolver": "first"}, "stalled", False),
    ({"fault": "resolver-poisoned", "name": AUTOLOGON, "resolver": "second"}, "silent", False),
    ({"fault": "servfail", "at": "resolver"}, "stalled", False),
]


@pytest.mark.parametrize(("fields", "outcome", "late"), FIRST_FAILS, ids=lambda value: str(value)[:60])
def test_the_second_resolver_is_asked(fields: dict[str, Any], outcome: str, late: bool, prepared: Path) -> None:
    """SERVFAIL, REFUSED and silence go to the second resolver; NXDOMAIN and a forged address do not."""
    estate, played = _estate("first", "second"), scenario([fields], ("office", "browser-linux"))
    seen = in_memory(played, estate)
    assert seen == over_sockets(played, prepared, estate)
    office = seen["broken", "office"]
    assert office.outcome == outcome
    if outcome == "silent":
        assert ((office.after_s or 0) >= 5) is late, "each silent query costs the device five seconds"


def test_with_one_resolver_nobody_else_is_asked() -> None:
    """A device that has the first resolver only does not reach the second one."""
    played = scenario([FIRST_FAILS[0][0]], ("office",))
    assert in_memory(played, _estate("first"))["broken", "office"].outcome == "stalled"


def test_the_order_of_resolvers() -> None:
    """A device's own list is first, then the resolvers that list it, then those for all; at most three."""
    estate = _estate()
    desk = estate.devices[0]

    def asked(device: Device, *resolvers: DnsResolver) -> tuple[str, ...]:
        return resolver_addresses(msgspec.structs.replace(estate, resolvers=resolvers), device)

    own = msgspec.structs.replace(SECOND, name="own", address="10.10.0.56", devices=(desk.name,))
    more = [DnsResolver(name=f"more-{number}", address=f"10.10.0.{number}") for number in (57, 58)]
    assert asked(msgspec.structs.replace(desk, resolvers=("second", "first")), FIRST, SECOND) == (
        "10.10.0.55",
        "10.10.0.54",
    )
    assert asked(desk, FIRST, own) == ("10.10.0.56",)
    assert len(asked(desk, FIRST, SECOND, *more)) == 3
    assert asked(desk) == default_estate().addresses("dns")[:1]


def test_a_resolver_that_the_estate_does_not_have() -> None:
    """An unknown name, or one named twice, is a mistake with its key."""
    mistakes = [str(each) for each in find_mistakes(_estate("frst"))]
    assert any("frst" in each and "did you mean 'first'" in each for each in mistakes), mistakes
    assert any("twice" in str(each) for each in find_mistakes(_estate("first", "first")))

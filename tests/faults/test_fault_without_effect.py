"""Faults that could touch nothing are refused when they are made or applied: else a test passes for no reason."""

from __future__ import annotations

from typing import Any

import pytest

from ssosim.dns import put_rrset
from ssosim.estate import default_estate
from ssosim.faults import FaultError, RecordSetEmpty, fault_from
from ssosim.memory import Engine, MemoryLab
from tests.faults.fault_board import HEALTHY, LOGIN, FaultBoard


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"fault": "name-server-dead", "zone": "fabrikam.com", "servers": []}, "servers: needs at least one number"),
        ({"fault": "name-server-lame", "zone": "fabrikam.com", "servers": []}, "servers: needs at least one number"),
        ({"fault": "name-server-blank", "zone": "fabrikam.com", "servers": []}, "servers: needs at least one number"),
        ({"fault": "name-server-stale", "zone": "fabrikam.com", "servers": []}, "servers: needs at least one number"),
        ({"fault": "lame-delegation", "zone": "fabrikam.com", "name_servers": [""]}, "the root is no name server"),
        ({"fault": "lame-delegation", "zone": "fabrikam.com", "name_servers": ["a.example", "."]}, "the root is no"),
        ({"fault": "reverse-zone-dead", "zone": "contoso.com"}, "is not a reverse zone"),
        ({"fault": "reverse-zone-dead", "names": [LOGIN]}, "the zone says which names"),
        ({"fault": "clock-skew", "of": "kdc", "seconds": 0}, "or is 0"),
        (
            {"fault": "clock-skew", "of": "kdc", "seconds": 5, "clients": ["office"]},
            "clients limits the clock of a device",
        ),
        ({"fault": "clock-skew", "of": "device", "seconds": 5, "host": LOGIN}, "host limits the clock of a service"),
        ({"fault": "clock-skew", "of": "service", "seconds": 5, "kdcs": ["dc1"]}, "kdcs limits the clock of a kdc"),
        ({"fault": "clock-skew", "of": "kdc", "seconds": 604_801}, "(seven days)"),
        ({"fault": "clock-skew", "of": "kdc", "seconds": -604_801}, "(seven days)"),
    ],
)
def test_a_value_without_effect_is_refused_when_the_fault_is_made(data: dict[str, Any], words: str) -> None:
    """An empty list of servers, a limit of another clock, an offset of nothing: the message has the field."""
    with pytest.raises(FaultError) as caught:
        fault_from(data)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        {"fault": "wrong-address", "name": LOGIN, "address": "192.0.2.10"},
        {"fault": "ttl-changed", "name": LOGIN, "ttl": 60},
        {"fault": "record-set-empty", "name": LOGIN, "type": "TXT"},
        {"fault": "ptr-mismatch", "address": "192.0.2.10", "points_to": LOGIN},
        {"fault": "aaaa-wrong", "name": LOGIN, "address": "2001:db8::5"},
    ],
)
def test_a_zone_that_is_so_already_is_not_changed(data: dict[str, Any]) -> None:
    """The operator's zones are as the fault would make them: it is refused, and the message says that."""
    board = FaultBoard()
    zones = put_rrset(HEALTHY, LOGIN, "A", ["192.0.2.10"], ttl=60)
    zones = put_rrset(zones, LOGIN, "AAAA", ["2001:db8::5"])
    zones = put_rrset(zones, LOGIN, "TXT", [])
    zones = put_rrset(zones, "10.2.0.192.in-addr.arpa", "PTR", [f"{LOGIN}."])
    board.store.change(lambda _: zones)
    before = board.store.current
    with pytest.raises(FaultError, match="the zones are so already, so the fault would change nothing"):
        fault_from(data).apply(board.faults)
    assert board.store.current is before
    assert board.faults.active == ()


def test_the_same_fault_twice_is_two_layers() -> None:
    """Overlapping steps of a scenario: the second one stays when the first is undone, so it is no fault of nothing."""
    board = FaultBoard()
    first = RecordSetEmpty(name=LOGIN).apply(board.faults)
    second = RecordSetEmpty(name=LOGIN).apply(board.faults)
    first()
    assert board.look_up().outcome == "NODATA"
    second()
    assert board.store.current == HEALTHY


@pytest.mark.parametrize(
    ("address", "ok"),
    [
        ("100::1", True),
        ("100::", True),
        ("100::ffff:ffff:ffff:ffff", True),
        ("100:0:0:1::", False),
        ("2001:db8::1", False),
    ],
)
def test_a_dead_address_has_the_discard_prefix(address: str, *, ok: bool) -> None:
    """RFC 6666: 100::/64 is discarded. Behind any other address a foreign host answers, so nobody would be dead."""
    board = FaultBoard()
    fault = fault_from({"fault": "aaaa-dead", "name": LOGIN, "address": address})
    if ok:
        fault.apply(board.faults)
        assert board.look_up(kind="AAAA").outcome == "NOERROR"
    else:
        with pytest.raises(FaultError, match=r"not in 100::/64, where no host is; or use aaaa-wrong"):
            fault.apply(board.faults)


@pytest.mark.parametrize("tenant", ["contoso.com", "Contoso.COM", "contoso.onmicrosoft.com", "CONTOSO.onmicrosoft.com"])
def test_a_tenant_is_found_by_its_domain_in_any_case(tenant: str) -> None:
    """Domain names ignore case (RFC 4343), for this fault as for all others that name a tenant."""
    lab = MemoryLab(Engine(1_740_000_000.0), default_estate())
    fault_from({"fault": "realm-managed", "tenant": tenant}).apply(lab)
    changed = [each for each in lab.provider.estate.tenants if not each.desktop_sso]
    healthy = [each for each in default_estate().tenants if not each.desktop_sso]
    assert len(changed) == len(healthy) + 1


@pytest.mark.parametrize(
    ("data", "other"),
    [
        ({"fault": "user-disabled", "user": "ALICE@contoso.com"}, {"fault": "user-disabled", "user": "alice@contoso"}),
        ({"fault": "domain-managed", "domain": "FABRIKAM.com"}, {"fault": "domain-managed", "domain": "contoso.com"}),
        ({"fault": "user-locked", "user": "alice@contoso.com"}, {"fault": "user-locked", "user": ""}),
    ],
)
def test_a_fault_of_the_directory_names_what_is_there(data: dict[str, Any], other: dict[str, Any]) -> None:
    """The name is found whatever its case; one that is not there is refused, and the estate stays as it is."""
    lab = MemoryLab(Engine(1_740_000_000.0), default_estate())
    healthy = lab.provider.estate
    undo = fault_from(data).apply(lab)
    assert lab.provider.estate != healthy
    undo()
    assert lab.provider.estate == healthy
    with pytest.raises(FaultError, match="there is no"):
        fault_from(other).apply(lab)
    assert lab.provider.estate == healthy


@pytest.mark.parametrize(
    "data",
    [
        {"fault": "drop", "names": ["\ud800.example"]},
        {"fault": "drop", "clients": ["a\udfff"]},
        {"fault": "kdc-silent", "clients": ["\udc80"]},
        {"fault": "user-locked", "user": "\ud800"},
        {"fault": "http-silent", "path": "/\ud83d"},
        {"fault": "http-answer", "headers": {"X": "\ud800"}},
        {"fault": "key-rolled", "account": "\udcff$"},
    ],
)
def test_a_text_that_is_no_text_is_refused(data: dict[str, Any]) -> None:
    """Half of a UTF-16 pair (RFC 8259 section 8.2) is in no name, so the fault would touch nothing."""
    with pytest.raises(FaultError) as caught:
        fault_from(data)
    str(caught.value).encode()


def test_a_text_of_any_characters_is_one() -> None:
    """Characters outside of the first plane are pairs in JSON, and texts like any other."""
    assert fault_from({"fault": "drop", "clients": ["\U0001f600"]}).clients == ("\U0001f600",)  # type: ignore[attr-defined]

"""Faults of delegations and of single resolvers, as resolvers see them: what is asked anew, and what is cached."""

from __future__ import annotations

import msgspec
import pytest

from ssosim.dns.zones.stub import build_query
from ssosim.estate import DnsResolver, DnsSettings, Estate, RecordSet, Zone, default_estate
from ssosim.faults import FaultError, fault_from
from ssosim.memory import Engine, MemoryLab

AUTOLOGON, ZONE = "autologon.microsoftazuread-sso.com", "microsoftazuread-sso.com"
LOGIN = "login.microsoftonline.com"
ONE = DnsResolver(name="one", address="10.10.0.54")
TWO = DnsResolver(name="two", address="10.10.0.55", devices=("desk-2",))


def _lab(estate: Estate | None = None, *resolvers: DnsResolver) -> MemoryLab:
    estate = msgspec.structs.replace(estate or default_estate(), resolvers=resolvers or (ONE, TWO))
    return MemoryLab(Engine(1_700_000_000.0), estate)


def _ask(lab: MemoryLab, name: str, device: str = "desk-1", kind: str = "A") -> tuple[str, tuple[str, ...]]:
    found = next(each for each in lab.estate.devices if each.name == device)
    event = lab.dns_servers_of(found)[0].reply_to(build_query(name, kind), "office", "udp").event
    return event.rcode, event.answers


def _nested() -> Estate:
    """An estate with a zone below another one of its zones."""
    estate = default_estate()
    child = Zone(name=LOGIN, ttl=600, records=(RecordSet(name="@", type="A", ttl=60, values=("192.0.2.10",)),))
    parents = [
        msgspec.structs.replace(zone, records=tuple(each for each in zone.records if each.name != "login"))
        if zone.name == "microsoftonline.com"
        else zone
        for zone in estate.zones
    ]
    return msgspec.structs.replace(estate, zones=(*parents, child))


def test_a_removed_delegation_below_a_zone_of_the_estate() -> None:
    """The parent's servers answer NXDOMAIN also where the estate has the parent; a cached delegation is used on."""
    lab = _lab(_nested())
    assert _ask(lab, LOGIN)[0] == "NOERROR"
    undo = fault_from({"fault": "delegation-removed", "zone": LOGIN}).apply(lab)
    assert _ask(lab, LOGIN, "desk-2")[0] == "NXDOMAIN", "the second resolver knew nothing"
    lab.engine.run(lab.engine.now + 61)
    assert _ask(lab, LOGIN)[0] == "NOERROR", "the address has expired, and the delegation has not"
    lab.engine.run(lab.engine.now + 3600)
    assert _ask(lab, LOGIN)[0] == "NXDOMAIN"
    undo()
    lab.engine.run(lab.engine.now + 61)
    assert _ask(lab, LOGIN)[0] == "NOERROR"


def test_the_ttls_of_a_registry_hold() -> None:
    """The delegation lasts as long as the estate says, and the NXDOMAIN as long as the fault says."""
    estate = msgspec.structs.replace(default_estate(), dns=DnsSettings(delegation_ttl=7200))
    lab = _lab(estate)
    assert _ask(lab, AUTOLOGON)[0] == "NOERROR"
    undo = fault_from({"fault": "registry-hold", "zone": ZONE, "negative_ttl": 1800}).apply(lab)
    assert _ask(lab, AUTOLOGON, "desk-2")[0] == "NXDOMAIN"
    lab.engine.run(lab.engine.now + 7100)
    assert _ask(lab, AUTOLOGON)[0] == "NOERROR"
    lab.engine.run(lab.engine.now + 400)
    assert _ask(lab, AUTOLOGON)[0] == "NXDOMAIN"
    undo()
    lab.engine.run(lab.engine.now + 1700)
    assert _ask(lab, AUTOLOGON)[0] == "NXDOMAIN", "the hold is over, the negative answer is cached"
    lab.engine.run(lab.engine.now + 200)
    assert _ask(lab, AUTOLOGON)[0] == "NOERROR"


def test_a_hold_is_for_a_zone_of_a_registry() -> None:
    """A zone whose parent the estate has is no business of a registry."""
    with pytest.raises(FaultError, match="use delegation-removed"):
        fault_from({"fault": "registry-hold", "zone": LOGIN}).apply(_lab(_nested()))


def test_a_lame_delegation() -> None:
    """Resolvers that ask the parent fail with SERVFAIL and the fault; those with the old delegation go on."""
    lab = _lab()
    assert _ask(lab, AUTOLOGON)[0] == "NOERROR"
    fault_from({"fault": "lame-delegation", "zone": ZONE}).apply(lab)
    assert _ask(lab, AUTOLOGON, "desk-2")[0] == "SERVFAIL"
    refused = [record.event for record in lab.trace.since() if getattr(record.event, "rcode", "") == "REFUSED"]
    assert refused
    assert all(event.faults == (1,) for event in refused), "the trace names the fault"
    lab.engine.run(lab.engine.now + 301)
    assert _ask(lab, AUTOLOGON)[0] == "NOERROR"
    lab.engine.run(lab.engine.now + 3600)
    assert _ask(lab, AUTOLOGON)[0] == "SERVFAIL"


@pytest.mark.parametrize(
    ("servers", "words"), [(["ns1.dns.example"], "serves"), ([f"ns.{ZONE}"], "below"), ([], "at least one")]
)
def test_a_delegation_that_is_not_lame_is_refused(servers: list[str], words: str) -> None:
    """Servers of the zone itself, or below it, would be another fault."""
    with pytest.raises((FaultError, ValueError), match=words):
        fault_from({"fault": "lame-delegation", "zone": ZONE, "name_servers": servers}).apply(_lab())


def test_one_resolver_is_poisoned() -> None:
    """Only devices of that resolver get the forged address; IPv6 has none; undone, the right one is back."""
    lab = _lab()
    undo = fault_from({"fault": "resolver-poisoned", "name": AUTOLOGON, "resolver": "two"}).apply(lab)
    assert _ask(lab, AUTOLOGON)[1] == ("A 192.0.2.20",)
    assert _ask(lab, AUTOLOGON, "desk-2") == ("NOERROR", ("A 203.0.113.254",))
    assert _ask(lab, AUTOLOGON, "desk-2", "AAAA")[0] == "NODATA"
    undo()
    assert _ask(lab, AUTOLOGON, "desk-2")[1] == ("A 192.0.2.20",)


def test_a_poisoned_name_behind_a_cname() -> None:
    """A name that leads to the poisoned one by CNAME leads to the forged address too."""
    estate = default_estate()
    zones = tuple(
        msgspec.structs.replace(
            zone, records=(*zone.records, RecordSet(name="www", type="CNAME", values=(f"{LOGIN}.",)))
        )
        if zone.name == ZONE
        else zone
        for zone in estate.zones
    )
    lab = _lab(msgspec.structs.replace(estate, zones=zones))
    fault_from({"fault": "resolver-poisoned", "name": LOGIN, "resolver": "two"}).apply(lab)
    assert _ask(lab, f"www.{ZONE}", "desk-2")[1] == (f"CNAME {LOGIN}.", "A 203.0.113.254")
    assert _ask(lab, f"www.{ZONE}")[1][-1] == "A 192.0.2.10"


@pytest.mark.parametrize(("resolver", "words"), [("three", "expected one of one, two"), ("", "which one")])
def test_a_resolver_that_is_not_there_is_refused(resolver: str, words: str) -> None:
    """A fault at a resolver that nobody has would touch nothing, and the test would pass."""
    with pytest.raises(FaultError, match=words):
        fault_from({"fault": "resolver-poisoned", "name": LOGIN, "resolver": resolver}).apply(_lab())

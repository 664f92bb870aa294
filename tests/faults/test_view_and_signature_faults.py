"""A wrong view for one location, and signatures that are stale or wrong."""

from __future__ import annotations

from typing import Any

import dns.dnssec
import dns.message
import dns.name
import msgspec
import pytest
from dns.rdatatype import RRSIG, A

from ssosim.dns.zones.answer import resolve_in_zones
from ssosim.dns.zones.query_context import QueryContext
from ssosim.dns.zones.rrset import to_name
from ssosim.dns.zones.stub import build_query
from ssosim.estate import DnsResolver, Estate, RecordSet, default_estate
from ssosim.faults import FaultError, fault_from
from ssosim.memory import Engine, MemoryLab
from tests.memory.estates import located_estate, signed_estate

AUTOLOGON, ZONE = "autologon.microsoftazuread-sso.com", "microsoftazuread-sso.com"
LOGIN = "login.microsoftonline.com"
BEGIN = 1_740_500_000.0  # 25 February 2025
VALIDATING = DnsResolver(name="validating", address="10.10.0.54", validate=True)
TRUSTING = DnsResolver(name="trusting", address="10.10.0.55", devices=("desk-2",))


def _lab(estate: Estate) -> MemoryLab:
    return MemoryLab(Engine(BEGIN), estate)


def _ask(lab: MemoryLab, device: str = "desk-1", name: str = AUTOLOGON) -> tuple[str, tuple[str, ...]]:
    found = next(each for each in lab.estate.devices if each.name == device)
    event = lab.dns_servers_of(found)[0].reply_to(build_query(name, "A"), "office", "udp").event
    return event.rcode, event.answers


def test_one_location_has_the_wrong_view() -> None:
    """Only resolvers of the location get the wrong answer, and keep it after the fault until its TTL ends."""
    lab = _lab(located_estate())
    undo = fault_from({"fault": "wrong-view", "name": AUTOLOGON, "location": "lyon", "address": "10.9.9.9"}).apply(lab)
    assert _ask(lab) == ("NOERROR", ("A 192.0.2.20",))
    assert _ask(lab, "desk-2") == ("NOERROR", ("A 10.9.9.9",))
    undo()
    lab.engine.run(lab.engine.now + 200)
    assert _ask(lab, "desk-2")[1] == ("A 10.9.9.9",), "cached"
    lab.engine.run(lab.engine.now + 101)
    assert _ask(lab, "desk-2")[1] == ("A 192.0.2.20",)


def test_the_wrong_view_lacks_the_name() -> None:
    """Without an address the name is missing there; the trace names the fault at the name server's answer."""
    lab = _lab(located_estate())
    fault_from({"fault": "wrong-view", "name": AUTOLOGON, "location": "munich"}).apply(lab)
    assert (_ask(lab)[0], _ask(lab, "desk-2")[0]) == ("NXDOMAIN", "NOERROR")
    missing = [record.event for record in lab.trace.since() if getattr(record.event, "rcode", "") == "NXDOMAIN"]
    assert [event.faults for event in missing] == [(1,)]


def test_a_cname_leads_into_the_wrong_view() -> None:
    """A public name with a CNAME to a name of split DNS leads to its wrong view, in the same zone and in another."""
    estate = located_estate()
    www = RecordSet(name="www", type="CNAME", values=(f"{LOGIN}.",))
    zones = tuple(
        msgspec.structs.replace(zone, records=(*zone.records, www))
        if zone.name in (ZONE, "microsoftonline.com")
        else zone
        for zone in estate.zones
    )
    lab = _lab(msgspec.structs.replace(estate, zones=zones))
    fault_from({"fault": "wrong-view", "name": LOGIN, "location": "lyon", "address": "10.9.9.9"}).apply(lab)
    for name in (f"www.{ZONE}", "www.microsoftonline.com"):
        assert _ask(lab, "desk-2", name)[1][-1] == "A 10.9.9.9"
        assert _ask(lab, "desk-1", name)[1][-1] == "A 192.0.2.10"


def test_a_missing_name_stays_missing_until_the_negative_ttl_ends() -> None:
    """One resolver goes on with NXDOMAIN after the repair, while the others have the name."""
    lab = _lab(located_estate())
    undo = fault_from({"fault": "wrong-view", "name": AUTOLOGON, "location": "lyon"}).apply(lab)
    assert _ask(lab, "desk-2")[0] == "NXDOMAIN"
    undo()
    lab.engine.run(lab.engine.now + 50)
    assert (_ask(lab)[0], _ask(lab, "desk-2")[0]) == ("NOERROR", "NXDOMAIN")
    lab.engine.run(lab.engine.now + 20)
    assert _ask(lab, "desk-2")[0] == "NOERROR"


@pytest.mark.parametrize(
    ("estate", "fields", "words"),
    [
        (located_estate(), {"name": AUTOLOGON, "location": "paris"}, "known: munich, lyon"),
        (located_estate(), {"name": "www.example.org", "location": "lyon"}, "no zone of the estate"),
        (default_estate(), {"name": AUTOLOGON, "location": "lyon"}, "known: none"),
        (
            msgspec.structs.replace(located_estate(), resolvers=(VALIDATING,)),
            {"name": AUTOLOGON, "location": "lyon"},
            "no resolver of the estate is at lyon",
        ),
    ],
)
def test_a_view_that_nobody_has_is_refused(estate: Estate, fields: dict[str, Any], words: str) -> None:
    """A location without a resolver would leave the fault without effect, and the test would pass."""
    with pytest.raises(FaultError, match=words):
        fault_from({"fault": "wrong-view", **fields}).apply(_lab(estate))


def _validate(lab: MemoryLab) -> None:
    """Validate the A records of the autologon name as a resolver does, with the key of the zone."""
    zones = lab.zones.current
    context = QueryContext(dnssec_ok=True)
    keys = resolve_in_zones(zones, to_name(ZONE), dns.rdatatype.DNSKEY, context)
    found = resolve_in_zones(zones, to_name(AUTOLOGON), A, context)
    (records,) = (each for each in found.answer if each.type == A)
    (signed,) = (each for each in found.answer if each.type == RRSIG)
    (key,) = (each for each in keys.answer if each.type == dns.rdatatype.DNSKEY)
    covered, keyed = (dns.rrset.from_rdata_list(each.name, each.ttl, each.rdatas) for each in (records, key))
    dns.dnssec.validate_rrsig(covered, signed.rdatas[0], {to_name(ZONE): keyed}, now=BEGIN)


@pytest.mark.parametrize(("name", "words"), [("signature-expired", "expired"), ("signature-tampered", "verify")])
def test_what_the_servers_send_does_not_validate(name: str, words: str) -> None:
    """An independent validator accepts the healthy signatures and refuses the changed ones; undone, they are right."""
    lab = _lab(signed_estate(VALIDATING, TRUSTING))
    _validate(lab)
    undo = fault_from({"fault": name, "zone": ZONE}).apply(lab)
    with pytest.raises(dns.dnssec.ValidationFailure, match=words):
        _validate(lab)
    assert (_ask(lab)[0], _ask(lab, "desk-2")[0]) == ("SERVFAIL", "NOERROR"), "who does not validate sees nothing"
    undo()
    _validate(lab)


def test_what_was_valid_is_used_until_its_ttl_ends() -> None:
    """A resolver validates what arrives: a verified answer in its cache is used on."""
    lab = _lab(signed_estate(VALIDATING))
    assert _ask(lab)[0] == "NOERROR"
    fault_from({"fault": "signature-expired", "zone": ZONE, "names": [AUTOLOGON]}).apply(lab)
    lab.engine.run(lab.engine.now + 200)
    assert _ask(lab)[0] == "NOERROR"
    lab.engine.run(lab.engine.now + 101)
    assert _ask(lab)[0] == "SERVFAIL"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"zone": "fabrikam.com"}, "is not signed"),
        ({"zone": "nowhere.example"}, "has no zone"),
        ({"zone": ZONE, "names": [f"www.{ZONE}"]}, "has no signature"),
    ],
)
def test_what_has_no_signature_is_refused(fields: dict[str, Any], words: str) -> None:
    """Without a signature there is none to break."""
    with pytest.raises(FaultError, match=words):
        fault_from({"fault": "signature-expired", **fields}).apply(_lab(signed_estate()))

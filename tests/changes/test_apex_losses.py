"""Zone files that lose SOA or NS: name servers do not load them, whatever stands in for the records here."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest_plans import plan_zones, reasons
from dns.rdatatype import NS

from ssosim.changes.diff import compare
from ssosim.changes.operations import apply_operations, operations_between
from ssosim.changes.risk import Level
from ssosim.changes.snapshot import digest, from_data, to_data
from ssosim.dns import DnsChangeError, ZoneSet, put_rrset
from ssosim.dns.imports import read_tree
from ssosim.dns.zones.rrset import to_name

TTL = "$TTL 300\n"
SOA = "@ SOA ns1.contoso.com. h.contoso.com. 1 7200 3600 1209600 60\n"
DEFAULT_SOA = "@ SOA ns1.lab.invalid. hostmaster.lab.invalid. 0 3600 900 1209600 60\n"
OWN, OTHER, DEFAULT = (f"@ NS {name}.\n" for name in ("ns1.contoso.com", "ns2.test", "ns1.lab.invalid"))
HOSTS = "ns1 A 192.0.2.1\nwww A 192.0.2.2\n"

LOSSES = [
    (SOA + OWN, SOA, ["delete NS"]),
    (SOA + OTHER, SOA, ["delete NS"]),
    (SOA + OWN + OTHER, SOA, ["delete NS"]),
    (SOA + OWN, OWN, ["delete SOA"]),
    (SOA + OWN, "", ["delete NS", "delete SOA"]),
    (DEFAULT_SOA + DEFAULT, DEFAULT_SOA, ["delete NS"]),
    (DEFAULT_SOA + DEFAULT, DEFAULT, ["delete SOA"]),
]


def read(folder: Path, text: str) -> ZoneSet:
    """The zone ``contoso.com`` of a file."""
    folder.mkdir(exist_ok=True)
    (folder / "contoso.com.zone").write_text(TTL + text + HOSTS, encoding="utf-8")
    return read_tree(folder)


def kinds(before: ZoneSet, after: ZoneSet) -> list[str]:
    """What happens to which types at the apex."""
    return [f"{each.kind} {each.type.name}" for each in compare(before, after).records]


@pytest.mark.parametrize(("before", "after", "wanted"), LOSSES)
def test_a_lost_record_of_the_apex_is_a_difference(tmp_path: Path, before: str, after: str, wanted: list[str]) -> None:
    """RFC 1035 section 5.2: a zone has SOA and NS. The stand-in of the lab may be equal to what was lost: no matter."""
    was, now = read(tmp_path / "a", before), read(tmp_path / "b", after)
    assert kinds(was, now) == wanted
    assert kinds(now, was) == [each.replace("delete", "create") for each in wanted]
    plan = plan_zones(was, now)
    assert plan.risk.level == Level.HIGH
    for each in wanted:
        kind = each.removeprefix("delete ")
        text = f"high the file of zone contoso.com has no {kind} record any more: name servers do not load it"
        assert text in reasons(plan)


@pytest.mark.parametrize("text", ["", SOA, OWN, SOA + OWN])
def test_two_files_without_it_are_equal(tmp_path: Path, text: str) -> None:
    """The other side: exports of providers often have no SOA and NS, before and after; that is no change."""
    was, now = read(tmp_path / "a", text), read(tmp_path / "b", text)
    assert kinds(was, now) == []
    assert not plan_zones(was, now).risk.reasons


def test_the_first_record_of_an_apex_fills_the_gap(tmp_path: Path) -> None:
    """NS records that an operation puts are those of the zone from then on: nothing is missing, and nothing differs."""
    without, wanted = read(tmp_path / "a", SOA), read(tmp_path / "b", SOA + OTHER)
    reached = apply_operations(without, operations_between(without, wanted))
    assert kinds(reached, wanted) == []
    assert reached.zones[to_name("contoso.com")].missing == frozenset()
    assert put_rrset(without, "www.contoso.com", "A", ["192.0.2.9"]).zones[to_name("contoso.com")].missing == {NS}


def test_no_operation_takes_the_apex_away(tmp_path: Path) -> None:
    """A change between two trees that would remove the NS records is refused with what to do instead."""
    whole, without = read(tmp_path / "a", SOA + OWN), read(tmp_path / "b", SOA)
    with pytest.raises(DnsChangeError, match="a zone must have SOA and NS: replace them instead"):
        apply_operations(whole, operations_between(whole, without))


@pytest.mark.parametrize("text", ["", SOA, OWN, SOA + OWN])
def test_a_snapshot_knows_what_is_missing(tmp_path: Path, text: str) -> None:
    """The ledger keeps it: zones that are read back after a crash differ in nothing from those that were stored."""
    zones = read(tmp_path, text)
    again = from_data(to_data(zones))
    assert kinds(zones, again) == []
    assert digest(again) == digest(zones)
    assert again.zones[to_name("contoso.com")].missing == zones.zones[to_name("contoso.com")].missing

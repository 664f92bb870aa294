"""Drift in three directions, the inventory's checks, and severities."""

from __future__ import annotations

import msgspec
import pytest
from conftest_ops import AUTOLOGON, LOGIN, PROFILE, Office, cname_for_alias

from ssosim.changes.drift import Detector, compare_with_desired, list_clean_up_candidates, scan
from ssosim.changes.inventory import (
    Alert,
    Endpoint,
    ExpectedAnswer,
    Inventory,
    SeverityRule,
    default_inventory,
    parse_inventory,
)
from ssosim.changes.operations import apply_operations
from ssosim.changes.outside_in import MOST_UNLISTED, Observation, compare_observations, find_inventory_gaps
from ssosim.dns import ZoneSet, delete_profile, put_rrset, remove_rrset
from ssosim.estate.toml import TomlMistakeError
from ssosim.lab.control.dns_answers import Drift
from ssosim.report.dns import drift_text

BOOK = default_inventory()


def test_a_missing_record_is_found(zones: ZoneSet):
    """TMS9-052: a record that is desired and gone from production is found in the next run, with severity 2."""
    [found] = compare_with_desired(zones, remove_rrset(zones, LOGIN, "A"), BOOK)
    assert (found.kind, found.name, found.severity, found.pages) == ("missing", LOGIN, 2, True)


def test_the_old_detector_misses_the_alias(zones: ZoneSet):
    """TMS9-044, TMS9-045: without alias support the emptied record set is passed over; with it, found."""
    broken = delete_profile(zones, PROFILE)
    assert compare_with_desired(zones, broken, BOOK, Detector(aliases=False)) == ()
    assert AUTOLOGON in {found.name for found in compare_with_desired(zones, broken, BOOK)}


def test_a_zone_that_is_not_scanned_hides_its_drift(zones: ZoneSet):
    """TMS9-038: drift in a zone outside the scan is not seen; widening the scan finds it."""
    broken = delete_profile(zones, PROFILE)
    narrow = msgspec.structs.replace(BOOK, scan_zones=("microsoftonline.com",))
    wide = msgspec.structs.replace(BOOK, scan_zones=("microsoftonline.com", "microsoftazuread-sso.com"))
    assert compare_with_desired(zones, broken, narrow) == ()
    assert [found.name for found in compare_with_desired(zones, broken, wide)] == [AUTOLOGON]


def test_cname_for_alias_is_drift_though_it_resolves(zones: ZoneSet):
    """TMS9-055: what is another type with the same address is drift."""
    kinds = {found.kind for found in compare_with_desired(zones, apply_operations(zones, cname_for_alias()), BOOK)}
    assert kinds == {"missing", "unexpected"}


def test_the_scan_finds_empty_sets_dangling_links_and_orphans(zones: ZoneSet):
    """TMS9-057: an empty record set, a CNAME to nowhere and a profile nobody points at, in one scan."""
    kinds = {found.kind for found in scan(delete_profile(zones, PROFILE), BOOK)}
    assert kinds == {"empty-record-set", "profile-missing"}
    hanging = put_rrset(zones, "old.fabrikam.com", "CNAME", ["gone.fabrikam.com."])
    assert [found.kind for found in scan(hanging, BOOK)] == ["dangling-cname"]
    alone = remove_rrset(zones, AUTOLOGON, "A")
    assert [found.kind for found in scan(alone, BOOK)] == ["orphaned-profile"]
    assert scan(zones, BOOK) == ()


def test_a_resource_without_a_tag_is_not_taken_for_unused(zones: ZoneSet):
    """TMS9-064: a clean-up by ownership tags alone would take the profile; the scan says that the tag is missing."""
    untagged = msgspec.structs.replace(BOOK, resources=())
    assert list_clean_up_candidates(zones, untagged) == (PROFILE,)
    assert [found.kind for found in scan(zones, untagged)] == ["owner-missing"]
    assert list_clean_up_candidates(zones, BOOK) == ()


def seen(shape: str, *views: str, chain: tuple[str, ...] = (), status: int | None = 200) -> list[Observation]:
    """Observations of autologon."""
    return [Observation(AUTOLOGON, view, shape, chain, ("192.0.2.20",), status) for view in views]


def test_outside_in_looks_at_the_shape():
    """TMS9-055: a chain where a direct answer is expected is a finding, though name and HTTPS are fine (TMS9-079)."""
    [found] = compare_observations(BOOK, seen("chain", "a", "b", chain=("tm.example",)))
    assert (found.name, found.severity, found.pages) == (AUTOLOGON, 2, True)
    assert "expected a direct answer, got chain along tm.example" in found.text
    assert compare_observations(BOOK, seen("direct", "a", "b")) == ()


def test_one_stale_view_of_three_does_not_wake_anybody():
    """TMS9-053: a quorum of views decides; one that differs is a finding of its own kind."""
    [found] = compare_observations(BOOK, [*seen("direct", "a", "b"), *seen("nodata", "c", status=None)])
    assert (found.kind, found.pages) == ("one-view", False)
    [found] = compare_observations(BOOK, [*seen("direct", "a"), *seen("nodata", "b", "c", status=None)])
    assert (found.kind, found.pages) == ("answer", True)


def test_outside_in_checks_https_chain_and_addresses():
    """TMS9-055: a wrong status, another chain and other addresses are findings."""
    expected = ExpectedAnswer(shape="chain", chain=("tm.example",), addresses=("192.0.2.20",))
    book = Inventory(endpoints=(Endpoint(name=AUTOLOGON, owner="o", flow="f", expected=expected),))
    assert compare_observations(book, seen("chain", "a", chain=("tm.example",))) == ()
    assert "expected the chain" in compare_observations(book, seen("chain", "a", chain=("x.example",)))[0].text
    wrong = [Observation(AUTOLOGON, "a", "chain", ("tm.example",), ("192.0.2.99",), 0)]
    assert [found.kind for found in compare_observations(book, wrong)] == ["answer", "https"]


def test_the_inventory_contradicted_by_the_counts(office: Office):
    """TMS9-042: "not in use" beside queries is a finding."""
    assert "contradiction" not in {found.kind for found in office.control.detect_drift()}
    office.ask(AUTOLOGON)
    assert "contradiction" in {found.kind for found in office.control.detect_drift()}


def test_names_that_nobody_listed(office: Office):
    """TMS9-058: the share of queried names that the inventory knows, none without queries; the others are findings."""
    assert office.control.completeness() is None
    idle = Drift(findings=(), locks={}, inventory_completeness=None, uncounted="")
    assert "no name was asked for" in drift_text(idle)
    office.ask(LOGIN)
    assert office.control.completeness() == 1
    office.ask("forgotten.microsoft.com")
    assert office.control.completeness() == pytest.approx(0.5)
    assert "forgotten.microsoft.com" in {
        found.name for found in office.control.detect_drift() if found.kind == "unlisted"
    }


def test_an_alert_with_a_typo_is_found():
    """TMS9-056: a dot in the place of a dash, as press reports wrote the host: no alert would ever fire."""
    typo = Alert(name="autologon-down", endpoint="autologon.microsoftazuread.sso.com")
    book = msgspec.structs.replace(BOOK, alerts=(typo,))
    [found] = find_inventory_gaps(book, ())
    assert f"did you mean {AUTOLOGON}?" in found.text


def test_a_flood_of_unlisted_names_is_a_hundred_findings_and_a_number():
    """Ever-new names make no finding each; those that page come first, and the rest is counted."""
    book = Inventory(severities=(SeverityRule(match=r"^zz", severity=1),))
    names = [*(f"n{number:05}.example" for number in range(20_000)), "zz.example"]
    found = find_inventory_gaps(book, names)
    assert len(found) == MOST_UNLISTED + 1
    assert (found[0].name, found[0].text) == ("n00000.example", "is queried and not listed")
    assert [(each.name, each.severity) for each in found if each.pages] == [("zz.example", 1)]
    assert (found[-1].name, found[-1].text, found[-1].severity) == ("19901 more names", "are queried and not listed", 4)
    [rest] = find_inventory_gaps(book, [f"zz{number:03}" for number in range(MOST_UNLISTED + 1)])[MOST_UNLISTED:]
    assert (rest.name, rest.severity, rest.pages) == ("1 more names", 1, True)
    few = find_inventory_gaps(book, (f"n{number}.example" for number in range(MOST_UNLISTED)))
    assert len(few) == MOST_UNLISTED


def test_severity_follows_the_name_not_the_check(zones: ZoneSet):
    """TMS9-066: the same "points at nothing" check pages for a sign-in name and queues for another."""
    low = Inventory(default_severity=4, severities=(SeverityRule(match=r"^autologon\.", severity=2),))
    broken = delete_profile(zones, PROFILE)
    found = {each.name: each for each in scan(broken, low) if each.kind == "empty-record-set"}
    assert found[AUTOLOGON].pages
    quiet = msgspec.structs.replace(low, severities=())
    assert not any(each.pages for each in scan(broken, quiet))


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('[[endpoints]]\nname = "a"\nowner = " "\nflow = "f"', r"i\.toml:3: endpoints\[0\]\.owner: is blank"),
        ('[[endpoints]]\nname = "a"\nowner = "o"\nflow = "f"\nhttps = "x"', r"i\.toml:5: .*begins with /"),
        ('[[severities]]\nmatch = "("\nseverity = 1', r"i\.toml:2: .*not a regular expression"),
        ('[[endpoint]]\nname = "a"', r"did you mean 'endpoints'"),
    ],
)
def test_mistakes_of_an_inventory_are_placed(text: str, where: str):
    """TMS9-090: a mistake in the file is named with line, key and what is expected."""
    with pytest.raises(TomlMistakeError, match=where):
        parse_inventory(text, "i.toml")

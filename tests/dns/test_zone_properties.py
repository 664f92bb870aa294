"""Rules that hold for all zones, on zones that Hypothesis draws: few labels, so that all kinds of names meet."""

from __future__ import annotations

import random

from dns.name import Name
from dns.rcode import NXDOMAIN
from dns.rdatatype import AAAA, DS, SOA, A
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.changes.answers import content_of
from ssosim.changes.covered_names import find_covered_names
from ssosim.changes.diff import compare
from ssosim.changes.operations import apply_operations, operations_between
from ssosim.changes.snapshot import digest, from_data, to_data
from ssosim.dns import ZoneSet, answer, resolve_in_zones
from ssosim.dns.zones.name_match import match_name
from ssosim.dns.zones.rrset import to_name
from tests.dns.oracle.drawn_zones import zone_texts
from tests.dns.oracle.questions import questions_for
from tests.dns.zone_texts import HEAD, assemble_text

ORIGIN = "drawn.example."
FEW = settings(max_examples=20)


def build(text: str) -> ZoneSet:
    """The zones with one drawn zone."""
    return assemble_text(HEAD + text, ORIGIN)


def names_of(*zones: ZoneSet) -> list[Name]:
    """The names that questions about these zones have: those that exist, below them, and beside them."""
    return [*dict.fromkeys(each.name for one in zones for each in questions_for(one.zones[to_name(ORIGIN)]))]


@FEW
@given(zone_texts(), st.integers(0, 2**16))
def test_the_order_of_lines_means_nothing(text: str, start: int) -> None:
    """RFC 1035 section 5: a zone is a set of records; only owners that are left out depend on the line before."""
    lines = text.splitlines(keepends=True)
    random.Random(start).shuffle(lines)  # noqa: S311 - not for secrets
    one, other = build(text), build("".join(lines))
    assert one == other
    assert digest(one) == digest(other)
    for name in names_of(one)[:12]:
        assert content_of(answer(one, name, A)) == content_of(answer(other, name, A))


@FEW
@given(zone_texts(), zone_texts())
def test_a_change_of_two_states_leads_from_one_to_the_other(first: str, second: str) -> None:
    """The operations of a difference make the second state of the first, with its cuts and empty non-terminals."""
    before, after = build(first), build(second)
    reached = apply_operations(before, operations_between(before, after))
    assert reached == after
    assert not compare(reached, after)
    for side in ("nodes", "below", "cuts"):
        assert getattr(reached.zones[to_name(ORIGIN)], side) == getattr(after.zones[to_name(ORIGIN)], side)


@FEW
@given(zone_texts())
def test_a_snapshot_is_the_zone(text: str) -> None:
    """Zones as data and back are equal, and answer alike, whatever types and names they have."""
    zones = build(text)
    again = from_data(to_data(zones))
    assert again == zones
    for asked in [*questions_for(zones.zones[to_name(ORIGIN)])][:40]:
        assert answer(again, asked.name, asked.type) == answer(zones, asked.name, asked.type)


@FEW
@given(zone_texts())
def test_letters_of_a_zone_file_mean_nothing(text: str) -> None:
    """RFC 4343: a file with its names in capital letters is the same zone, with the same digest, so the same plan."""
    texts = (" CAA ", " TXT ", " TYPE65280 ")
    shouted = [line if any(kind in line for kind in texts) else line.upper() for line in text.splitlines(keepends=True)]
    one, other = build(text), build("".join(shouted))
    assert one == other
    assert digest(one) == digest(other)
    assert to_data(one) == to_data(other)


@FEW
@given(zone_texts())
def test_letters_of_a_question_mean_nothing(text: str) -> None:
    """RFC 4343: names are compared without regard to case; the answer repeats the letters of the question."""
    zones = build(text)
    for name in names_of(zones)[:20]:
        shouted = Name([label.upper() for label in name.labels])
        one, other = answer(zones, name, A), answer(zones, shouted, A)
        assert content_of(one) == content_of(other)
        assert other.name.labels == shouted.labels
        if other.answer and other.answer[0].type == A:
            assert other.answer[0].name.labels == shouted.labels


@FEW
@given(zone_texts())
def test_what_a_resolver_client_is_told(text: str) -> None:
    """With RD set there is never a referral, and every complete answer is the one without RD."""
    zones = build(text)
    for asked in [*questions_for(zones.zones[to_name(ORIGIN)])][:60]:
        plain, resolved = (function(zones, asked.name, asked.type) for function in (answer, resolve_in_zones))
        assert not resolved.is_referral
        if not (plain.is_referral or plain.is_partial):
            assert resolved == plain
        else:
            assert resolved.outcome == "SERVFAIL"


@FEW
@given(zone_texts())
def test_below_a_missing_name_nothing_exists(text: str) -> None:
    """RFC 8020: where NXDOMAIN is answered, no name below has records; every negative answer has the SOA (RFC 2308)."""
    zones = build(text)
    zone = zones.zones[to_name(ORIGIN)]
    for name in names_of(zones):
        found = answer(zones, name, AAAA)
        if found.rcode == NXDOMAIN and not found.answer:
            assert not [owner for owner in zone.nodes if owner.is_subdomain(name)]
        if found.outcome in ("NODATA", "NXDOMAIN"):
            assert [rrset.type for rrset in found.authority][:1] == [SOA]


@FEW
@given(zone_texts())
def test_the_uppermost_cut_decides(text: str) -> None:
    """RFC 1034 section 4.3.2: at or below a delegation the parent answers with a referral, but for DS at the cut."""
    zones = build(text)
    zone = zones.zones[to_name(ORIGIN)]
    for name in names_of(zones):
        match = match_name(zone, name)
        if match.kind != "delegation":
            continue
        assert answer(zones, name, A).is_referral
        assert answer(zones, name, DS).is_referral is (name != match.owner)
        above = match.owner.parent()
        assert match_name(zone, above).kind != "delegation"


@settings(max_examples=12)
@given(zone_texts(), zone_texts())
def test_no_changed_answer_is_overlooked(first: str, second: str) -> None:
    """Each name whose address questions are answered otherwise is in the difference, or found as a covered name.

    Except behind a CNAME: who follows one is found by the links between names.
    """
    before, after = build(first), build(second)
    delta = compare(before, after)
    known = names_of(before, after)[::3]
    covered = {(each.name, each.type) for each in find_covered_names(before, after, delta, known)}
    nothing = {"NODATA", "NXDOMAIN"}
    for name in known:
        for kind in (A, AAAA):
            was, now = answer(before, name, kind), answer(after, name, kind)
            if content_of(was) == content_of(now) or {was.outcome, now.outcome} <= nothing:
                assert (name, kind) not in covered
            elif name not in delta.names and not {r.type.name for r in (*was.answer, *now.answer)} & {"CNAME"}:
                assert (name, kind) in covered

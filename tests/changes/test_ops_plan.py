"""Plans: differences, risk, blast radius, references, usage, and the rehearsed rollback."""

from __future__ import annotations

import contextlib
import dataclasses

import msgspec
import pytest
from conftest_ops import AUTOLOGON, LOGIN, MANAGER, PROFILE, Office, change, clean_up, cname_for_alias, whole_rollback
from dns.rdatatype import A
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssosim.changes.change import parse_change
from ssosim.changes.diff import Effect, Kind, compare
from ssosim.changes.operations import (
    DeleteProfile,
    Operation,
    PointAlias,
    PutProfile,
    PutRecords,
    RemoveName,
    apply_operations,
    operations_between,
)
from ssosim.changes.risk import Level
from ssosim.changes.snapshot import digest, from_data, to_data
from ssosim.dns import DnsChangeError, RRset, Zone, ZoneSet, answer, delete_profile, put_rrset
from ssosim.dns.zones.rrset import to_name, to_rdatas
from ssosim.estate.toml import TomlMistakeError


def test_a_deleted_profile_shows_as_an_emptied_alias(zones: ZoneSet):
    """TMS9-075: the diff of the clean-up says that the alias record set is left empty, not only that a profile goes."""
    delta = compare(zones, delete_profile(zones, PROFILE))
    alias = next(each for each in delta.records if each.as_data()["name"] == AUTOLOGON)
    assert (alias.kind, alias.effects) == (Kind.UPDATE, {Effect.SHAPE, Effect.EMPTIED})
    assert [each.name for each in delta.profiles] == [PROFILE]


def test_equal_zones_differ_in_nothing(zones: ZoneSet):
    """Another version of the same content is no difference, and has the same digest."""
    other = dataclasses.replace(zones, version=99)
    assert not compare(zones, other)
    assert digest(zones) == digest(other)


def test_a_snapshot_reads_back_equal(zones: ZoneSet):
    """Zones as data and back are equal, version included, with the links of aliases."""
    again = from_data(to_data(zones))
    assert (again, again.version) == (zones, zones.version)


def test_the_way_between_two_states_leads_from_one_to_the_other(zones: ZoneSet):
    """The operations made from a difference lead there, and back; nothing is ever without its name (crates-io-2023)."""
    other = apply_operations(
        zones, (*cname_for_alias(), PutRecords(name=f"new.{LOGIN}", type="A", values=("192.0.2.9",)))
    )
    gone = delete_profile(zones, PROFILE)
    for before, after in ((zones, other), (other, zones), (zones, gone), (gone, zones)):
        assert apply_operations(before, operations_between(before, after)) == after


def test_the_incident_is_rated_high_and_global(office: Office):
    """TMS9-046, TMS9-047, TMS9-048: deleting the traffic manager behind a critical alias is high risk and global."""
    plan = office.control.plan(clean_up())
    assert (plan.risk.level, plan.blast.scope) == (Level.HIGH, "global")
    assert AUTOLOGON in plan.blast.names
    assert any("empty record set" in reason.text for reason in plan.risk.reasons)


def test_views_limit_the_blast_radius(office: Office):
    """TMS9-095: a change for some views is not global."""
    assert office.control.plan(clean_up(views=("canary",))).blast.scope == "views"


def test_a_new_name_is_low_risk(office: Office):
    """A name that nobody can use yet is low risk and needs nobody."""
    plan = office.control.plan(change(PutRecords(name="new.contoso.microsoft.com", type="A", values=("192.0.2.9",))))
    assert (plan.risk.level, plan.requirements.approvers) == (Level.LOW, 0)


def test_who_refers_to_it_is_found_in_every_zone(office: Office):
    """Aliases, CNAMEs of other zones, SRV records, SPNs, the inventory and alert rules all count as references."""
    office.store.change(lambda zones: put_rrset(zones, "sso.fabrikam.com", "CNAME", [f"{AUTOLOGON}."]))
    plan = office.control.plan(change(DeleteProfile(profile=PROFILE)))
    assert {"alias", "CNAME", "profile", "SPN", "inventory", "alert"} <= {each.kind for each in plan.references}
    assert "sso.fabrikam.com" in plan.blast.names
    kdc = office.control.plan(change(RemoveName(name="dc1.corp.contoso.com")))
    assert {"SRV", "PTR"} <= {each.kind for each in kdc.references}


def test_who_changes_under_an_alias_is_affected(office: Office):
    """A profile that gets other endpoints changes what its aliases answer, though no record set differs."""
    old = office.store.current.profiles[PROFILE]
    plan = office.control.plan(change(PutProfile(profile=msgspec.structs.replace(old, endpoints=old.endpoints[1:]))))
    assert set(plan.blast.names) == {AUTOLOGON, MANAGER}
    assert plan.effects[AUTOLOGON] == {Effect.VALUES}


def test_use_is_counted_and_named(office: Office):
    """TMS9-041: the plan says how often a name was resolved in the window, and by whom."""
    office.ask(AUTOLOGON, "outlook")
    office.ask(AUTOLOGON, "outlook")
    usage = {each.name: each for each in office.control.plan(clean_up()).usage}[AUTOLOGON]
    assert usage.count is not None
    assert (usage.count.total, dict(usage.count.clients), usage.in_use) == (2, {"outlook": 2}, True)


def test_a_gap_counts_as_use(office: Office):
    """TMS9-089: a window that the metric does not cover is use, and the window is never shorter than the TTL."""
    assert not any(each.in_use for each in office.control.plan(clean_up()).usage)
    office.counts.pause()
    office.clock.moment += 10
    office.counts.resume()
    plan = office.control.plan(clean_up())
    assert {(each.name, each.window) for each in plan.usage} == {(AUTOLOGON, 300.0), (MANAGER, 60.0)}
    assert all(each.count is None and each.in_use for each in plan.usage)


def test_the_operators_probes_are_no_use(office: Office):
    """Outside-in probes must not keep a name alive that nobody else asks for."""
    office.ask(AUTOLOGON, "dns-probe")
    assert not any(each.in_use for each in office.control.plan(clean_up()).usage)


def test_the_rollback_is_rehearsed(office: Office):
    """TMS9-084: the plan shows that the rollback as written leaves a CNAME; one that restores all leaves nothing."""
    partial = office.control.plan(clean_up()).rollback
    assert partial is not None
    assert not isinstance(partial, str)
    assert {each.type.name for each in partial.records} == {"A", "CNAME"}
    whole = office.control.plan(clean_up(rollback_operations=whole_rollback())).rollback
    assert not whole


def test_all_or_nothing(office: Office):
    """A change whose second operation cannot be done says which, and nothing has changed."""
    before = office.store.current
    with pytest.raises(DnsChangeError, match=r"operations\[1\]: no-such"):
        office.control.plan(change(RemoveName(name=LOGIN), RemoveName(name="no-such.microsoft.com")))
    assert office.store.current is before


@pytest.mark.parametrize(
    "field", ["title", "author", "intent", "procedure", "rollback", "health_signals", "abort_rule"]
)
def test_a_change_without_its_document_is_refused_with_the_place(field: str):
    """TMS9-036: each field of the document that is missing or blank is named, with file and line."""
    good = {
        "title": '"t"',
        "author": '"a"',
        "intent": '"i"',
        "procedure": '["p"]',
        "rollback": '["r"]',
        "health_signals": '["h"]',
        "abort_rule": '"x"',
    }
    tail = '\n[[operations]]\nop = "remove-name"\nname = "x.test"\n'
    blank = good | {field: '""' if good[field].startswith('"') else '[" "]'}
    text = "\n".join(f"{key} = {value}" for key, value in blank.items()) + tail
    with pytest.raises(TomlMistakeError, match=rf"c\.toml:\d+: {field}: is blank"):
        parse_change(text, "c.toml")
    text = "\n".join(f"{key} = {value}" for key, value in good.items() if key != field) + tail
    with pytest.raises(TomlMistakeError, match=field):
        parse_change(text, "c.toml")


def test_loaded_zones_are_the_new_stage(office: Office):
    """A tree of the user's replaces the zones of its names; the rest stays, and earlier changes are closed."""
    office.control.apply(change(PutRecords(name="new.microsoft.com", type="A", values=("192.0.2.1",))))
    tree = ZoneSet.build([empty_zone("microsoft.com", ("www", "192.0.2.7")), empty_zone("trafficmanager.net")])
    office.control.load(tree, "mine")
    now = office.store.current
    assert answer(now, to_name("www.microsoft.com"), A).outcome == "NOERROR"
    assert answer(now, to_name("new.microsoft.com"), A).outcome == "NXDOMAIN"
    assert answer(now, to_name(AUTOLOGON), A).outcome == "NOERROR"  # its profile's name is put into the new zone
    assert (office.control.desired, dict(office.control.locks)) == (now, {})
    with pytest.raises(DnsChangeError, match="nothing was applied"):
        office.control.rollback()


def empty_zone(origin: str, *records: tuple[str, str]) -> Zone:
    """A zone with A records."""
    name = to_name(origin)
    return Zone.build(
        name,
        ttl=60,
        negative_ttl=60,
        name_server=to_name("ns1.lab.invalid"),
        contact=to_name("h.lab.invalid"),
        rrsets=[RRset(to_name(label, name), A, 60, to_rdatas([value], A, name)) for label, value in records],
    )


NAMES = st.sampled_from(["a.microsoft.com", "b.microsoft.com", "b.a.microsoft.com", AUTOLOGON])
ADDRESSES = st.lists(st.sampled_from(["192.0.2.1", "192.0.2.2", "192.0.2.3"]), max_size=2)
OPERATIONS = st.one_of(
    st.builds(PutRecords, name=NAMES, type=st.just("A"), values=ADDRESSES.map(tuple), ttl=st.integers(1, 3)),
    st.builds(PutRecords, name=NAMES, type=st.just("TXT"), values=st.just(('"x"',))),
    st.builds(PutRecords, name=NAMES, type=st.just("CNAME"), values=st.just((f"{LOGIN}.",))),
    st.builds(PointAlias, name=NAMES, type=st.just("A"), profile=st.just(PROFILE)),
    st.builds(PointAlias, name=NAMES, type=st.just("A"), record=NAMES),
    st.builds(RemoveName, name=NAMES),
    st.just(DeleteProfile(profile=PROFILE)),
)


def muddle(zones: ZoneSet, operations: list[Operation]) -> ZoneSet:
    """The zones after those of ``operations`` that can be done."""
    for operation in operations:
        with contextlib.suppress(DnsChangeError):
            zones = operation.apply(zones)
    return zones


@given(first=st.lists(OPERATIONS, max_size=6), second=st.lists(OPERATIONS, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_difference_always_leads_there(zones: ZoneSet, first: list[Operation], second: list[Operation]):
    """Whatever two states: the operations made from their difference lead from one to the other; data reads back."""
    before, after = muddle(zones, first), muddle(zones, second)
    assert apply_operations(before, operations_between(before, after)) == after
    assert from_data(to_data(after)) == after


def test_a_mistake_that_the_change_makes_is_a_high_risk(office: Office):
    """se-2009, TMS9-057: a CNAME that lost its trailing dot leads nowhere; the plan says so before it is made."""
    lost_dot = change(
        PutRecords(name="www.microsoft.com", type="CNAME", values=("login.microsoft.com.microsoft.com.",))
    )
    risk = office.control.plan(lost_dot).risk
    assert risk.level is Level.HIGH
    assert any("without its trailing dot" in reason.text for reason in risk.reasons)
    right = change(PutRecords(name="www.microsoft.com", type="CNAME", values=("login.microsoft.com.",)))
    assert office.control.plan(right).risk.level is Level.LOW

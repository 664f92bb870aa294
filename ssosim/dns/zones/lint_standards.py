"""Lint rules from standards, named-checkzone and Zonemaster: what name servers refuse or warn of, and take-overs.

They look at the zones only and ask no server. Wildcards count, and names below a delegation are not judged.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dns.name
from dns.name import Name
from dns.rdatatype import AAAA, CNAME, HTTPS, MX, NS, SOA, SPF, SRV, SVCB, TXT, A, RdataType
from dns.rdtypes.svcbbase import ParamKey
from msgspec import Struct

from ssosim.dns.zones.answer import answer
from ssosim.dns.zones.lint import LintFinding, Severity, find_node, has_address, is_in_a_zone, make_finding, targets_of
from ssosim.dns.zones.rrset import MAX_TTL, SINGLE_VALUE_TYPES, RRset, plain, to_name
from ssosim.dns.zones.zone_index import index_of
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = ["STANDARD_RULES", "TakeoverSuffix", "load_suffixes"]

_CNAME_CODES: dict[RdataType, tuple[Severity, str]] = {
    NS: ("error", "ns-is-cname"),
    MX: ("warning", "mx-is-cname"),
    SRV: ("warning", "srv-is-cname"),
}
"""Severity and code of a target that is a CNAME. named refuses NS, and warns of the others."""


_IPV4_HINT, _IPV6_HINT = ParamKey.IPV4HINT, ParamKey.IPV6HINT


class TakeoverSuffix(Struct, frozen=True):
    """A suffix under which others can claim names; ``source`` is an id of ``ssosim/sources``."""

    name: Name
    service: str
    source: str


@functools.cache
def load_suffixes(kind: str) -> tuple[TakeoverSuffix, ...]:
    """Load the suffixes of ``takeover.toml``: ``suffixes`` for targets of CNAMEs, ``name_servers`` for those of NS."""
    text = Path(__file__).with_name("takeover.toml").read_text(encoding="utf-8")
    return tuple(
        TakeoverSuffix(to_name(name), entry["service"], entry["source"])
        for entry in tomllib.loads(text)[kind]
        for name in entry["names"]
    )


def targets_that_are_cnames(zones: ZoneSet) -> Iterator[LintFinding]:
    """Name servers, mail servers and SRV targets that are CNAMEs (RFC 2181 section 10.3, RFC 2782)."""
    for zone, rrset in index_of(zones).of_types(*_CNAME_CODES):
        severity, code = _CNAME_CODES[rrset.type]
        for target in targets_of(rrset):
            node = find_node(zones, target)
            if node is not None and CNAME in node and is_in_a_zone(zones, target):
                text = f"{rrset.type.name} {plain(target)} is a CNAME: name the host that has the address"
                yield make_finding(zone, rrset.name, severity, text, code, "RFC 2181 10.3")


def missing_at_the_apex(zones: ZoneSet) -> Iterator[LintFinding]:
    """Zone files without SOA or NS records: name servers refuse them, and providers add their own."""
    for zone in zones.zones.values():
        if SOA in zone.missing:
            text = "the zone file has no SOA record: name servers refuse it, if no provider adds one"
            yield make_finding(zone, zone.origin, "warning", text, "no-soa", "RFC 1035 5.2")
        if NS in zone.missing:
            text = "the zone file has no NS records at the apex: name servers refuse it, if no provider adds them"
            yield make_finding(zone, zone.origin, "warning", text, "no-ns", "RFC 1035 5.2")


def expiry_before_the_next_try(zones: ZoneSet) -> Iterator[LintFinding]:
    """Zones that secondary servers drop before they ask the primary again, or after one failed try."""
    for zone, rrset in index_of(zones).of_types(SOA):
        if not rrset.rdatas:
            continue
        soa: Any = rrset.rdatas[0]
        refresh, retry, expire = soa.refresh, soa.retry, soa.expire
        if expire > refresh + retry:
            continue
        severity: Severity = "error" if expire <= refresh else "warning"
        if severity == "error":
            text = f"SOA expire {expire} s is not more than refresh {refresh} s: secondary servers stop in between"
        else:
            text = (
                f"SOA expire {expire} s is not more than refresh + retry: secondary servers stop after one failed try"
            )
        yield make_finding(zone, rrset.name, severity, text, "soa-expire", "RFC 1912 2.2")


def more_than_one_value(zones: ZoneSet) -> Iterator[LintFinding]:
    """Two CNAME, DNAME or SOA records at one name, in zones that were built without checks."""
    for zone, rrset in index_of(zones).of_types(*SINGLE_VALUE_TYPES):
        if len(rrset.rdatas) > 1:
            text = f"{len(rrset.rdatas)} {rrset.type.name} records: a name has one; keep one"
            yield make_finding(zone, rrset.name, "error", text, "two-values", "RFC 1034 3.6.2")


def ttl_beyond_the_range(zones: ZoneSet) -> Iterator[LintFinding]:
    """TTLs that resolvers take for 0, in zones that were built without checks."""
    for zone, rrset in index_of(zones).with_ttl_outside(0, MAX_TTL):
        text = f"{RdataType.to_text(rrset.type)} TTL {rrset.ttl} s: resolvers take more than {MAX_TTL} for 0"
        yield make_finding(zone, rrset.name, "error", text, "ttl-range", "RFC 2181 8")


def glue_that_is_missing(zones: ZoneSet) -> Iterator[LintFinding]:
    """Delegations to a name server below a cut of the same zone, of which the zone has no address."""
    for zone, rrset in index_of(zones).of_types(NS):
        if rrset.name == zone.origin:
            continue
        for target in targets_of(rrset):
            if not target.is_subdomain(rrset.name) or zones.zone_of(target) is not zone:
                continue
            node = zone.node(target)
            if A not in node and AAAA not in node:
                text = f"NS {plain(target)} is below the delegation and has no address in the zone: add its A or AAAA"
                yield make_finding(zone, rrset.name, "error", text, "glue-missing", "RFC 1034 4.2.1")


def texts_of(rrset: RRset) -> list[str]:
    """The texts of TXT and SPF records, their strings joined."""
    return [b"".join(rdata.strings).decode("ascii", "replace") for rdata in rrset.rdatas]  # type: ignore[attr-defined]


def sender_policies(zones: ZoneSet) -> Iterator[LintFinding]:
    """Two SPF records at one name, which receivers take for an error; the obsolete type SPF without a TXT record."""
    for zone, rrset in index_of(zones).of_types(TXT):
        if len(rrset.rdatas) > 1:
            policies = [text for text in texts_of(rrset) if text.lower().split(" ", 1)[0] == "v=spf1"]
            if len(policies) > 1:
                text = f"{len(policies)} SPF records: receivers take this for an error (permerror); put them into one"
                yield make_finding(zone, rrset.name, "error", text, "spf-duplicate", "RFC 7208 4.5")
    for zone, rrset in index_of(zones).of_types(SPF):
        texts = zone.node(rrset.name).get(TXT)
        if not set(texts_of(rrset)) <= set([] if texts is None else texts_of(texts)):
            text = "a record of the obsolete type SPF without the same text as TXT: receivers read TXT only"
            yield make_finding(zone, rrset.name, "warning", text, "spf-type", "RFC 7208 3.1")


def names_that_others_can_claim(zones: ZoneSet) -> Iterator[LintFinding]:
    """CNAMEs to names of a provider, and delegations to its name servers, outside of the zones that are read."""
    for zone, rrset in index_of(zones).of_types(CNAME, NS):
        is_delegation = rrset.type == NS and rrset.name != zone.origin and rrset.name not in zones.zones
        if rrset.type != CNAME and not is_delegation:
            continue
        for target in targets_of(rrset)[:1]:
            if is_in_a_zone(zones, target):
                continue
            for suffix in load_suffixes("name_servers" if is_delegation else "suffixes"):
                if target.is_subdomain(suffix.name) and target != suffix.name:
                    yield describe_claim(plain(zone.origin), rrset, target, suffix)
                    break


def service_bindings(zones: ZoneSet) -> Iterator[LintFinding]:
    """HTTPS and SVCB records that lead elsewhere than the addresses of their target, or to a name without any.

    Clients may connect to a hint before they have asked for the addresses (RFC 9460 section 7.3).
    """
    for zone, rrset in index_of(zones).of_types(HTTPS, SVCB):
        for rdata in rrset.rdatas:
            binding: Any = rdata
            target = rrset.name if binding.target == dns.name.root else binding.target
            if (binding.priority == 0 and target == rrset.name) or not is_in_a_zone(zones, target):
                continue
            here = f"{rrset.type.name} {plain(target)}"
            if not has_address(zones, target):
                text = f"{here} has no address: clients that follow the record cannot connect"
                yield make_finding(zone, rrset.name, "error", text, "svcb-target", "RFC 9460 2.4")
                continue
            for key, kind in ((_IPV4_HINT, A), (_IPV6_HINT, AAAA)):
                hints = frozenset(getattr(binding.params.get(key), "addresses", ()))
                answered = answer(zones, target, kind)
                own = (found for found in answered.answer if found.type == kind)
                known = frozenset(each.to_text() for found in own for each in found.rdatas)
                if answered.outcome in ("NOERROR", "NODATA", "NXDOMAIN") and (wrong := sorted(hints - known)):
                    text = f"{here} hints at {', '.join(wrong)}, which its {kind.name} records do not have"
                    yield make_finding(zone, rrset.name, "error", text, "svcb-hint", "RFC 9460 7.3")


def describe_claim(zone: str, rrset: RRset, target: Name, suffix: TakeoverSuffix) -> LintFinding:
    """Make the finding of a CNAME, or of the NS records of a delegation."""
    if rrset.type == NS:
        text = f"delegated to {plain(target)}: if the zone at {suffix.service} is deleted, others can create it there"
        return LintFinding(zone, plain(rrset.name), "info", text, "delegation-takeover", suffix.source)
    text = f"CNAME to {plain(target)}: if the resource at {suffix.service} is deleted, others can claim its name"
    return LintFinding(zone, plain(rrset.name), "info", text, "takeover", suffix.source)


STANDARD_RULES: tuple[Callable[[ZoneSet], Iterator[LintFinding]], ...] = (
    targets_that_are_cnames,
    missing_at_the_apex,
    expiry_before_the_next_try,
    more_than_one_value,
    ttl_beyond_the_range,
    glue_that_is_missing,
    sender_policies,
    names_that_others_can_claim,
    service_bindings,
)

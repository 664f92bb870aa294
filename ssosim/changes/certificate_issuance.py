"""What a change of CAA records forbids: the certificate authorities that could issue before it and cannot after it.

Nothing breaks on the day of such a change. The next renewal of a certificate fails, weeks later.
"""

from __future__ import annotations

from collections.abc import Iterator

from dns.name import Name
from dns.rdatatype import CAA

from ssosim.changes.diff import Delta
from ssosim.changes.risk import Level, Reason
from ssosim.dns.zones.rrset import RRset, plain
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = ["find_lost_authorities"]


_CRITICAL = 0x80
_KNOWN_TAGS = frozenset({b"issue", b"issuewild", b"iodef", b"issuemail", b"issuevmc", b"contactemail", b"contactphone"})
"""The properties that are registered. Source: RFC 8659 section 7, RFC 9495, and the IANA registry that they made."""


def find_lost_authorities(before: ZoneSet, after: ZoneSet, delta: Delta) -> Iterator[Reason]:
    """Reasons of risk for names at which an authority may no longer issue. Source: RFC 8659 sections 3 and 4.2."""
    for name in dict.fromkeys(each.name for each in delta.records if each.type == CAA):
        was, now = _relevant_set(before, name), _relevant_set(after, name)
        for tag, what in ((b"issue", "certificates"), (b"issuewild", "certificates for wildcards")):
            former, latter = _authorities(was, tag), _authorities(now, tag)
            if latter is None or former == latter:
                continue
            allowed = ", ".join(sorted(latter)) or "nobody"
            if former is None:
                text = f"lets {allowed} alone issue {what}, where every authority could"
            elif lost := former - latter:
                text = f"no longer lets {', '.join(sorted(lost))} issue {what}, only {allowed}"
            else:
                continue
            yield Reason(Level.HIGH, f"{plain(name)} CAA {text}: a renewal by another one fails (RFC 8659)")
            break


def _relevant_set(zones: ZoneSet, name: Name) -> RRset | None:
    """The CAA record set that holds for ``name``: the first one at or above it."""
    while len(name) > 1:
        found = zones.zone_of(name).node(name).get(CAA)
        if found is not None and found.rdatas:
            return found
        name = name.parent()
    return None


def _authorities(rrset: RRset | None, tag: bytes) -> frozenset[str] | None:
    """The domains of the authorities that may issue; None: everyone. ``issuewild`` falls back on ``issue``.

    Nobody may where there is a critical property that no authority knows (RFC 8659 section 4.1).
    """
    if rrset is None:
        return None
    if any(each.flags & _CRITICAL and each.tag.lower() not in _KNOWN_TAGS for each in rrset.rdatas):  # type: ignore[attr-defined]
        return frozenset()
    values: list[tuple[bytes, bytes]] = [(each.tag.lower(), each.value) for each in rrset.rdatas]  # type: ignore[attr-defined]
    for wanted in (tag, b"issue"):
        found = [value for own, value in values if own == wanted]
        if found:
            domains = (value.partition(b";")[0].strip().decode("ascii", "replace").lower() for value in found)
            return frozenset(domain for domain in domains if domain)
    return None

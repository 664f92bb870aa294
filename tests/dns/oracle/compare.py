"""Compares two responses to one question, and names the differences that are intended."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
from dns.name import Name
from dns.rdatatype import ANY, CNAME, DNAME, HINFO, NS, OPT

from ssosim.dns import Zone
from tests.dns.oracle.questions import Asked

__all__ = ["ERRORS", "INTENDED", "Report", "Seen", "explain", "see"]

Record = tuple[str, int, str, str]
"""Owner in lower case, TTL in seconds, type, data."""

ERRORS = frozenset({"SERVFAIL", "REFUSED", "FORMERR", "NOTIMP"})
"""The response codes of a server that gives no answer."""

INTENDED = {
    "any": "ANY is answered with one HINFO, or with the CNAME of the name alone (RFC 8482 section 4)",
    "chain-leaves-zone": "a chain is followed into other zones of the lab, and to their root",
    "empty-wildcard": "BIND 9.20 says NXDOMAIN where the wildcard is an empty non-terminal (RFC 4592 section 2.2.2: it "
    "exists); BIND 9.18 and earlier, NSD, Knot and PowerDNS say NODATA, as the lab (hickory-dns 1275)",
}
"""The differences to named that are intended, by key."""


@dataclass(frozen=True)
class Seen:
    """A response as far as it is compared."""

    rcode: str
    authoritative: bool
    answer: Counter[Record]
    authority: Counter[Record]
    additional: Counter[Record]

    def __str__(self) -> str:
        lines = [f"{self.rcode}{' aa' if self.authoritative else ''}"]
        for section in ("answer", "authority", "additional"):
            lines += [
                f"    {section[:4]} {' '.join(map(str, record))[:150]}" for record in sorted(getattr(self, section))
            ]
        return "\n".join(lines)


@dataclass
class Report:
    """Counts: equal, intended by key, and the unexplained differences as text.

    ``failed`` of the equal ones are errors of both servers: they are equal too where neither can answer at all.
    """

    zones: int = 0
    equal: int = 0
    failed: int = 0
    intended: Counter[str] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)

    @property
    def asked(self) -> int:
        """The number of questions."""
        return self.equal + self.intended.total() + len(self.unexplained)

    @property
    def is_good(self) -> bool:
        """Whether both servers gave the same answers: no unexplained difference, and answers to most questions."""
        return not self.unexplained and self.equal > 4 * self.failed

    def __str__(self) -> str:
        intended = ", ".join(f"{key} {count}" for key, count in sorted(self.intended.items()))
        return (
            f"{self.zones} zones, {self.asked} questions: {self.equal} equal ({self.failed} errors), "
            f"{self.intended.total()} intended ({intended or 'none'}), {len(self.unexplained)} unexplained"
        )


def see(message: dns.message.Message) -> Seen:
    """What is compared of a response: names without case, no order of records; additional records of referrals only."""
    refers = any(rrset.rdtype == NS for rrset in message.authority)
    sections = (
        Counter(
            (rrset.name.to_text().lower(), rrset.ttl, dns.rdatatype.to_text(rrset.rdtype), rdata.to_text().lower())
            for rrset in section
            if rrset.rdtype != OPT
            for rdata in rrset
        )
        for section in (message.answer, message.authority, message.additional if refers else [])
    )
    return Seen(dns.rcode.to_text(message.rcode()), bool(message.flags & dns.flags.AA), *sections)


def explain(
    asked: Asked, zone: Zone, lab: Seen, named: Seen, lab_message: dns.message.Message, version: str
) -> str | None:
    """The key of the intended difference to named of ``version``; None if there is none that explains it."""
    if asked.type == ANY:
        same = (
            named.rcode == lab.rcode == "NOERROR" and lab.authoritative and named.authoritative and bool(named.answer)
        )
        minimal = any(rrset.rdtype == HINFO for rrset in lab_message.answer) or not lab.answer - named.answer
        return "any" if same and minimal and lab.answer else None
    targets = [rdata.target for rrset in lab_message.answer if rrset.rdtype == CNAME for rdata in rrset]
    targets += [rdata.target for rrset in lab_message.answer if rrset.rdtype == DNAME for rdata in rrset]
    if re.match(r"BIND 9\.2\d", version) and _is_empty_wildcard(targets[-1] if targets else asked.name, zone):
        same = (lab.answer, lab.authority) == (named.answer, named.authority)
        return "empty-wildcard" if same and (lab.rcode, named.rcode) == ("NOERROR", "NXDOMAIN") else None
    if not targets:
        return None
    if named.rcode == "NOERROR" and not named.answer - lab.answer and not named.authority - lab.authority:
        left = [target for target in targets if _leaves(target, zone)]
        return "chain-leaves-zone" if left and named.authoritative == lab.authoritative else None
    return None


def _leaves(target: Name, zone: Zone) -> bool:
    return not target.is_subdomain(zone.origin)


def _is_empty_wildcard(name: Name, zone: Zone) -> bool:
    """Return whether the wildcard that matches ``name`` exists and has no records (RFC 4592 section 3.3.1)."""
    if _leaves(name, zone) or zone.exists(name):
        return False
    encloser = name.parent()
    while not zone.exists(encloser):
        encloser = encloser.parent()
    wildcard = Name((b"*", *encloser.labels))
    return zone.exists(wildcard) and not zone.node(wildcard)

"""Record sets, the smallest parts of a zone, and functions that read names and values.

A record set has a name, a type, a TTL, and one of three shapes:

- plain: ``rdatas`` are its records;
- alias: ``alias`` names a traffic manager profile, and the endpoints of the profile are the answer; or ``alias_record``
  names another record set of the same type in the same zone (Azure's rule), and its records are the answer;
- empty: no records and no link. The name exists, and the answer is NODATA. An alias record set gets this shape when its
  target is deleted. Source: Azure DNS documentation of alias record sets ("empty record set").
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import dns.exception
import dns.name
import dns.rdata
from dns.name import Name
from dns.rdata import Rdata
from dns.rdataclass import IN
from dns.rdatatype import AAAA, CNAME, MX, NS, PTR, SOA, SRV, TXT, A, RdataType

from ssosim.dns.zones.errors import DnsChangeError

__all__ = [
    "ALIAS_TYPES",
    "MAX_TTL",
    "STORED_TYPES",
    "RRset",
    "Shape",
    "plain",
    "to_name",
    "to_rdatas",
    "to_type",
]

Shape = Literal["plain", "alias", "empty"]

STORED_TYPES = {kind.name: kind for kind in (A, AAAA, CNAME, MX, NS, PTR, SOA, SRV, TXT)}
"""The types that a zone may hold, by name."""

ALIAS_TYPES = frozenset({A, AAAA, CNAME})
"""The types an alias record set may have. Source: Azure DNS documentation of alias record sets."""

MAX_TTL = 2**31 - 1
"""The longest time to live, seconds. Source: RFC 2181 section 8."""


@dataclass(frozen=True, slots=True, eq=False)
class RRset:
    """All records of one name and type; ``ttl`` is in seconds.

    ``is_profile_name`` marks the DNS name of the traffic manager profile itself: it is deleted with the profile. Any
    other alias
    stays as an empty record set. Equality ignores the order of records (RFC 2181 section 5) and the case of names.
    """

    name: Name
    type: RdataType
    ttl: int
    rdatas: tuple[Rdata, ...] = ()
    alias: str | None = None
    is_profile_name: bool = False
    alias_record: Name | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RRset):
            return NotImplemented
        mine = (self.name, self.type, self.ttl, self.alias, self.is_profile_name, self.alias_record, self.content)
        theirs = (
            other.name,
            other.type,
            other.ttl,
            other.alias,
            other.is_profile_name,
            other.alias_record,
            other.content,
        )
        return mine == theirs

    def __hash__(self) -> int:
        return hash((self.name, self.type, self.ttl, self.alias))

    @property
    def content(self) -> frozenset[Rdata]:
        """The records without their order."""
        return frozenset(self.rdatas)

    @property
    def shape(self) -> Shape:
        """Which of the three kinds of record set this is."""
        if self.alias is not None or self.alias_record is not None:
            return "alias"
        return "plain" if self.rdatas else "empty"


def plain(name: Name) -> str:
    """The text of ``name`` as in the trace: lower case, no trailing dot (``.`` for the root)."""
    return name.to_text(omit_final_dot=True).lower()


def to_name(text: str | Name, origin: Name = dns.name.root) -> Name:
    """Read a domain name; ``@`` and names without a trailing dot are relative to ``origin``.

    Raises DnsChangeError.
    """
    if isinstance(text, Name):
        return text
    try:
        return dns.name.from_text(text, origin)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise DnsChangeError(
            f"{text!r} is not a domain name ({error}): labels are 1-63 characters, the whole at most 255"
        ) from error


def to_type(text: str | RdataType) -> RdataType:
    """Read the type of a record set. Raises DnsChangeError for types that cannot be stored."""
    name = text.name if isinstance(text, RdataType) else text.upper()
    if name not in STORED_TYPES:
        raise DnsChangeError(f"record type {name} cannot be stored: use one of {', '.join(STORED_TYPES)}")
    return STORED_TYPES[name]


def to_rdatas(values: Iterable[str], rdtype: RdataType, origin: Name) -> tuple[Rdata, ...]:
    """Read values in zone-file presentation form, in their order, without repetitions.

    Names inside values without a trailing dot are relative to ``origin``, as in a zone file. Raises DnsChangeError.
    """
    rdatas: dict[Rdata, None] = {}
    for value in values:
        try:
            rdata = dns.rdata.from_text(IN, rdtype, value, origin=origin, relativize=False)
        except (dns.exception.DNSException, ValueError) as error:
            raise DnsChangeError(
                f"{value!r} is not a value of type {rdtype.name} ({error}): write it as in a zone file"
            ) from error
        rdatas[rdata] = None
    if rdtype in (CNAME, SOA) and len(rdatas) > 1:
        raise DnsChangeError(f"a {rdtype.name} record set holds one value, not {len(rdatas)}: keep one")
    return tuple(rdatas)

"""Record sets, the smallest parts of a zone, and functions that read names and values.

A record set has a name, a type, a TTL, and one of three shapes:

- plain: ``rdatas`` are its records;
- alias: ``alias`` names a traffic manager profile, and the endpoints of the profile are the answer; or ``alias_record``
  names another record set of the same type in the same zone (Azure's rule), and its records are the answer;
- empty: no records and no link. The name exists, and the answer is NODATA. An alias record set gets this shape when its
  target is deleted. Source: Azure DNS documentation of alias record sets ("empty record set").

Every data type can be stored: types that dnspython knows as typed values, others as octets (RFC 3597). All RRSIG
records of a name are one record set here; ``signatures`` gives those of one covered type, which is what a server sends
(RFC 4034 section 3).
"""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import dns.exception
import dns.name
import dns.rdata
import dns.rdatatype
from dns.name import Name
from dns.rdata import Rdata
from dns.rdataclass import IN
from dns.rdatatype import AAAA, CNAME, DNAME, RRSIG, SOA, TYPE0, A, RdataType

from ssosim.dns.zones.cached_name import lower_labels_of
from ssosim.dns.zones.errors import DnsChangeError

__all__ = [
    "ALIAS_TYPES",
    "MAX_TTL",
    "SINGLE_VALUE_TYPES",
    "RRset",
    "Shape",
    "is_data_type",
    "make_plain_rrset",
    "plain",
    "signatures",
    "to_name",
    "to_rdatas",
    "to_type",
    "type_text",
]

Shape = Literal["plain", "alias", "empty"]

SINGLE_VALUE_TYPES = frozenset({CNAME, DNAME, SOA})
"""The types of which a name has one record. Source: RFC 1034 section 3.6.2, RFC 1035 section 3.3.13, RFC 6672 2.4."""

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
        if self is other:
            return True
        if not isinstance(other, RRset):
            return NotImplemented
        if (self.name, self.type, self.ttl) != (other.name, other.type, other.ttl):
            return False
        mine, theirs = self.rdatas, other.rdatas
        are_same = len(mine) == len(theirs) and all(map(operator.is_, mine, theirs))
        if not are_same and self.content != other.content:
            return False
        links = self.alias, self.is_profile_name, self.alias_record
        return links == (other.alias, other.is_profile_name, other.alias_record)

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


_new: Any = object.__new__
_slots: Any = RRset
_set_name, _set_type, _set_ttl = _slots.name.__set__, _slots.type.__set__, _slots.ttl.__set__
_set_rdatas, _set_alias, _set_alias_record = _slots.rdatas.__set__, _slots.alias.__set__, _slots.alias_record.__set__
_set_is_profile_name = _slots.is_profile_name.__set__


def make_plain_rrset(name: Name, rdtype: RdataType, ttl: int, rdatas: tuple[Rdata, ...]) -> RRset:
    """As ``RRset(name, rdtype, ttl, rdatas)``, in half the time: readers of large files make one for each line."""
    made: RRset = _new(RRset)
    _set_name(made, name)
    _set_type(made, rdtype)
    _set_ttl(made, ttl)
    _set_rdatas(made, rdatas)
    _set_alias(made, None)
    _set_is_profile_name(made, False)
    _set_alias_record(made, None)
    return made


@functools.lru_cache(maxsize=512)
def type_text(rdtype: RdataType) -> str:
    """The mnemonic of a type (``A``), or ``TYPE`` with its number (RFC 3597 section 5)."""
    return RdataType.to_text(rdtype)


def plain(name: Name) -> str:
    """The text of ``name`` as in the trace: lower case, no trailing dot (``.`` for the root)."""
    text = b".".join(lower_labels_of(name))
    if _NEEDS_NO_ESCAPE.fullmatch(text) and text.count(b".") == len(name.labels) - 1:
        return text[:-1].decode("ascii")
    return name.to_text(omit_final_dot=True).lower()


_NEEDS_NO_ESCAPE = re.compile(rb"[a-z0-9_*-][a-z0-9_*.-]*\.")
"""Names that are absolute, and in text as on the wire; for others dnspython's rules hold."""


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
    """Read the type of a record set: a mnemonic, or ``TYPE65280`` (RFC 3597 section 5).

    Raises DnsChangeError for an unknown mnemonic, and for types that exist in messages only.
    """
    try:
        found = RdataType.make(text.upper() if isinstance(text, str) else text)
    except (dns.rdatatype.UnknownRdatatype, ValueError) as error:
        raise DnsChangeError(
            f"{text!r} is not a record type: use a mnemonic such as A or CAA, or TYPE with its number (RFC 3597)"
        ) from error
    if not is_data_type(found):
        raise DnsChangeError(
            f"record type {RdataType.to_text(found)} cannot be stored: it is for messages only (RFC 6895 section 3.1)"
        )
    return found


def is_data_type(rdtype: RdataType) -> bool:
    """Whether a zone can hold records of the type.

    OPT and 128 to 255 are for messages; 0 and 65535 are reserved. Source: RFC 6895 section 3.1.
    """
    return rdtype not in (TYPE0, 65535) and not dns.rdatatype.is_metatype(rdtype)


def signatures(stored: RRset | None, covered: RdataType, owner: Name, ttl: int) -> RRset | None:
    """The signatures of the type ``covered`` among the RRSIG records ``stored`` of a name; None if there are none.

    ``owner`` and ``ttl`` are those of the covered record set (RFC 4034 section 3: the TTLs are equal).
    """
    if stored is None:
        return None
    rdatas = tuple(rdata for rdata in stored.rdatas if rdata.covers() == covered)
    return RRset(owner, RRSIG, ttl, rdatas) if rdatas else None


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
    if rdtype in SINGLE_VALUE_TYPES and len(rdatas) > 1:
        raise DnsChangeError(f"a {rdtype.name} record set holds one value, not {len(rdatas)}: keep one")
    return tuple(rdatas)

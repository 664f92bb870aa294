"""Queries as a resolver sends them, and which responses it believes. Pure.

Against forged answers (RFC 5452): a random id, a random port, and the random case of the question's letters ("0x20"),
which the server must repeat as they are.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from ipaddress import ip_network

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rrset
from dns.name import Name
from dns.rcode import Rcode
from dns.rdataclass import IN

from ssosim.dns.recursion.core import Ask
from ssosim.dns.recursion.settings import ResolverSettings
from ssosim.dns.server.wire_format import MAX_UDP_PAYLOAD
from ssosim.dns.zones.answer import Answer
from ssosim.dns.zones.rrset import MAX_TTL, RRset

__all__ = ["Sent", "Truncated", "query_for", "read_response"]

HEADER = 12


@dataclass(frozen=True, slots=True)
class Sent:
    """A query on its way: its bytes, and the id and name, to the letter, that the response must repeat."""

    wire: bytes
    id: int
    name: Name
    ask: Ask


@dataclass(frozen=True, slots=True)
class Truncated:
    """A believable response with TC set: ask again over TCP."""


def query_for(ask: Ask, settings: ResolverSettings) -> Sent:
    """A query of its own for ``ask``."""
    name = mixed_case(ask.question.name) if settings.randomise_case else ask.question.name
    options: list[dns.edns.Option] = []
    if settings.location is not None:
        network = ip_network(settings.location)
        options.append(dns.edns.ECSOption(str(network.network_address), network.prefixlen))
    number = secrets.randbelow(1 << 16)
    message = dns.message.make_query(
        name, ask.question.type, use_edns=0, payload=MAX_UDP_PAYLOAD, options=options, id=number
    )
    if not ask.recursive:
        message.flags &= ~dns.flags.RD
    return Sent(message.to_wire(), number, name, ask)


def mixed_case(name: Name) -> Name:
    """``name`` with every letter in upper or lower case at random."""
    return Name([bytes(flip(octet) for octet in label) for label in name.labels])


def flip(octet: int) -> int:
    """An ASCII letter in one case or the other; anything else as it is."""
    return octet ^ 0x20 if chr(octet).isascii() and chr(octet).isalpha() and secrets.randbits(1) else octet


def read_response(wire: bytes, sent: Sent) -> Answer | Truncated | None:
    """The response to ``sent``, or None for what is not one: noise, a forgery, an answer to something else."""
    if len(wire) < HEADER or not wire[2] & 0x80 or int.from_bytes(wire[:2], "big") != sent.id:
        return None
    try:
        message = dns.message.from_wire(wire, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError):
        return bare(wire, sent)
    if len(message.question) != 1 or not matches(message.question[0], sent):
        return bare(wire, sent) if not message.question else None
    if message.flags & dns.flags.TC:
        return Truncated()
    return Answer(
        name=sent.ask.question.name,
        type=sent.ask.question.type,
        rcode=message.rcode(),
        authoritative=bool(message.flags & dns.flags.AA),
        answer=tuple(to_rrset(rrset) for rrset in message.answer if rrset.rdclass == IN),
        authority=tuple(to_rrset(rrset) for rrset in message.authority if rrset.rdclass == IN),
        additional=tuple(to_rrset(rrset) for rrset in message.additional if rrset.rdclass == IN),
    )


def matches(question: dns.rrset.RRset, sent: Sent) -> bool:
    """Whether it is our question, letter by letter."""
    return (
        question.name.labels == sent.name.labels
        and question.rdtype == sent.ask.question.type
        and question.rdclass == IN
    )


def bare(wire: bytes, sent: Sent) -> Answer | None:
    """An error code without a question, as servers send that could not or would not read the query."""
    rcode = Rcode(wire[3] & 0x0F)
    if rcode in (Rcode.NOERROR, Rcode.NXDOMAIN):
        return None
    return Answer(name=sent.ask.question.name, type=sent.ask.question.type, rcode=rcode, authoritative=False)


def to_rrset(rrset: dns.rrset.RRset) -> RRset:
    """A record set as the rest of the house has it; a TTL with its top bit set is 0 (RFC 2181 section 8)."""
    ttl = rrset.ttl if rrset.ttl <= MAX_TTL else 0
    return RRset(rrset.name, rrset.rdtype, ttl, tuple(rrset))

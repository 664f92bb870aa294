"""The wire format: query bytes to answer bytes."""

from __future__ import annotations

import dataclasses

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.tsig
import pytest
from dns.rcode import BADVERS, FORMERR, NOERROR, NOTAUTH, NOTIMP, NXDOMAIN, REFUSED, SERVFAIL
from dns.rdatatype import OPT, A, RdataType
from hypothesis import given
from hypothesis import strategies as st

from ssosim.dns import ZoneSet, answer, put_rrset, zones_of
from ssosim.dns.server.wire_format import MAX_UDP_PAYLOAD, Responder, Transport, respond
from ssosim.estate import default_estate
from ssosim.trace import DnsAnswered

CONTOSO = zones_of(default_estate())
AUTOLOGON = "autologon.microsoftazuread-sso.com"
WIDE = put_rrset(CONTOSO, "wide.fabrikam.com", "A", [f"10.1.{n // 256}.{n % 256}" for n in range(300)])


def exchange(
    query: dns.message.Message | bytes, zones: ZoneSet = CONTOSO, transport: Transport = "udp"
) -> tuple[dns.message.Message, DnsAnswered]:
    """Send one query through the pure wire layer."""
    sent = query if isinstance(query, bytes) else query.to_wire()
    reply = respond(zones, sent, transport)
    assert reply is not None
    return dns.message.from_wire(sent[:2] + reply.tail), reply.event


def test_header_of_an_answer() -> None:
    """An answer has the query's id, QR, AA, RA, and RD and CD as asked; never AD."""
    query = dns.message.make_query(AUTOLOGON, A, flags=dns.flags.RD | dns.flags.CD | dns.flags.AD)
    reply, event = exchange(query)
    assert query.is_response(reply)
    wanted = dns.flags.QR | dns.flags.AA | dns.flags.RD | dns.flags.RA | dns.flags.CD
    assert reply.flags == wanted
    assert event == DnsAnswered(name=AUTOLOGON, type="A", rcode="NOERROR", answers=("A 192.0.2.20",))


def test_question_keeps_its_letter_case() -> None:
    """0x20: resolvers mix upper and lower case against forgery and compare the octets of the question."""
    asked = "aUtOLoGon.MICROSOFTazuread-SSO.com."
    reply, event = exchange(dns.message.make_query(asked, A))
    assert str(reply.question[0].name) == str(reply.answer[0].name) == asked
    assert event.name == AUTOLOGON


def test_edns_is_answered_with_edns_only_where_asked() -> None:
    """RFC 6891: an OPT in the answer if there was one in the question, DO repeated; none otherwise."""
    reply, _ = exchange(dns.message.make_query(AUTOLOGON, A, use_edns=0, want_dnssec=True, payload=4096))
    assert (reply.edns, reply.payload, reply.ednsflags) == (0, MAX_UDP_PAYLOAD, dns.flags.DO)
    plain, _ = exchange(dns.message.make_query(AUTOLOGON, A, use_edns=False))
    assert plain.edns == -1


@pytest.mark.parametrize(("payload", "limit"), [(None, 512), (0, 512), (700, 700), (65535, MAX_UDP_PAYLOAD)])
def test_udp_answers_are_cut_to_what_the_client_takes(payload: int | None, limit: int) -> None:
    """Over UDP an answer too long has TC and no more octets than allowed; over TCP it is whole."""
    query = dns.message.make_query("wide.fabrikam.com", A, use_edns=False if payload is None else 0)
    if payload is not None:
        query.use_edns(0, 0, payload)
    cut = respond(WIDE, query.to_wire(), "udp")
    assert cut is not None
    assert 2 + len(cut.tail) <= limit
    reply, event = exchange(query, WIDE)
    assert reply.flags & dns.flags.TC
    assert len(event.answers) == 300
    whole, _ = exchange(query, WIDE, "tcp")
    assert not whole.flags & dns.flags.TC
    assert len(whole.answer[0]) == 300


def malformed() -> list[tuple[str, bytes, int]]:
    """Queries with one mistake each, and the response code for it."""
    good = dns.message.make_query(AUTOLOGON, A).to_wire()
    version = dns.message.make_query(AUTOLOGON, A, use_edns=1)
    chaos = dns.message.make_query("version.bind", "TXT", rdclass=dns.rdataclass.CH)
    signed = dns.message.make_query(AUTOLOGON, A)
    signed.use_tsig(dns.tsig.Key("k.", "c2VjcmV0"))
    return [
        ("header only", good[:12], FORMERR),
        ("cut in the question", good[:-3], FORMERR),
        ("something behind", good + b"x", FORMERR),
        ("no question", good[:4] + b"\0\0" + good[6:], FORMERR),
        ("two questions", good[:4] + b"\0\2" + good[6:] + good[12:], FORMERR),
        ("pointer to itself", good[:12] + b"\xc0\x0c\0\1\0\1", FORMERR),
        ("asks for OPT", dns.message.make_query(AUTOLOGON, OPT).to_wire(), FORMERR),
        ("status", good[:2] + b"\x10" + good[3:], NOTIMP),
        ("update", good[:2] + b"\x28" + good[3:], NOTIMP),
        ("EDNS version", version.to_wire(), BADVERS),
        ("chaos", chaos.to_wire(), REFUSED),
        ("signed", signed.to_wire(), NOTAUTH),
    ]


@pytest.mark.parametrize(("query", "rcode"), [case[1:] for case in malformed()], ids=[case[0] for case in malformed()])
def test_what_cannot_be_answered_is_refused_by_its_code(query: bytes, rcode: int) -> None:
    """Every refusal is a readable message with the query's id and opcode, and is traced."""
    reply, event = exchange(query)
    assert reply.rcode() == rcode
    assert reply.id == int.from_bytes(query[:2], "big")
    assert reply.opcode() == dns.opcode.Opcode((query[2] >> 3) & 15)
    assert event.rcode == dns.rcode.to_text(dns.rcode.Rcode(rcode))


@pytest.mark.parametrize("query", [b"", b"\0" * 11, b"\0\0\x80" + b"\0" * 9])
def test_nothing_is_said_to_fragments_and_responses(query: bytes) -> None:
    """What is shorter than a header or is a response gets no answer: two servers cannot keep each other busy."""
    assert respond(CONTOSO, query, "udp") is None


NAMES = st.lists(
    st.sampled_from(["fabrikam", "com", "sts", "microsoftazuread-sso", "autologon", "nope", "net"]), max_size=5
)


@given(st.binary(max_size=200))
def test_random_octets_never_raise(octets: bytes) -> None:
    """Any datagram is answered or dropped, and an answer can be read."""
    for transport in ("udp", "tcp"):
        reply = respond(CONTOSO, octets, transport)
        if reply is not None:
            assert dns.message.from_wire(octets[:2] + reply.tail).flags & dns.flags.QR


@given(st.data(), st.sampled_from([True, False]))
def test_damaged_queries_never_raise(data: st.DataObject, edns: bool) -> None:
    """A good query with a few octets changed or cut reaches deeper than noise does, and is answered or dropped."""
    good = dns.message.make_query(AUTOLOGON, A, use_edns=0 if edns else False)
    damaged = bytearray(good.to_wire())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(2, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    octets = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    reply = respond(CONTOSO, octets, "udp")
    if reply is not None:
        dns.message.from_wire(octets[:2] + reply.tail)


@given(NAMES, st.sampled_from(["A", "AAAA", "SOA", "NS", "CNAME", "TXT", "ANY", "HTTPS"]))
def test_wire_says_what_the_pure_answer_says(labels: list[str], kind: str) -> None:
    """Rendering and parsing lose nothing: codes, flags and sections are those of the pure answer."""
    name = dns.name.Name([*(label.encode() for label in labels), b""])
    rdtype = RdataType.from_text(kind)
    pure = answer(CONTOSO, name, rdtype)
    reply, event = exchange(dns.message.make_query(name, rdtype), transport="tcp")
    assert reply.rcode() == pure.rcode
    assert bool(reply.flags & dns.flags.AA) == pure.authoritative
    for section, rrsets in ((reply.answer, pure.answer), (reply.authority, pure.authority)):
        got = [(r.name, r.rdtype, r.ttl, frozenset(r)) for r in section]
        assert got == [(r.name, r.type, r.ttl, r.content) for r in rrsets]
    assert event == pure.event("tcp")


def test_the_cache_answers_as_the_first_time_whatever_the_id() -> None:
    """A cached answer differs in its id only, and its trace event is the same."""
    responder = Responder()
    query = dns.message.make_query(AUTOLOGON, A).to_wire()
    first = responder.reply(CONTOSO, query, "udp")
    assert responder.reply(CONTOSO, b"\x12\x34" + query[2:], "udp") is first


def test_the_cache_forgets_when_the_zones_change() -> None:
    """A new ZoneSet is answered from at once, even one with the same version number."""
    responder = Responder()
    query = dns.message.make_query(AUTOLOGON, A).to_wire()
    responder.reply(CONTOSO, query, "udp")
    changed = dataclasses.replace(put_rrset(CONTOSO, AUTOLOGON, "A", ["192.0.2.99"]), version=CONTOSO.version)
    later = responder.reply(changed, query, "udp")
    assert later is not None
    assert later.event.answers == ("A 192.0.2.99",)


def test_the_cache_keeps_transports_apart() -> None:
    """What is truncated over UDP is whole over TCP."""
    responder = Responder()
    query = dns.message.make_query("wide.fabrikam.com", A).to_wire()
    udp, tcp = (responder.reply(WIDE, query, transport) for transport in ("udp", "tcp"))
    assert udp is not None
    assert tcp is not None
    assert (udp.event.transport, tcp.event.transport) == ("udp", "tcp")
    assert len(udp.tail) < len(tcp.tail)


def test_the_cache_is_bounded() -> None:
    """More names than fit push out the oldest; every answer is still right."""
    responder = Responder(limit=3)
    for number in range(10):
        query = dns.message.make_query(f"n{number}.fabrikam.com", A).to_wire()
        reply = responder.reply(CONTOSO, query, "udp")
        assert reply is not None
        assert reply.event.rcode == dns.rcode.to_text(NXDOMAIN)
    assert sum(len(kept) for kept in responder._kept.values()) == 3


@pytest.mark.parametrize("edns", [False, 0])
def test_a_refusal_in_the_place_of_an_answer_repeats_the_question(edns: int | bool) -> None:
    """A fault's SERVFAIL is believed by stub resolvers only with the question in it, letter case and all."""
    query = dns.message.make_query("AUTOLOGON.microsoftazuread-sso.com", A, use_edns=edns)
    _, event = exchange(query)
    assert event.rcode == dns.rcode.to_text(NOERROR)
    refusal = Responder().refuse(query.to_wire(), SERVFAIL, event)
    reply = dns.message.from_wire(query.to_wire()[:2] + refusal.tail)
    assert query.is_response(reply)
    assert reply.rcode() == SERVFAIL
    assert (refusal.event.name, refusal.event.rcode, refusal.event.answers) == (AUTOLOGON, "SERVFAIL", ())

"""Whose a ticket-granting ticket is and when its user signed on, from the clear text of the messages alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ssosim.kerberos import ticket_ages
from ssosim.kerberos.messages import (
    KdcReply,
    KdcRequest,
    read_message,
    read_presented_ticket,
    read_reply_ticket,
)
from ssosim.kerberos.ticket_ages import TicketAges, TicketOwner

from .wire_builders import kdc_rep, tgs_req, ticket

AS_REP, TGS_REP = 11, 13
SPN, TGT, OTHER = "HTTP/web.corp.test", "krbtgt/CORP.TEST", "krbtgt/PARTNER.TEST"
ALICE = TicketOwner("alice", "CORP.TEST", 1000.0)


@pytest.fixture
def tickets() -> Iterator[bytes]:
    """Ticket-granting tickets, each with other octets."""
    return (ticket(TGT, cipher=bytes([number])) for number in range(256))


def note(ages: TicketAges, request: bytes, reply: bytes, now: float) -> None:
    """Let the gateway see a reply, which it reads once."""
    message = read_message(reply)
    assert isinstance(message, KdcReply)
    ages.note_reply(request, reply, message, now)


def signed_on(ages: TicketAges, first: bytes, user: str = "alice", now: float = 1000.0) -> None:
    """Let the gateway see a sign-on."""
    note(ages, b"AS-REQ", kdc_rep(AS_REP, first, user), now)


def test_a_ticket_has_the_owner_and_the_time_of_its_sign_on(tickets: Iterator[bytes]) -> None:
    """The AS-REP names the client; the request that presents the ticket later does not."""
    ages, first = TicketAges(), next(tickets)
    signed_on(ages, first)
    assert ages.find_owner(tgs_req(first, SPN)) == ALICE
    assert ages.find_owner(tgs_req(next(tickets), SPN)) is None


@pytest.mark.parametrize("service", [TGT, OTHER])
def test_a_ticket_for_a_ticket_keeps_the_time_of_the_sign_on(tickets: Iterator[bytes], service: str) -> None:
    """A renewed or forwarded ticket, and one for another realm, has the authtime of the first (RFC 4120, 3.3.3)."""
    ages, first = TicketAges(), next(tickets)
    signed_on(ages, first)
    second = ticket(service, cipher=b"second")
    note(ages, tgs_req(first, service), kdc_rep(TGS_REP, second), 9000.0)
    assert ages.find_owner(tgs_req(second, SPN)) == ALICE
    third = ticket(service, cipher=b"third")
    note(ages, tgs_req(second, service), kdc_rep(TGS_REP, third), 12000.0)
    assert ages.find_owner(tgs_req(third, SPN)) == ALICE


def test_a_second_sign_on_begins_anew(tickets: Iterator[bytes]) -> None:
    """The time of an AS-REP is its own, whatever was presented before."""
    ages, first, second = TicketAges(), next(tickets), next(tickets)
    signed_on(ages, first)
    note(ages, tgs_req(first, TGT), kdc_rep(AS_REP, second), 5000.0)
    assert ages.find_owner(tgs_req(second, SPN)) == TicketOwner("alice", "CORP.TEST", 5000.0)


def test_a_ticket_of_unknown_origin_begins_when_it_is_seen(tickets: Iterator[bytes]) -> None:
    """A lab that has not seen the sign-on takes the first ticket that it sees for it, of the client that is named."""
    ages, renewed = TicketAges(), next(tickets)
    note(ages, tgs_req(ticket(TGT, cipher=b"unseen"), TGT), kdc_rep(TGS_REP, renewed, "bob"), 7000.0)
    assert ages.find_owner(tgs_req(renewed, SPN)) == TicketOwner("bob", "CORP.TEST", 7000.0)


def test_the_realm_is_that_of_the_client() -> None:
    """In a referral the ticket is of one realm, and its user of another."""
    ages, foreign = TicketAges(), ticket(TGT, realm="PARTNER.TEST")
    note(ages, b"", kdc_rep(AS_REP, foreign, "frank", "FABRIKAM.TEST"), 1.0)
    assert ages.find_owner(tgs_req(foreign, SPN)) == TicketOwner("frank", "FABRIKAM.TEST", 1.0)


def test_a_service_ticket_is_not_remembered() -> None:
    """It is presented to a service and to no KDC."""
    ages = TicketAges()
    note(ages, b"", kdc_rep(TGS_REP, ticket(SPN)), 1.0)
    assert ages.find_owner(tgs_req(ticket(SPN), SPN)) is None


def test_the_oldest_tickets_are_forgotten(tickets: Iterator[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """So many are kept, the latest ones."""
    monkeypatch.setattr(ticket_ages, "_MOST", 3)
    ages, made = TicketAges(), [next(tickets) for _ in range(5)]
    for each in made:
        signed_on(ages, each)
    assert [ages.find_owner(tgs_req(each, SPN)) is not None for each in made] == [False, False, True, True, True]


def test_the_ticket_that_a_request_presents() -> None:
    """It is in PA-TGS-REQ (1), whatever padata come before it (RFC 4120, sections 5.2.7.1 and 5.4.1)."""
    first = ticket(TGT)
    inside = first[2:]
    before = ((128, b"\0"), (136, b"fast"), (2, b"timestamp"))
    assert read_presented_ticket(tgs_req(first, SPN)) == inside
    assert read_presented_ticket(tgs_req(first, SPN, padata=before)) == inside
    assert read_presented_ticket(kdc_rep(AS_REP, first)) is None
    assert read_presented_ticket(tgs_req(first, SPN)[:-1]) is None


def test_the_ticket_that_a_reply_has() -> None:
    """With the realm of the client beside it (RFC 4120, section 5.4.2)."""
    first = ticket(TGT, realm="OTHER.TEST")
    found = read_reply_ticket(kdc_rep(AS_REP, first, realm="USERS.TEST"))
    assert found is not None
    assert (found.client_realm, found.ticket) == ("USERS.TEST", first[2:])
    assert read_reply_ticket(tgs_req(first, SPN)) is None
    assert read_reply_ticket(b"\x6b\x03abc") is None


def test_what_a_reply_says_in_clear_text() -> None:
    """Client, service, realm of the ticket, and type and version of the key that the ticket is sealed with."""
    reply = kdc_rep(TGS_REP, ticket(SPN, realm="B.TEST", enctype=23, kvno=9), "bob", "A.TEST")
    assert read_message(reply) == KdcReply("TGS", "B.TEST", "bob", SPN, 23, 9)
    assert read_message(kdc_rep(AS_REP, ticket(TGT, kvno=None))) == KdcReply("AS", "CORP.TEST", "alice", TGT, 18, None)
    assert read_message(tgs_req(ticket(TGT), SPN)) == KdcRequest("TGS", "CORP.TEST", SPN, "", (18,))

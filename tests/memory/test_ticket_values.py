"""The tickets of the in-memory KDC as values: what a service accepts, and nothing twice."""

from __future__ import annotations

import base64
import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ssosim_clients.failures import TicketFailure

from ssosim.entra.core.ticket_acceptor import AcceptedTicket, RefusedTicket
from ssosim.kerberos.codes import KrbCode
from ssosim.memory.kdc import MemoryAcceptor, MemoryKdc, TicketCache, TicketTimes, list_principals, read_memory_ticket
from ssosim.trace import Event, KdcExchange

REALM, SPN = "CORP.EXAMPLE", "HTTP/web.corp.example"


def cache(**fields: object) -> TicketCache:
    """A cache of Alice with a ticket-granting ticket."""
    return TicketCache(**({"principal": "alice", "realm": REALM, "numbers": itertools.count()} | fields))  # type: ignore[arg-type]


def token_for(spn: str = SPN, **fields: object) -> bytes:
    """A token of Alice for ``spn``."""
    tickets = cache(**fields)
    tickets.add(spn)
    token = tickets.build_token(spn)
    assert token is not None
    return token


def reason(found: AcceptedTicket | RefusedTicket) -> str:
    """Why a ticket was refused; empty if it was accepted."""
    return found.reason if isinstance(found, RefusedTicket) else ""


def test_a_ticket_is_for_its_service_and_its_client() -> None:
    """The service sees the client of the ticket and its own name, both with the realm (RFC 4120, section 5.3)."""
    accepted = MemoryAcceptor(REALM, [SPN]).accept(token_for())
    assert isinstance(accepted, AcceptedTicket)
    assert (accepted.principal, accepted.service) == (f"alice@{REALM}", f"{SPN}@{REALM}")
    assert read_memory_ticket(token_for()) == SPN


@pytest.mark.parametrize(
    "spn", ["HTTP/other.corp.example", SPN.upper(), "http/web.corp.example", f"{SPN}:80", "HTTP/web"]
)
def test_another_name_is_another_service(spn: str) -> None:
    """Names of principals are compared exactly, letters included (MIT krb5): KRB_AP_ERR_NOT_US."""
    refused = MemoryAcceptor(REALM, [SPN]).accept(token_for(spn))
    assert isinstance(refused, RefusedTicket)
    assert refused.reason == "wrong-service"
    assert "KRB_AP_ERR_NOT_US" in refused.text


@pytest.mark.parametrize("realm", ["OTHER.EXAMPLE", REALM.lower(), ""])
def test_a_ticket_of_another_realm_is_refused(realm: str) -> None:
    """The same name in another realm is another principal; realms are compared exactly (RFC 4120, section 6.1)."""
    assert reason(MemoryAcceptor(realm or "X", [SPN]).accept(token_for())) == "wrong-service"


def test_a_token_is_accepted_once() -> None:
    """The same token again is a replay; a second token of the same ticket is none (RFC 4120, section 3.2.3)."""
    service, tickets = MemoryAcceptor(REALM, [SPN]), cache()
    tickets.add(SPN)
    first, second = tickets.build_token(SPN), tickets.build_token(SPN)
    assert first is not None
    assert second is not None
    assert [reason(service.accept(each)) for each in (first, second, first, second)] == ["", "", "replayed", "replayed"]
    assert reason(MemoryAcceptor(REALM, [SPN]).accept(first)) == ""  # each service remembers its own


@settings(max_examples=60)
@given(st.binary(max_size=40), st.integers(0, 200), st.integers(0, 255))
def test_no_damaged_token_is_accepted(noise: bytes, place: int, value: int) -> None:
    """Cut, changed or invented octets are refused with a reason; never an exception, and never another service."""
    token = token_for()
    service = MemoryAcceptor(REALM, [SPN])
    prefix = b"ssosim memory ticket "
    changed = bytearray(token)
    changed[len(prefix) + place % (len(token) - len(prefix))] = value
    for damaged in (noise, prefix + noise, prefix + base64.b64encode(noise), token[: place % len(token)]):
        assert isinstance(service.accept(damaged), RefusedTicket)
    found = service.accept(bytes(changed))
    if isinstance(found, AcceptedTicket):
        assert found.service == f"{SPN}@{REALM}"


@pytest.mark.parametrize(
    "payload",
    [
        {}, [], 1, None, {"keys": []}, {"keys": ["a", "x", "b", "c"]}, {"keys": ["", 1, "", ""], "client": "a"},
        {"keys": ["", 1, "", ""], "client": "a", "service": SPN},
        {"keys": ["", 1, "", ""], "client": "a", "service": SPN, "realm": REALM, "times": [1]},
        {"keys": ["", 1, "", ""], "client": "a", "service": SPN, "realm": REALM, "times": ["x", 1, 1]},
        {"keys": None, "client": "a", "service": SPN, "realm": REALM},
    ],
    ids=str,
)  # fmt: skip
def test_a_token_that_lacks_something_is_malformed(payload: object) -> None:
    """A token without a client, a service, a realm, keys or readable times is refused, and never an exception."""
    token = b"ssosim memory ticket " + base64.b64encode(json.dumps(payload).encode())
    assert reason(MemoryAcceptor(REALM, [SPN]).accept(token)) == "malformed"
    assert read_memory_ticket(token) is None


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (b"", "malformed"),
        (b"x", "malformed"),
        (b"NTLMSSP\0\1\0\0\0", "ntlm"),
        (b"\x60\x03\x06\x01\x2a", "unknown-mechanism"),
    ],
)
def test_what_is_no_token_of_this_kdc_is_told_by_its_format(token: bytes, why: str) -> None:
    """NTLM, another mechanism and rubbish are told apart; none is accepted (RFC 4178; MS-NLMP 2.2.1)."""
    assert reason(MemoryAcceptor(REALM, [SPN]).accept(token)) == why
    assert isinstance(MemoryAcceptor(REALM, [SPN]).accept(token), RefusedTicket)


@pytest.mark.parametrize(
    ("now", "valid"), [(999.0, True), (1000.0, True), (4599.999, True), (4600.0, False), (1e12, False)]
)
def test_a_ticket_granting_ticket_ends_at_its_endtime(now: float, valid: bool) -> None:
    """It is valid for its lifetime and not at its end; without a sign-on there is none (RFC 4120, section 3.3.3)."""
    tickets = cache(lifetime=3600.0, began=1000.0)
    assert tickets.is_valid(now) is valid
    tickets.sign_on(None)
    assert not tickets.is_valid(now)
    tickets.sign_on(now)
    assert tickets.is_valid(now)


def test_a_new_sign_on_drops_the_tickets_of_the_old_one() -> None:
    """After a sign-on no service ticket is left: a token needs a new request to the KDC."""
    tickets = cache()
    tickets.add(SPN, times=TicketTimes(5, 10.0))
    assert tickets.has(SPN)
    tickets.sign_on(7.0)
    assert not tickets.has(SPN)
    assert tickets.build_token(SPN) is None
    assert tickets.times_of(SPN) is None


def test_a_name_with_and_without_the_own_realm_is_one_ticket() -> None:
    """``HTTP/h`` and ``HTTP/h@OWN.REALM`` are one service; another realm is another ticket."""
    tickets = cache()
    tickets.add(f"{SPN}@{REALM}")
    assert tickets.build_token(SPN) is not None
    assert tickets.build_token(f"{SPN}@{REALM}") is not None
    assert tickets.build_token(f"{SPN}@OTHER") is None


@pytest.mark.parametrize("padding", [0, 4, 1200, 60_000])
def test_padding_is_the_size_of_the_ticket(padding: int) -> None:
    """Authorization data of so many octets make the token larger by that, within the rounding of base64."""
    grown = len(token_for(padding=padding)) - len(token_for())
    assert abs(grown - padding) <= 8


class Asked:
    """A KDC that knows ``SPN``, and what it has recorded."""

    def __init__(self) -> None:
        self.events: list[KdcExchange] = []
        self.kdc = MemoryKdc(REALM, lambda: [SPN, "krbtgt/OTHER"])

    def ask(self, spn: str) -> TicketFailure | None:
        """Request a ticket without any fault."""

        def record(event: Event) -> None:
            assert isinstance(event, KdcExchange)
            self.events.append(event)

        return self.kdc.request_ticket(spn, "client", lambda: (), record).failure


@pytest.mark.parametrize(
    ("spn", "kind", "outcomes"),
    [
        (SPN, None, ["issued"]),
        (f"{SPN}@{REALM}", None, ["issued"]),
        ("HTTP/nobody", "server-unknown", ["KDC_ERR_S_PRINCIPAL_UNKNOWN"] * 2),
        (SPN.upper(), "server-unknown", ["KDC_ERR_S_PRINCIPAL_UNKNOWN"] * 2),
        (f"{SPN}@OTHER", None, ["issued"]),
        (f"{SPN}@NOWHERE", "server-unknown", ["KDC_ERR_S_PRINCIPAL_UNKNOWN"]),
        ("", "other", []),
        ("@REALM", "other", []),
    ],
)
def test_requests_are_those_of_libkrb5(spn: str, kind: str | None, outcomes: list[str]) -> None:
    """One request that succeeds, two that fail (with and without referrals), one for another realm's KDC."""
    asked = Asked()
    failure = asked.ask(spn)
    assert (None if failure is None else failure.kind) == kind
    assert [event.outcome for event in asked.events] == outcomes
    named = "krbtgt/" + spn.partition("@")[2] if spn.partition("@")[2] not in ("", REALM) else spn.partition("@")[0]
    assert {event.service for event in asked.events} <= {named}


def test_the_principals_of_a_realm_are_exactly_its_own() -> None:
    """Its services and its users, its own krbtgt, and those of realms that trust it."""
    from ssosim.estate import default_estate  # noqa: PLC0415 - slow, and only here

    realm = default_estate().default_realm
    found = list_principals(realm, ["alice"], ["OTHER"])
    assert {"alice", "krbtgt/OTHER", f"krbtgt/{realm.name}"} <= found
    assert set(realm.services) <= found
    assert found - {"alice", "krbtgt/OTHER"} == list_principals(realm)
    assert KrbCode.KDC_ERR_S_PRINCIPAL_UNKNOWN == 7  # RFC 4120, section 7.5.9

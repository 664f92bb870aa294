"""The chain of causes of one client, on hand-made records: each link, and what is never blamed."""

from __future__ import annotations

import pytest

from ssosim.trace import (
    ClientFinished,
    ConnectionFailed,
    DnsAnswered,
    Event,
    FaultApplied,
    HttpExchange,
    KdcExchange,
    Record,
    SignInStep,
    TicketChecked,
    TokenIssued,
)
from ssosim.verdict.clients import LAB_COMMANDS, describe_unknown_client, list_clients
from ssosim.verdict.explain import explain

AUTOLOGON = "autologon.microsoftazuread-sso.com"
WINAUTH = SignInStep.WSTRUST_TICKET
fault = FaultApplied(name="some-fault", detail="what it does", id=7)
done = ClientFinished(program="c", exit_code=1)


def web(status: int, host: str = AUTOLOGON, **more: object) -> HttpExchange:
    """An exchange at the endpoint that takes a ticket."""
    return HttpExchange(host=host, method="POST", path="/winauth", status=status, **({"step": WINAUTH} | more))  # type: ignore[arg-type]


def tgs(service: str, outcome: str = "issued", **more: object) -> KdcExchange:
    """A request for a service ticket."""
    return KdcExchange(request="TGS", service=service, outcome=outcome, **more)  # type: ignore[arg-type]


def dns(name: str, *answers: str, kind: str = "A", **more: object) -> DnsAnswered:
    """A DNS answer; NXDOMAIN without records."""
    rcode = "NOERROR" if answers else "NXDOMAIN"
    return DnsAnswered(name=name, type=kind, **({"rcode": rcode, "answers": answers} | more))  # type: ignore[arg-type]


def no_connection(host: str, port: int = 443, **more: object) -> ConnectionFailed:
    """A connection that was refused."""
    return ConnectionFailed(host=host, address="192.0.2.9", stage="connect", reason="refused", port=port, **more)  # type: ignore[arg-type]


def chain(*events: Event | tuple[str, Event]) -> list[str]:
    """The links of client ``c``; an event is of ``c`` unless it comes with the name of another client."""
    pairs = [each if isinstance(each, tuple) else ("c", each) for each in events]
    records = [Record(number, 100.0 + number, client, event) for number, (client, event) in enumerate(pairs, 1)]
    return [link.text for each in explain(records, client="c") for link in each.links]


BLAMED = "fault 'some-fault' at"
NO_TICKET = "401 at winauth"


@pytest.mark.parametrize(
    ("events", "links"),
    [
        # a refused ticket
        (
            [tgs("HTTP/tm.example", "KDC_ERR_S_PRINCIPAL_UNKNOWN"), web(401)],
            [NO_TICKET, "no ticket", "the KDC does not know HTTP/tm.example"],
        ),
        (
            [
                dns(AUTOLOGON, "CNAME tm.example.", "A 192.0.2.1"),
                tgs("HTTP/tm.example", "KDC_ERR_S_PRINCIPAL_UNKNOWN"),
                web(401),
            ],
            [
                NO_TICKET,
                "no ticket",
                "the KDC does not know HTTP/tm.example",
                f"{AUTOLOGON} is a CNAME and this client canonicalises",
            ],
        ),
        (
            [
                dns("9.2.0.192.in-addr.arpa", "PTR vm.example.", kind="PTR"),
                tgs("HTTP/vm.example", "KDC_ERR_S_PRINCIPAL_UNKNOWN"),
                web(401),
            ],
            [
                NO_TICKET,
                "no ticket",
                "the KDC does not know HTTP/vm.example",
                "the PTR of 9.2.0.192.in-addr.arpa is vm.example and this client looks backwards",
            ],
        ),
        (
            [
                dns("9.2.0.192.in-addr.arpa", kind="PTR"),
                tgs("HTTP/vm.example", "KDC_ERR_S_PRINCIPAL_UNKNOWN"),
                web(401),
            ],
            [
                NO_TICKET,
                "no ticket",
                "the KDC does not know HTTP/vm.example",
                "the PTR look-up of 9.2.0.192.in-addr.arpa failed (NXDOMAIN)",
            ],
        ),
        (  # libkrb5 canonicalises, looks backwards in vain, and keeps the canonical name
            [
                dns(AUTOLOGON, "CNAME tm.example.", "A 192.0.2.9"),
                dns("9.2.0.192.in-addr.arpa", kind="PTR"),
                tgs("HTTP/tm.example", "KDC_ERR_S_PRINCIPAL_UNKNOWN"),
                web(401),
            ],
            [
                NO_TICKET,
                "no ticket",
                "the KDC does not know HTTP/tm.example",
                f"{AUTOLOGON} is a CNAME and this client canonicalises",
            ],
        ),
        (  # an address without a PTR record is usual: the service of the URL is not registered
            [
                dns("9.2.0.192.in-addr.arpa", kind="PTR"),
                tgs(f"HTTP/{AUTOLOGON}", "KDC_ERR_S_PRINCIPAL_UNKNOWN"),
                web(401),
            ],
            [NO_TICKET, "no ticket", f"the KDC does not know HTTP/{AUTOLOGON}"],
        ),
        (  # libkrb5 took the realm from its configuration
            [
                dns("9.2.0.192.in-addr.arpa", kind="PTR"),
                tgs("krbtgt/OTHER@CORP", "KDC_ERR_S_PRINCIPAL_UNKNOWN"),
                web(401),
            ],
            [NO_TICKET, "no ticket", "the KDC knows no realm OTHER"],
        ),
        (
            [tgs("krbtgt/OTHER@CORP", "KDC_ERR_S_PRINCIPAL_UNKNOWN"), web(401)],
            [NO_TICKET, "no ticket", "the KDC knows no realm OTHER"],
        ),
        (
            [tgs("krbtgt/OTHER@CORP", "no answer"), web(401)],
            [NO_TICKET, "no ticket", "the KDC did not answer for the realm OTHER"],
        ),
        (
            [tgs("HTTP/x", "KDC_ERR_ETYPE_NOSUPP"), web(401)],
            [NO_TICKET, "no ticket", "the KDC said KDC_ERR_ETYPE_NOSUPP for HTTP/x"],
        ),
        (
            [KdcExchange(request="AS", service="krbtgt/C", outcome="no answer", principal="a@C")],
            ["no ticket-granting ticket", "the sign-on of a@C: the KDC did not answer"],
        ),
        (
            [KdcExchange(request="AS", service="krbtgt/C", outcome="KDC_ERR_KEY_EXPIRED")],
            ["no ticket-granting ticket", "the sign-on: the KDC refused it: KDC_ERR_KEY_EXPIRED"],
        ),
        (
            [KdcExchange(request="unreadable", service="", outcome="KRB_AP_ERR_MODIFIED")],
            ["no ticket", "the KDC could not read the request (KRB_AP_ERR_MODIFIED)"],
        ),
        # no ticket at all
        ([web(401)], [NO_TICKET, "it asked for no ticket"]),
        ([web(401, step=SignInStep.TOKEN)], [NO_TICKET]),
        ([tgs(f"HTTP/{AUTOLOGON}"), web(401)], [NO_TICKET, f"it had a ticket for HTTP/{AUTOLOGON}, and sent none"]),
        (
            [no_connection("", 88), web(401)],
            [NO_TICKET, "it reached no KDC: no connection to 192.0.2.9, port 88 (connect: refused)"],
        ),
        (
            [dns("_kerberos._udp.corp", kind="SRV"), web(401)],
            [NO_TICKET, "it found no KDC in DNS: SRV _kerberos._udp.corp (NXDOMAIN)"],
        ),
        ([dns("_kerberos._udp.corp", "SRV 0 0 88 dc.", kind="SRV"), web(401)], [NO_TICKET, "it asked for no ticket"]),
        (
            [no_connection("", 88)],
            ["no ticket", "it reached no KDC: no connection to 192.0.2.9, port 88 (connect: refused)"],
        ),
        # a ticket that the service refused
        (
            [
                tgs(f"HTTP/{AUTOLOGON}"),
                TicketChecked(accepted=False, mechanism="kerberos", reason="wrong-key"),
                web(401, auth="kerberos"),
            ],
            [NO_TICKET, "the service refused the ticket: wrong-key"],
        ),
        (
            [
                tgs("HTTP/other"),
                TicketChecked(accepted=False, mechanism="kerberos", reason="wrong-key"),
                web(401, auth="kerberos"),
            ],
            [
                NO_TICKET,
                "the service refused the ticket: wrong-key",
                "the KDC knows HTTP/other, and issued a ticket for it",
            ],
        ),
        (
            [
                tgs(f"HTTP/{AUTOLOGON}:443@C"),
                TicketChecked(accepted=False, mechanism="kerberos", reason="x"),
                web(401, auth="kerberos"),
            ],
            [NO_TICKET, "the service refused the ticket: x"],
        ),
        ([TicketChecked(accepted=True, mechanism="kerberos"), web(401, auth="kerberos")], [NO_TICKET]),
        (
            [TicketChecked(accepted=False, mechanism="kerberos", reason="x"), web(200), web(401, auth="kerberos")],
            [NO_TICKET],
        ),
        # an answer that is none of the service's own
        ([web(0, injected=True)], [f"no answer at winauth of {AUTOLOGON}"]),
        ([web(403, injected=True)], [f"403, not of the service itself, at winauth of {AUTOLOGON}"]),
        (
            [web(400, code=90009, error_description="AADSTS90009: Wrong.")],
            ["400 AADSTS90009 at winauth: Wrong"],
        ),
        ([web(400)] * 2000, ["400 at winauth, 2,000 times, in a loop"]),
        # names and addresses
        ([dns(AUTOLOGON, kind="AAAA"), dns(AUTOLOGON)], [f"{AUTOLOGON} has no address (NXDOMAIN)"]),
        (
            [dns(AUTOLOGON, rcode="SERVFAIL", extended_error="DNSSEC Bogus")],
            [f"{AUTOLOGON} has no address (SERVFAIL, DNSSEC Bogus)"],
        ),
        ([no_connection(AUTOLOGON)], [f"no connection to {AUTOLOGON} at 192.0.2.9 (connect: refused)"]),
    ],
)
def test_each_link_is_told_in_order(events: list[Event], links: list[str]) -> None:
    """From what the client met last back to the origin; no link without a record that shows it."""
    assert chain(*events, done) == links


@pytest.mark.parametrize(
    "events",
    [
        [dns(AUTOLOGON, faults=(7,))],
        [no_connection(AUTOLOGON, faults=(7,))],
        [dns(AUTOLOGON, "A 192.0.2.9", faults=(7,)), no_connection(AUTOLOGON)],
        [("resolver", dns(AUTOLOGON, faults=(7,))), dns(AUTOLOGON, by="resolver")],
        [
            ("resolver", dns(AUTOLOGON, "CNAME tm.", faults=(7,))),
            dns(AUTOLOGON, "CNAME TM.", "A 192.0.2.1", by="resolver"),
            tgs("HTTP/tm", "KDC_ERR_S_PRINCIPAL_UNKNOWN"),
            web(401),
        ],
        [tgs("HTTP/x", "no answer", faults=(7,)), web(401)],
        [web(503, faults=(7,))],
        [web(200), dns(AUTOLOGON, "A 192.0.2.1", faults=(7,))],
        [web(200), tgs("HTTP/x", faults=(7,))],
        [web(200, faults=(7,))],
        [dns("_kerberos._tcp.corp", kind="SRV", faults=(7,)), web(401)],
    ],
)
def test_a_fault_that_changed_an_exchange_of_the_chain_ends_it(events: list[Event | tuple[str, Event]]) -> None:
    """The chain ends with the fault that changed its last exchange."""
    assert BLAMED in chain(("", fault), *events, done)[-1]


@pytest.mark.parametrize(
    "events",
    [
        [dns("other.example", "A 192.0.2.1", faults=(7,)), web(503)],
        [dns(AUTOLOGON, "A 192.0.2.8", faults=(7,)), no_connection(AUTOLOGON)],
        [("resolver", dns("other.example", faults=(7,))), dns(AUTOLOGON, by="resolver")],
        [dns(AUTOLOGON, by="resolver"), ("resolver", dns(AUTOLOGON, faults=(7,)))],
        [tgs("HTTP/y", faults=(7,)), tgs("HTTP/x", "no answer"), web(401)],
        [web(503, faults=(7,)), web(200), web(400, host="other")],
        [("someone", web(503, faults=(7,))), web(503)],
    ],
)
def test_a_fault_that_changed_another_exchange_is_not_blamed(events: list[Event | tuple[str, Event]]) -> None:
    """A fault elsewhere, on somebody else, or made good since, is no cause."""
    assert not any(BLAMED in link for link in chain(("", fault), *events, done))


def test_what_was_made_good_is_no_cause() -> None:
    """A later success of the same exchange cancels a failure; for the KDC, that of any ticket."""
    assert chain(web(503), web(200), no_connection("x"), done) == ["no connection to x at 192.0.2.9 (connect: refused)"]
    assert chain(no_connection(AUTOLOGON), web(200), web(400), done) == ["400 at winauth"]
    assert chain(no_connection("", 88), tgs("HTTP/x"), web(400), done) == ["400 at winauth"]
    assert chain(tgs("krbtgt/O", "KDC_ERR_S_PRINCIPAL_UNKNOWN"), tgs("HTTP/x"), web(400), done) == ["400 at winauth"]
    pending = web(400, code=70016, step=SignInStep.TOKEN)
    assert chain(web(400, code=90009), pending, done) == ["400 AADSTS90009 at winauth"]


def test_a_name_that_nobody_needed_is_no_cause_beside_another_failure() -> None:
    """Beside another failure a name counts if the client connected to it, or a fault changed the answer."""
    assert chain(web(503), dns("ads.example"), done) == ["503 at winauth"]
    assert chain(web(503), dns(AUTOLOGON), done) == [f"{AUTOLOGON} has no address (NXDOMAIN)"]
    assert chain(("", fault), web(503), dns("ads.example", faults=(7,)), done)[0].startswith("ads.example has no")
    found = dns("late.example", "A 192.0.2.1")
    assert chain(web(503), dns("ads.example"), found, done) == ["503 at winauth"]
    refused = ConnectionFailed(host="h", address="192.0.2.1", stage="tls", by="server", reason="unknown_ca")
    assert "ads.example" not in chain(refused, dns("ads.example"), done)[0]


def test_a_client_without_a_failure() -> None:
    """No silent way, or a ticket that was accepted and not used, is told; else there is no chain."""
    realm = web(200, step=SignInStep.REALM)
    assert chain(realm, done) == ["the provider offers no silent way for this user"]
    assert chain(TicketChecked(accepted=True, mechanism="kerberos"), web(200, auth="kerberos"), done)[0].startswith(
        "the ticket was accepted, and the response had no token"
    )
    assert chain(web(200), done) == []
    assert chain(TokenIssued(kind="access", grant="password", subject="a")) == []


def test_clients_are_who_signs_in() -> None:
    """Resolvers and commands of ssosim are no clients; an unknown name is told with the near ones."""
    events = [("desk", web(200)), ("r1", dns("x")), ("desk", dns("x", by="r1")), ("", fault), ("spn", dns("y"))]
    records = [Record(number, 1.0, client, event) for number, (client, event) in enumerate(events, 1)]
    assert list_clients(records) == ("desk",)
    assert {"spn", "dns-probe"} == LAB_COMMANDS
    assert describe_unknown_client("dsk", ["desk", "lap"]) == (
        "there is no client 'dsk' in the trace; clients: desk, lap; did you mean desk?"
    )
    assert describe_unknown_client("x", []) == "there is no client 'x' in the trace; clients: none"

"""Every kind of failure is said as what it is, and what is no failure is not said."""

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
from ssosim.verdict.explain import explain
from ssosim.verdict.steps import classify_failed_step

AUTOLOGON, LOGIN = "autologon.microsoftazuread-sso.com", "login.microsoftonline.com"
WIA = SignInStep.WSTRUST_TICKET
ended = ClientFinished(program="p", exit_code=1)
fault = FaultApplied(name="certificate-expired", detail=f"the certificate of {LOGIN} has expired", id=1)


def dns(name: str, rcode: str = "NXDOMAIN", *answers: str, **more: object) -> DnsAnswered:
    """A DNS answer."""
    return DnsAnswered(name=name, rcode=rcode, answers=answers, **{"type": "A", **more})


def kdc(service: str, outcome: str, request: str = "TGS", **more: object) -> KdcExchange:
    """An exchange with the KDC."""
    return KdcExchange(request=request, service=service, outcome=outcome, **more)


def http(status: int, path: str = "/x/winauth/trust/2005/windowstransport", **more: object) -> HttpExchange:
    """An HTTP exchange with the autologon host."""
    return HttpExchange(**{"host": AUTOLOGON, "method": "POST", "path": path, "status": status, "step": WIA, **more})


challenge = http(401)
CASES: dict[str, tuple[list[Event], list[str]]] = {
    "no ticket asked for": ([challenge, ended], ["401 at windowstransport", "it asked for no ticket"]),
    "the realm is refused": (
        [challenge, kdc("krbtgt/EXAMPLE.COM", "KDC_ERR_S_PRINCIPAL_UNKNOWN"), http(401), ended],
        ["401 at windowstransport", "no ticket", "the KDC knows no realm EXAMPLE.COM"],
    ),
    "the realm is refused by policy": (
        [kdc("krbtgt/EXAMPLE.COM", "KDC_ERR_POLICY"), ended],
        ["no ticket", "the KDC said KDC_ERR_POLICY for the realm EXAMPLE.COM"],
    ),
    "the sign-on is refused": (
        [
            kdc("krbtgt/EXAMPLE.COM", "KDC_ERR_PREAUTH_REQUIRED", "AS", principal="bob"),
            kdc("krbtgt/EXAMPLE.COM", "KDC_ERR_CLIENT_REVOKED", "AS", principal="bob"),
            ended,
        ],
        ["no ticket-granting ticket", "the sign-on of bob: the KDC refused it: KDC_ERR_CLIENT_REVOKED"],
    ),
    "pre-authentication is normal": (
        [kdc("krbtgt/EXAMPLE.COM", "KDC_ERR_PREAUTH_REQUIRED", "AS"), kdc("krbtgt/EXAMPLE.COM", "issued", "AS"), ended],
        [],
    ),
    "a PTR look-up failed": (
        [
            dns("20.2.0.192.in-addr.arpa", "SERVFAIL", type="PTR"),
            kdc("HTTP/other.example", "KDC_ERR_S_PRINCIPAL_UNKNOWN"),
            http(401),
            ended,
        ],
        [
            "401 at windowstransport",
            "no ticket",
            "the KDC does not know HTTP/other.example",
            "the PTR look-up of 20.2.0.192.in-addr.arpa failed (SERVFAIL)",
        ],
    ),
    "the service refuses the ticket": (
        [
            kdc(f"HTTP/{AUTOLOGON}", "issued"),
            TicketChecked(accepted=False, mechanism="kerberos", reason="kvno 2 is not in the service's key table"),
            http(403, auth="kerberos", code=81008),
            ended,
        ],
        [
            "403 AADSTS81008 at windowstransport",
            "the service refused the ticket: kvno 2 is not in the service's key table",
        ],
    ),
    "a ticket that was not sent": (
        [kdc(f"HTTP/{AUTOLOGON}", "issued"), http(401), ended],
        ["401 at windowstransport", f"it had a ticket for HTTP/{AUTOLOGON}, and sent none"],
    ),
    "a loop": ([http(503)] * 11_156 + [ended], ["503 at windowstransport, 11,156 times, in a loop"]),
    "a port": (
        [ConnectionFailed(host=LOGIN, address="192.0.2.10", stage="connect", reason="refused", port=8443), ended],
        [f"no connection to {LOGIN} at 192.0.2.10, port 8443 (connect: refused)"],
    ),
    "the provider refuses": (
        [http(400, "/common/oauth2/v2.0/token", host=LOGIN, code=50126, step=SignInStep.TOKEN), ended],
        ["400 AADSTS50126 at token"],
    ),
    "a chain of aliases without an address": (
        [dns(LOGIN, "NXDOMAIN", "CNAME gone.example."), ended],
        [f"{LOGIN} has no address (NXDOMAIN)"],
    ),
    "the name that the estate serves": (
        [
            http(200, "/common/userrealm/a@b.c", host=LOGIN, step=SignInStep.REALM),
            dns("telemetry.example"),
            dns(LOGIN, "SERVFAIL"),
            dns("update.example"),
            ended,
        ],
        [f"{LOGIN} has no address (SERVFAIL)"],
    ),
}


signed_in = TokenIssued(kind="browser", grant="kerberos", subject="a@b.c")
NO_MUTUAL_TOKEN = (
    "the ticket was accepted, and the response had no token of the service, which a client that demands mutual "
    "authentication does not take"
)
UNUSED: dict[str, tuple[list[Event], str]] = {
    "no token of the service": (
        [challenge, kdc(f"HTTP/{AUTOLOGON}", "issued"), signed_in, http(200, auth="kerberos"), ended],
        NO_MUTUAL_TOKEN,
    ),
    "its own error": (
        [
            challenge,
            kdc(f"HTTP/{AUTOLOGON}", "issued"),
            signed_in,
            http(200, auth="kerberos", mutual_token=True),
            ended,
        ],
        "no exchange failed, and the ticket was accepted",
    ),
}


@pytest.mark.parametrize("name", UNUSED)
def test_a_program_that_fails_after_its_sign_in(name):
    """The 401 that a ticket answered is no cause; what the program had got is said, in reason and explanation."""
    events, said = UNUSED[name]
    (found,) = explain(
        [Record(number, float(number), "c", event) for number, event in enumerate(events, 1)], client="c"
    )
    assert (str(found.outcome), [link.text for link in found.links]) == ("failed", [said])
    assert found.reason == f"it ended with exit code 1: {said}"


@pytest.mark.parametrize("name", CASES)
def test_a_failure_is_said_as_what_it_is(name):
    """And the fault in force, which changed none of these exchanges, is not named."""
    events, said = CASES[name]
    records = [Record(1, 0.0, "", fault)]
    records += [Record(number, float(number), "c", event) for number, event in enumerate(events, 2)]
    (found,) = explain(records, client="c")
    assert [link.text for link in found.links] == said


def test_an_answer_of_status_200_that_a_fault_made():
    """It is no success, it is not the service's, and the fault that made it is named."""
    events = [fault, http(200, "/common/oauth2/token", injected=True, faults=(1,)), ended]
    records = [
        Record(number, float(number), "c" if number > 1 else "", event) for number, event in enumerate(events, 1)
    ]
    (found,) = explain(records, client="c")
    assert [link.text for link in found.links] == [
        f"200, not of the service itself, at token of {AUTOLOGON}",
        "fault 'certificate-expired' at 00:00",
    ]


def test_the_name_that_the_fault_touched():
    """Of several names without an address it is that whose answer the fault changed, not the first asked."""
    events = [fault, dns("first.example"), dns(AUTOLOGON, "SERVFAIL", faults=(1,)), dns("last.example"), ended]
    records = [
        Record(number, float(number), "c" if number > 1 else "", event) for number, event in enumerate(events, 1)
    ]
    (found,) = explain(records, client="c")
    assert [link.text.split(" at ")[0] for link in found.links] == [
        f"{AUTOLOGON} has no address (SERVFAIL)",
        "fault 'certificate-expired'",
    ]


def test_the_first_pre_authentication_is_no_failed_step():
    """The step that failed first is never the normal reply to the first request."""
    assert classify_failed_step(kdc("krbtgt/EXAMPLE.COM", "KDC_ERR_PREAUTH_REQUIRED", "AS")) is None

"""Events of one client and the verdict on them, for the tests of the judge."""

from __future__ import annotations

from ssosim.trace import (
    ClientFinished,
    ConnectionFailed,
    DnsAnswered,
    Event,
    HttpExchange,
    KdcExchange,
    LastStepDeclared,
    Record,
    SignInStep,
    TicketChecked,
    TokenIssued,
    UserPrompted,
)
from ssosim.verdict import Verdict, judge

LOGIN, AUTOLOGON, GRAPH = "login.microsoftonline.com", "autologon.microsoftazuread-sso.com", "graph.microsoft.com"

access = TokenIssued(kind="access", grant="password", subject="a")
browser = TokenIssued(kind="browser", grant="kerberos", subject="a")
assertion = TokenIssued(kind="assertion", grant="kerberos", subject="a")
declared = LastStepDeclared(last_step=SignInStep.WSTRUST_TICKET)
accepted = TicketChecked(accepted=True, mechanism="kerberos", service="HTTP/web.corp")
refused_ticket = TicketChecked(
    accepted=False, mechanism="kerberos", service="HTTP/web.corp", reason="bad-bindings: none"
)
no_kdc = ConnectionFailed(host="kdc", address="192.0.2.1", stage="connect", port=88)
untrusted = ConnectionFailed(host=LOGIN, address="192.0.2.1", stage="tls", by="server", reason="unknown_ca")
prompted = UserPrompted(reason="password")
done = ClientFinished(program="client", exit_code=0)
crashed = ClientFinished(program="client", exit_code=1)
deadline = ClientFinished(program="client", exit_code=-9, stopped="deadline", running_s=30.0)


def at_graph(status: int, **more: object) -> HttpExchange:
    """An exchange with Microsoft Graph at one path."""
    return HttpExchange(host=GRAPH, path="/v1.0/me", status=status, **({"method": "GET", "auth": "bearer"} | more))  # type: ignore[arg-type]


def at_login(status: int, path: str = "/common/login", **more: object) -> HttpExchange:
    """An exchange with the login host, at a step of the sign-in."""
    return HttpExchange(
        host=LOGIN, path=path, status=status, **({"method": "POST", "step": SignInStep.AUTHORIZE} | more)
    )  # type: ignore[arg-type]


def at_web(status: int, **more: object) -> HttpExchange:
    """An exchange with a service of the company behind Kerberos."""
    return HttpExchange(host="web.corp", path="/", status=status, **({"method": "GET", "auth": "kerberos"} | more))  # type: ignore[arg-type]


def at_token(status: int, **more: object) -> HttpExchange:
    """An exchange with the token endpoint."""
    return at_login(status, "/common/oauth2/v2.0/token", **({"step": SignInStep.TOKEN} | more))


def at_host(status: int) -> HttpExchange:
    """An answer of a host that gives programs tokens."""
    return HttpExchange(host="h", method="GET", path="/m", status=status, step=SignInStep.MANAGED_IDENTITY)


def tgs(outcome: str, service: str = "HTTP/web.corp") -> KdcExchange:
    """A request for a service ticket."""
    return KdcExchange(request="TGS", service=service, outcome=outcome)


unknown = tgs("KDC_ERR_S_PRINCIPAL_UNKNOWN")


def no_address(name: str, rcode: str = "NXDOMAIN", **more: object) -> DnsAnswered:
    """An A query that got no address."""
    return DnsAnswered(name=name, type="A", rcode=rcode, **more)  # type: ignore[arg-type]


def records(*events: Event, began: float = 100.0) -> list[Record]:
    """One record a second."""
    return [Record(number, began + number, "c", event) for number, event in enumerate(events, 1)]


def verdict(*events: Event) -> Verdict:
    """What the judge makes of ``events``."""
    return judge(records(*events), 100.0)

"""Applications of services: started once for all hosts of a service, found by address, and bounded in their errors."""

from __future__ import annotations

import base64
import dataclasses
import logging
from typing import Any

import pytest

from ssosim.entra import AcceptedTicket, Call, ChannelBindings, HttpReply, Keys, Provider, RefusedTicket
from ssosim.entra.core.keys import SigningKey
from ssosim.estate import default_estate
from ssosim.services import Service, ServiceContext
from ssosim.services.applications import responders_at, start_applications
from ssosim.services.tickets import check_ticket, request_ticket

HOST = "vault.corp.contoso.com"


class Counter:
    """An application that counts its starts and its calls."""

    started = 0

    def __init__(self, context: ServiceContext) -> None:
        type(self).started += 1
        self.context = context
        self.calls = 0

    def handle(self, call: Call) -> HttpReply:
        """Answer with the number of the call; the path ``/broken`` raises."""
        self.calls += 1
        if call.path == ("broken",):
            raise ValueError("a mistake of the other package, with a secret")
        return HttpReply(200, str(self.calls).encode(), "text/plain")


class Acceptor:
    """Accepts the token ``ok``, and refuses any other."""

    def accept(
        self,
        token: bytes,
        bindings: ChannelBindings | None = None,  # noqa: ARG002 - the signature of the port
    ) -> AcceptedTicket | RefusedTicket:
        """Return the verdict."""
        if token == b"ok":
            return AcceptedTicket("alice@CORP.CONTOSO.COM", f"HTTP/{HOST}", b"mutual")
        return RefusedTicket("kerberos", "wrong-key", "another key")


@pytest.fixture(scope="module")
def provider() -> Provider:
    """A provider with an acceptor for the host of the service."""
    keys = Keys(cloud=SigningKey.generate("cloud"), federation={}, secret=bytes(32))
    return Provider(estate=default_estate(), keys=keys, acceptors={HOST: Acceptor()})


@pytest.fixture
def application() -> type[Counter]:
    """A class whose starts are counted for this test alone."""
    return type("Own", (Counter,), {"started": 0})


def service(application: Any, address: str = "192.0.2.1", port: int = 443, names: tuple[str, ...] = (HOST,)) -> Service:
    """A service with this application."""
    return Service(name="vault", dns_names=names, address=address, port=port, application=application)


def call(path: str = "/", **headers: str) -> Call:
    """A request of a client."""
    return Call.read("GET", HOST, path, headers=headers, now=1_790_000_000.0)


def test_a_service_at_two_hosts_has_one_application(provider: Provider, application: type[Counter]) -> None:
    """What one host has been told, the other knows: as of one service behind two addresses."""
    first, second = service(application), service(application, "192.0.2.2")
    responders = start_applications([first, second], provider)
    assert application.started == 1
    assert [responders[each](call()).body for each in (first, second, first)] == [b"1", b"2", b"3"]


def test_services_that_differ_have_applications_of_their_own(provider: Provider, application: type[Counter]) -> None:
    """Another port or another name is another service; one without an application has none."""
    different = [service(application), service(application, port=8443), service(application, names=("other.test",))]
    responders = start_applications([*different, dataclasses.replace(different[0], application=None)], provider)
    assert application.started == 3
    assert list(responders) == different


def test_an_application_gets_the_key_table_of_its_name(provider: Provider) -> None:
    """The acceptor of the first of its names that has one; None without."""
    seen = []

    def start(context: ServiceContext) -> Counter:
        seen.append((context.service.dns_names, context.tickets is not None, context.provider is provider))
        return Counter(context)

    start_applications([service(start, names=("x.test", HOST)), service(start, names=("x.test",))], provider)
    assert seen == [(("x.test", HOST), True, True), (("x.test",), False, True)]


def test_an_application_that_fails_is_a_500(
    provider: Provider, application: type[Counter], caplog: pytest.LogCaptureFixture
) -> None:
    """The log has the error and the lab goes on; the client sees nothing of it."""
    own = service(application)
    respond = start_applications([own], provider)[own]
    with caplog.at_level(logging.ERROR):
        reply = respond(call("/broken"))
    assert (reply.status, b"secret" in reply.body) == (500, False)
    assert "the service vault failed: GET" in caplog.text
    assert "a mistake of the other package" in caplog.text
    assert respond(call()).status == 200


def test_a_listener_finds_services_by_host_name(provider: Provider, application: type[Counter]) -> None:
    """Those on this port of this address, under each of their names."""
    both = service(application, names=("a.test", "b.test"))
    responders = start_applications(
        [both, service(application, port=8443), service(application, "192.0.2.2")], provider
    )
    assert set(responders_at(responders, "192.0.2.1", 443)) == {"a.test", "b.test"}
    assert set(responders_at(responders, "192.0.2.1", 8443)) == {HOST}
    assert responders_at(responders, "192.0.2.3", 443) == {}


def _checked(provider: Provider, authorization: str | None) -> AcceptedTicket | RefusedTicket | None:
    context = ServiceContext(service(Counter), provider, Acceptor())
    headers = {} if authorization is None else {"Authorization": authorization}
    return check_ticket(context, call(**headers))


def test_a_request_without_a_token_is_asked_for_one(provider: Provider) -> None:
    """RFC 4559, section 4.1: 401 with the bare scheme."""
    assert _checked(provider, None) is None
    reply = request_ticket()
    assert (reply.status, dict(reply.headers)["WWW-Authenticate"]) == (401, "Negotiate")


@pytest.mark.parametrize(
    ("authorization", "mechanism", "reason"),
    [
        ("Negotiate b3RoZXI=", "kerberos", "wrong-key"),
        ("Negotiate !!!", "unknown", "malformed"),
        ("NTLM TlRMTVNTUAAB", "ntlm", "ntlm"),
    ],
)
def test_a_token_that_is_none_is_refused(provider: Provider, authorization: str, mechanism: str, reason: str) -> None:
    """The key table decides, and what is no token never reaches it."""
    found = _checked(provider, authorization)
    assert isinstance(found, RefusedTicket)
    assert (found.mechanism, found.reason) == (mechanism, reason)


@pytest.mark.parametrize("scheme", ["Negotiate", "negotiate", "NEGOTIATE"])
def test_a_ticket_is_accepted(provider: Provider, scheme: str) -> None:
    """The name of the scheme has no case (RFC 9110, section 11.1)."""
    found = _checked(provider, f"{scheme} {base64.b64encode(b'ok').decode()}")
    assert isinstance(found, AcceptedTicket)
    assert found.principal == "alice@CORP.CONTOSO.COM"


@pytest.mark.parametrize(
    ("tls", "port", "url"),
    [
        (True, 443, f"https://{HOST}/x"),
        (True, 80, f"https://{HOST}:80/x"),
        (False, 80, f"http://{HOST}/x"),
        (False, 443, f"http://{HOST}:443/x"),
        (True, 8443, f"https://{HOST}:8443/x"),
    ],
)
def test_a_url_names_a_port_that_is_not_usual(tls: bool, port: int, url: str) -> None:
    """443 is usual with TLS, 80 without."""
    assert dataclasses.replace(service(Counter, port=port), tls=tls).url("/x") == url

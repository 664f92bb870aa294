"""A whole device in memory, driven by hand: no asyncio, a clock that jumps, and a world that changes on a timeline."""

from __future__ import annotations

import base64
import json
import types
from collections.abc import Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from ssosim_clients.failures import DnsFailure, NetworkFailure, TicketFailure
from ssosim_clients.ports import Device, Headers, HttpResponse, Resolution

T = TypeVar("T")

UPN = "alice@contoso.com"
PASSWORD = "Alice-lab-password-1"
LOGIN = "login.microsoftonline.com"
AUTOLOGON = "autologon.microsoftazuread-sso.com"
MANAGER = "www.tm.a.prd.aadg.trafficmanager.net"
TRUST_URL = f"https://{AUTOLOGON}/contoso.com/winauth/trust/2005/windowstransport?client-request-id=1"
ACTION = "http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Issue"


@types.coroutine
def pause(seconds: float = 0.0) -> Generator[float, None, None]:
    """Hand the wheel to whoever drives; ``seconds`` is how long the call takes."""
    yield seconds


@dataclass
class World:
    """Everything outside the client. Tests change it; ``log`` is what went over the wire, in order."""

    now: float = 1_000_000.0
    cnames: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: {LOGIN: ("192.0.2.10",), AUTOLOGON: ("192.0.2.20", "192.0.2.21")}
    )
    pointers: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    spns: set[str] = field(default_factory=lambda: {f"HTTP/{AUTOLOGON}"})
    kdc_reachable: bool = True
    person: list[str | None] = field(default_factory=list)
    answers: dict[tuple[str, str], HttpResponse] = field(default_factory=dict)
    account_type: str = "Federated"
    log: list[str] = field(default_factory=list)
    timeline: list[tuple[float, Callable[[World], None]]] = field(default_factory=list)
    steps: int = 0

    # what the scenario does

    def remove_record(self) -> None:
        """The alias record set is left without a target: NODATA. 004-020."""
        self.addresses.pop(AUTOLOGON, None)
        self.cnames.pop(AUTOLOGON, None)

    def put_cname(self) -> None:
        """A CNAME in place of the alias: the name resolves again, to another canonical name. 004-082."""
        self.addresses.pop(AUTOLOGON, None)
        self.cnames[AUTOLOGON] = MANAGER
        self.addresses[MANAGER] = ("192.0.2.20",)

    def restore(self) -> None:
        """The alias is back."""
        self.cnames.pop(AUTOLOGON, None)
        self.addresses[AUTOLOGON] = ("192.0.2.20", "192.0.2.21")

    def after(self, seconds: float, change: Callable[[World], None]) -> None:
        """Have ``change`` happen ``seconds`` from now, between two of the client's steps."""
        self.timeline.append((self.now + seconds, change))
        self.timeline.sort(key=lambda entry: entry[0])

    # driving

    def play(self, sign_in: Coroutine[Any, Any, T], seconds: float = 86400.0) -> T | None:
        """Run ``sign_in`` for at most ``seconds``; None if it was parked before its end."""
        end = self.now + seconds
        try:
            while True:
                wake = self.now + sign_in.send(None)
                self.steps += 1
                while self.timeline and self.timeline[0][0] <= min(wake, end):
                    self.now, change = self.timeline.pop(0)
                    change(self)
                self.now = min(wake, end)
                if wake > end:
                    sign_in.close()
                    return None
        except StopIteration as done:
            value: T = done.value
            return value

    def seen(self, prefix: str) -> list[str]:
        """The log entries that begin with ``prefix``."""
        return [entry for entry in self.log if entry.startswith(prefix)]

    def device(self, **changes: Any) -> Device:
        """A device in this world."""
        ports = FakePorts(self)
        parts: dict[str, Any] = {
            "upn": UPN, "resolver": ports, "http": ports, "kerberos": ports, "clock": ports, "user": ports,
            "new_id": lambda: "00000000-0000-0000-0000-000000000001",
        }  # fmt: skip
        return Device(**(parts | changes))


@dataclass
class FakePorts:
    """All ports at once. Every call gives the wheel away at least once, so a client can be cancelled in any of them."""

    world: World

    def now(self) -> float:
        """The world's time."""
        return self.world.now

    async def sleep(self, seconds: float) -> None:
        """Sleep by jumping."""
        await pause(seconds)

    async def resolve(self, name: str, family: str) -> Resolution:
        """Follow CNAMEs as a resolver does; a name that has nothing at all is NXDOMAIN, one in ``broken`` fails so."""
        await pause(0.01)
        world, chain = self.world, []
        self.world.log.append(f"dns {name}")
        at = name
        while at in world.cnames:
            at = world.cnames[at]
            chain.append(at)
        kind = world.broken.get(at) or (None if at in world.addresses else "nxdomain")
        if at == AUTOLOGON and kind == "nxdomain":
            kind = "nodata"
        if kind:
            raise DnsFailure(kind, name)  # type: ignore[arg-type]
        assert family == "any"
        return Resolution(name, at, world.addresses[at], tuple(chain))

    async def reverse(self, address: str) -> str | None:
        """The PTR, if there is one."""
        await pause(0.01)
        self.world.log.append(f"ptr {address}")
        return self.world.pointers.get(address)

    async def negotiate_token(self, spn: str) -> bytes:
        """A ticket for a registered SPN."""
        await pause(0.01)
        self.world.log.append(f"tgs {spn}")
        if not self.world.kdc_reachable:
            raise TicketFailure("kdc-unreachable", spn)
        if spn not in self.world.spns:
            raise TicketFailure("server-unknown", spn)
        return b"ticket " + spn.encode()

    async def ntlm_token(self) -> bytes:
        """An NTLM negotiate message."""
        await pause()
        return b"NTLMSSP\x00"

    async def ask_password(self, upn: str, reason: str) -> str | None:
        """Answer with the next line of the script; nobody is there once it is used up."""
        self.world.log.append(f"prompt {reason}")
        await pause(20.0)
        assert upn == UPN
        return self.world.person.pop(0) if self.world.person else None

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:
        """Resolve, then serve."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        try:
            await self.resolve(host, "any")
        except DnsFailure as failure:
            raise NetworkFailure.from_dns(failure) from failure
        await pause(0.05)
        scripted = self.world.answers.get((method, parts.path))
        answer = scripted or serve(self.world, method, host, parts.path, headers, body)
        mechanism = ("ntlm" if b"NTLMSSP" in _token(headers) else "kerberos") if "Authorization" in headers else "none"
        self.world.log.append(f"http {method} {host}{parts.path} {answer.status} {mechanism}")
        return answer


def _token(headers: Mapping[str, str]) -> bytes:
    return base64.b64decode(headers.get("Authorization", "").removeprefix("Negotiate "))


def serve(world: World, method: str, host: str, path: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:
    """The service's side of the protocol, in its bare shapes."""
    if (method, host) == ("GET", LOGIN) and path.startswith("/common/userrealm/"):
        return _realm(world, path, headers)
    if (method, host) == ("GET", AUTOLOGON) and path.endswith("/mex"):
        return HttpResponse(200, body=mex_document())
    if (method, host) == ("POST", AUTOLOGON) and path.endswith("/windowstransport"):
        return _windowstransport(headers, body)
    if (method, host) == ("POST", LOGIN) and path.endswith("/oauth2/v2.0/token"):
        return _tokens(body)
    return HttpResponse(404)


def _realm(world: World, path: str, headers: Mapping[str, str]) -> HttpResponse:
    assert unquote(path.rpartition("/")[2]) == UPN
    federated = world.account_type == "Federated" and any(name.lower() == "x-client-sku" for name in headers)
    realm = {"ver": "1.0", "account_type": "Federated" if federated else "Managed"}
    if federated:
        realm |= {"federation_protocol": "WSTrust", "cloud_audience_urn": "urn:federation:MicrosoftOnline"}
        realm |= {"federation_metadata_url": f"https://{AUTOLOGON}/contoso.com/winauth/trust/mex"}
    return HttpResponse(200, body=json.dumps(realm).encode())


def _windowstransport(headers: Mapping[str, str], body: bytes) -> HttpResponse:
    assert headers["SOAPAction"] == ACTION
    assert b"urn:federation:MicrosoftOnline" in body
    if "Authorization" not in headers:
        return HttpResponse(401, Headers([("www-authenticate", "Negotiate")]))
    if _token(headers) != f"ticket HTTP/{AUTOLOGON}".encode():
        return HttpResponse(403)
    return HttpResponse(200, body=rstr())


def _tokens(body: bytes) -> HttpResponse:
    form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
    assertion = base64.b64decode(form.get("assertion", ""))
    if form.get("password") == PASSWORD or b"<DesktopSsoToken>opaque</DesktopSsoToken>" in assertion:
        tokens = {"token_type": "Bearer", "expires_in": 4500, "access_token": "at", "refresh_token": "rt"}
        return HttpResponse(200, body=json.dumps(tokens).encode())
    refusal = {"error": "invalid_grant", "error_codes": [50126], "error_description": "AADSTS50126: wrong"}
    return HttpResponse(400, body=json.dumps(refusal).encode())


def mex_document(
    address: str = TRUST_URL, assertion: str = "http:NegotiateAuthentication", transport: str = "sp:TransportBinding"
) -> bytes:
    """A MEX document with one binding, whose parts a test can spoil."""
    return f"""<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:tns="urn:t"
      xmlns:wsp="http://schemas.xmlsoap.org/ws/2004/09/policy" xmlns:wsa10="http://www.w3.org/2005/08/addressing"
      xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
      xmlns:http="http://schemas.microsoft.com/ws/06/2004/policy/http"
      xmlns:sp="http://schemas.xmlsoap.org/ws/2005/07/securitypolicy"
      xmlns:soap12="http://schemas.xmlsoap.org/wsdl/soap12/">
      <wsp:Policy wsu:Id="kerberos"><wsp:ExactlyOne><wsp:All><{assertion}/><{transport}/></wsp:All></wsp:ExactlyOne>
      </wsp:Policy>
      <wsdl:binding name="W" type="tns:x"><wsp:PolicyReference URI="#kerberos"/>
        <soap12:binding transport="http://schemas.xmlsoap.org/soap/http"/>
        <wsdl:operation name="i"><soap12:operation soapAction="{ACTION}"/></wsdl:operation></wsdl:binding>
      <wsdl:service name="s"><wsdl:port name="p" binding="tns:W"><wsa10:EndpointReference>
        <wsa10:Address>{address}</wsa10:Address></wsa10:EndpointReference></wsdl:port></wsdl:service>
    </wsdl:definitions>""".encode()


def rstr(kind: str = "urn:oasis:names:tc:SAML:1.0:assertion") -> bytes:
    """An RSTR around the shell assertion."""
    return f"""<S:Envelope xmlns:S="http://www.w3.org/2003/05/soap-envelope"><S:Body>
      <wst:RequestSecurityTokenResponse xmlns:wst="http://schemas.xmlsoap.org/ws/2005/02/trust">
      <wst:TokenType>{kind}</wst:TokenType><wst:RequestedSecurityToken>
      <saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:1.0:assertion"><DesktopSsoToken>opaque</DesktopSsoToken>
      </saml:Assertion>
      </wst:RequestedSecurityToken></wst:RequestSecurityTokenResponse></S:Body></S:Envelope>""".encode()


@pytest.fixture
def world() -> World:
    """A healthy world."""
    return World()

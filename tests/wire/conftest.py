"""A real lab in a thread of its own (KDC, DNS, HTTPS, GSS-API), and clients that reach it by blocking sockets.

Nothing here is scripted: names come from the lab's DNS server, tickets from krb5kdc, TLS is verified, and what a
client did is read from the trace under the client's own name.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import urlencode, urlsplit
from xml.sax.saxutils import escape

import dns.message
import dns.query
import jwt
import pytest
from lxml import etree
from msgspec.structs import replace

from ssosim.estate import Estate, default_estate
from ssosim.kerberos import write_krb5_conf
from ssosim.kerberos.gss import Initiator
from ssosim.kerberos.kinit import ClientOptions, kinit
from ssosim.lab.core.lab import Lab
from ssosim.trace.export import record_to_json

PSF = "{http://schemas.microsoft.com/Passport/SoapServices/SOAPFault}"
TRUST = {
    "2005": "http://schemas.xmlsoap.org/ws/2005/02/trust",
    "13": "http://docs.oasis-open.org/ws-sx/ws-trust/200512",
}
KEY_TYPE = {
    "2005": "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey",
    "13": "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Bearer",
}
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
SECRETS = re.compile(
    # Passwords of the estate; tickets (GSS-API and NTLM, base64); JWTs; assertions; sealed tokens and other long runs.
    r"-lab-password|contoso-back-end-secret|YII[A-Za-z0-9]|TlRMTVNT|eyJ[A-Za-z0-9]{4}|saml:|Assertion ?xmlns|"
    r"DesktopSsoToken>|(?=\w*\d)(?=\w*[A-Z])[A-Za-z0-9+/_-]{120}"
)


class ShiftedClock:
    """The real clock, ahead by ``shift`` seconds."""

    def __init__(self) -> None:
        self.shift = 0.0

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        return time.time() + self.shift


class LabThread:
    """A Lab on an event loop in a thread of its own, which lasts as long as the lab (its KDC dies with the thread)."""

    def __init__(self, estate: Estate, home: Path, cache: Path) -> None:
        self.clock = ShiftedClock()
        self.lab = Lab(estate, home, cache, clock=self.clock)
        self.home = home
        self.log: list[str] = []
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="lab")

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            raise self._error
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    async def _main(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with self.lab:
                self._ready.set()
                await self._end.wait()
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits for the lab
            self._error = error
            self._ready.set()

    def run(self, coroutine: Any) -> Any:
        """Run ``coroutine`` on the lab's loop, and wait for it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)


async def give_turns() -> None:
    """Let all that has arrived at the loop be worked off, with what it calls for."""
    for _ in range(20):
        await asyncio.sleep(0)


@dataclass
class Reply:
    """An HTTP answer."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def fault(self) -> str:
        """The text of the cloud's SOAP fault, as a strict client reads it."""
        assert self.headers["Content-Type"] == "application/soap+xml; charset=utf-8", self.body
        root = etree.fromstring(self.body)
        return root.findtext(f".//{PSF}error/{PSF}internalerror/{PSF}text") or ""

    @property
    def codes(self) -> list[int]:
        """AADSTS numbers, in whatever language the endpoint speaks."""
        kind = self.headers.get("Content-Type", "")
        if kind.startswith("application/json"):
            return list(self.json["error_codes"])
        text = self.fault if kind.startswith("application/soap") else self.body.decode()
        return [int(found) for found in re.findall(r"AADSTS(\d+): ", text)]


@dataclass
class Client:
    """One program on a device: an address of its own, a user's tickets."""

    CLI: ClassVar[str] = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
    SPN: ClassVar[str] = "HTTP/autologon.microsoftazuread-sso.com"
    LOGIN: ClassVar[str] = "login.microsoftonline.com"
    AUTOLOGON: ClassVar[str] = "autologon.microsoftazuread-sso.com"
    STS: ClassVar[str] = "sts.fabrikam.com"
    GRAPH: ClassVar[str] = "https://graph.microsoft.com"

    site: LabThread
    name: str
    address: str
    krb5_conf: Path
    home: Path

    # Kerberos

    def token(self, spn: str = SPN, user: str = "alice", **how: Any) -> bytes:
        """A fresh Negotiate token of ``user`` for ``spn``, by libkrb5 from the lab's KDC."""
        ccache = self.home / f"{user}.ccache"
        if not ccache.exists():
            password = next(u.password for u in self.site.lab.estate.users if u.sam_account == user)
            asyncio.run(kinit(user, password, self.krb5_conf, ccache))
        return asyncio.run(Initiator(self.krb5_conf, ccache).request_token(spn, **how))

    @staticmethod
    def negotiate(token: bytes) -> dict[str, str]:
        """The header that carries ``token``."""
        return {"Authorization": "Negotiate " + base64.b64encode(token).decode()}

    # Network

    def resolve(self, host: str) -> str:
        """The first address of ``host`` by the lab's DNS server."""
        server, port = self.site.lab.endpoint(self.site.lab.estate.addresses("dns")[0], 53)
        answer = dns.query.udp(dns.message.make_query(host, "A"), server, 60, port, source=self.address)
        return str(answer.answer[-1][0])

    def plain(self, host: str) -> socket.socket:
        """A TCP connection to the web port of ``host``."""
        to = self.site.lab.endpoint(self.resolve(host), 443)
        return socket.create_connection(to, timeout=60, source_address=(self.address, 0))

    def tls(self, host: str) -> ssl.SSLSocket:
        """A verified TLS connection to ``host``."""
        return self.site.lab.client_tls.wrap_socket(self.plain(host), server_hostname=host)

    def raw(self, host: str, data: bytes) -> bytes:
        """Send ``data`` over TLS and read until the server closes or, having had its turn, says nothing for a moment.

        The lab answers another client in between: so a machine that gives the lab no time does not make it silent.
        """
        parts = []
        with self.tls(host) as connection, suppress(OSError):
            connection.sendall(data)
            connection.settimeout(0.4)
            quiet = 0
            while quiet < 2:
                try:
                    part = connection.recv(65536)
                except TimeoutError:
                    quiet += 1
                    self.site.run(give_turns())
                    continue
                if not part:
                    break
                parts, quiet = [*parts, part], 0
        return b"".join(parts)

    def ask(self, method: str, url: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> Reply:
        """One exchange on a connection of its own."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        connection = http.client.HTTPConnection(host)
        with self.tls(host) as connection.sock:
            soap = {"Content-Type": "application/soap+xml; charset=utf-8"} if "/services/trust/" in url and body else {}
            connection.request(method, url.split(parts.netloc, 1)[1], body, {**soap, **(headers or {})})
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read())

    # Protocol

    def realm(self, upn: str, **headers: str) -> Any:
        """Realm discovery v1."""
        reply = self.ask("GET", f"https://{self.LOGIN}/common/userrealm/{upn}?api-version=1.0", headers)
        assert reply.status == 200, reply.body
        return reply.json

    def mex(self, url: str) -> dict[str, str]:
        """The WS-Trust addresses in a MEX document, by the last two parts of their path."""
        root = etree.fromstring(self.ask("GET", url).body)
        found = [element.text or "" for element in root.iter("{http://www.w3.org/2005/08/addressing}Address")]
        return {"/".join(urlsplit(address).path.split("/")[-2:]): address for address in found}

    @staticmethod
    def rst(to: str, version: str = "2005", user: str | None = None, password: str = "") -> bytes:
        """An RST as MSAL.NET builds it."""
        trust = TRUST[version]
        security = (
            ""
            if user is None
            else f'<wsse:Security s:mustUnderstand="1" xmlns:wsse="{WSSE}"><wsse:UsernameToken>'
            f"<wsse:Username>{escape(user)}</wsse:Username><wsse:Password>{escape(password)}</wsse:Password>"
            "</wsse:UsernameToken></wsse:Security>"
        )
        return (
            '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
            ' xmlns:a="http://www.w3.org/2005/08/addressing"><s:Header>'
            f'<a:Action s:mustUnderstand="1">{trust}/RST/Issue</a:Action>'
            "<a:MessageID>urn:uuid:7b1f6b6c-3a1e-4d55-8d0f-0e4a3a1c9d10</a:MessageID><a:ReplyTo><a:Address>"
            "http://www.w3.org/2005/08/addressing/anonymous</a:Address></a:ReplyTo>"
            f'<a:To s:mustUnderstand="1">{escape(to)}</a:To>{security}</s:Header><s:Body>'
            f'<t:RequestSecurityToken xmlns:t="{trust}"><p:AppliesTo'
            ' xmlns:p="http://schemas.xmlsoap.org/ws/2004/09/policy"><a:EndpointReference><a:Address>'
            "urn:federation:MicrosoftOnline</a:Address></a:EndpointReference></p:AppliesTo>"
            f"<t:KeyType>{KEY_TYPE[version]}</t:KeyType><t:RequestType>{trust}/Issue</t:RequestType>"
            "</t:RequestSecurityToken></s:Body></s:Envelope>"
        ).encode()

    def trust(self, url: str, version: str = "2005", token: bytes | None = None, **who: str) -> Reply:
        """POST an RST to ``url``, with a ticket or a user name and password."""
        headers = {"Content-Type": "application/soap+xml; charset=utf-8", "SOAPAction": f"{TRUST[version]}/RST/Issue"}
        headers |= {} if token is None else self.negotiate(token)
        return self.ask("POST", url, headers, self.rst(url, version, **who))

    def windows(self, token: bytes | None, domain: str = "contoso.com") -> Reply:
        """POST to autologon's windowstransport."""
        return self.trust(f"https://{self.AUTOLOGON}/{domain}/winauth/trust/2005/windowstransport", token=token)

    @staticmethod
    def assertion_in(reply: Reply) -> str:
        """The token cut out of an RSTR as raw text, the way MSAL Python does."""
        assert reply.status == 200, reply.body
        found = re.search(r"RequestedSecurityToken>(.*)</\w+:RequestedSecurityToken>", reply.body.decode(), re.DOTALL)
        assert found
        return found[1]

    def grant(self, *, v1: bool = False, tenant: str = "organizations", **form: str) -> Reply:
        """POST to the token endpoint."""
        path = "token" if v1 else "v2.0/token"
        fields = {"client_id": self.CLI, "client_info": "1"} | form
        fields |= {"resource": self.GRAPH} if v1 else {}
        fields.setdefault("scope", "openid offline_access profile")
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.ask("POST", f"https://{self.LOGIN}/{tenant}/oauth2/{path}", headers, urlencode(fields).encode())

    def redeem(self, assertion: str, kind: str = "saml1_1", **more: Any) -> Reply:
        """Send an assertion to the token endpoint."""
        encoded = base64.b64encode(assertion.encode()).decode()
        return self.grant(grant_type=f"urn:ietf:params:oauth:grant-type:{kind}-bearer", assertion=encoded, **more)

    def verified(self, token: str, audience: str) -> dict[str, Any]:
        """The claims of a JWT that verifies, time included, against the key set of the configuration of its version."""
        issued_by = jwt.decode(token, options={"verify_signature": False})
        path = "" if issued_by["ver"] == "1.0" else "/v2.0"
        base = f"https://{self.LOGIN}/{issued_by['tid']}{path}/.well-known/openid-configuration"
        configuration = self.ask("GET", base).json
        keys = self.ask("GET", configuration["jwks_uri"]).json["keys"]
        key = next(jwt.PyJWK(entry) for entry in keys if entry["kid"] == jwt.get_unverified_header(token)["kid"])
        claims: dict[str, Any] = jwt.decode(
            token, key, algorithms=["RS256"], audience=audience, issuer=configuration["issuer"]
        )
        return claims

    # What the lab saw

    def events(self, kind: type) -> list[Any]:
        """This client's events of one kind, in order."""
        return [r.event for r in self.site.lab.trace if r.client == self.name and isinstance(r.event, kind)]


def furnish(site: LabThread, name: str) -> Client:
    """A client on an address of its own."""
    lab = site.lab
    address = lab.network.allocate_model_address()
    lab.client_addresses.register(address, name)
    home = site.home / "clients" / address
    home.mkdir(parents=True)
    (kdc,) = site.run(lab.gateway_for(address)).values()
    options = ClientOptions(dns_canonicalize_hostname="false", rdns=False)
    write_krb5_conf(home / "krb5.conf", lab.estate.default_realm.name, lab.estate.default_realm.domain, [kdc], options)
    return Client(site, name, address, home / "krb5.conf", home)


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture(scope="session")
def lab_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared realm and signing keys for all labs of these tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def start_lab(tmp_path_factory: pytest.TempPathFactory, lab_cache: Path) -> Iterator[Callable[..., LabThread]]:
    """Start labs with changes to the cloud's settings; at the end no secret is in any of their traces."""
    labs = []
    with ExitStack() as stack:

        def start(**cloud: Any) -> LabThread:
            estate = default_estate()
            changed = replace(estate, cloud=replace(estate.cloud, **cloud))
            site = LabThread(changed, tmp_path_factory.mktemp("lab"), lab_cache)
            labs.append(stack.enter_context(site))
            return site

        yield start
    for site in labs:
        leaks = [line for line in map(record_to_json, site.lab.trace) if SECRETS.search(line)]
        assert leaks == []


@pytest.fixture(scope="session")
def site(start_lab: Callable[..., LabThread]) -> LabThread:
    """The default estate's lab."""
    return start_lab()


@pytest.fixture(scope="session")
def sites(site: LabThread, start_lab: Callable[..., LabThread]) -> dict[str, LabThread]:
    """A lab for each kind of assertion that the cloud may give out."""
    return {"desktop-sso-token": site, "signed-saml": start_lab(assertion="signed-saml")}


@pytest.fixture(scope="session")
def desks() -> dict[int, Client]:
    """The device of each lab, used again by every test under the test's own name."""
    return {}


@pytest.fixture
def desk_of(desks: dict[int, Client], request: pytest.FixtureRequest) -> Iterator[Callable[[LabThread], Client]]:
    """Sits down at the device of a lab; what the test does is in the trace under the test's name.

    Fails the test if the lab logged anything at all meanwhile: bad input must not be news.
    """
    errors = _Errors()
    logging.getLogger().addHandler(errors)

    def sit(site: LabThread) -> Client:
        client = desks.get(id(site))
        if client is None:
            client = desks[id(site)] = furnish(site, request.node.name)
        client.name = request.node.name
        site.lab.client_addresses.register(client.address, client.name)
        return client

    yield sit
    logging.getLogger().removeHandler(errors)
    assert errors.lines == []


@pytest.fixture
def desk(desk_of: Callable[[LabThread], Client], site: LabThread) -> Client:
    """The device of the default lab."""
    return desk_of(site)


@pytest.fixture
def goes_on_serving(desk: Client) -> Iterator[None]:
    """After each test: a name is resolved, a ticket is accepted (a new one if the KDC was tried), a token is issued."""
    yield
    if "kerberos" in desk.name:
        (desk.home / "alice.ccache").unlink(missing_ok=True)
    assert desk.windows(desk.token()).status == 200
    assert desk.grant(grant_type="password", username="bob@contoso.com", password="Bob-lab-password-1").status == 200

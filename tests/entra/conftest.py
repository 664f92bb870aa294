"""Fixtures for the tests of the identity provider: one set of keys, a scripted acceptor, a client without sockets."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit
from xml.sax.saxutils import escape

import pytest
from msgspec.structs import replace
from multidict import CIMultiDict

from ssosim.clock import ManualClock
from ssosim.entra import (
    AcceptedTicket,
    Call,
    ChannelBindings,
    HttpReply,
    Keys,
    Provider,
    RefusedTicket,
    Settings,
    serve,
)
from ssosim.estate import Estate, default_estate
from ssosim.trace import Event, Trace

LOGIN = "login.microsoftonline.com"
AUTOLOGON = "autologon.microsoftazuread-sso.com"
STS = "sts.fabrikam.com"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
NOON = 1_790_000_000.0
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
TRUST = {
    "2005": "http://schemas.xmlsoap.org/ws/2005/02/trust",
    "13": "http://docs.oasis-open.org/ws-sx/ws-trust/200512",
}


class ScriptedAcceptor:
    """Implements the acceptor's port: ``ok:PRINCIPAL`` is accepted, ``refuse:REASON`` refused for that reason."""

    def accept(
        self,
        token: bytes,
        bindings: ChannelBindings | None = None,  # noqa: ARG002 - the signature of the port
    ) -> AcceptedTicket | RefusedTicket:
        """Return the verdict that the token names."""
        word, _, rest = token.decode(errors="replace").partition(":")
        if word == "ok":
            return AcceptedTicket(rest, f"HTTP/{AUTOLOGON}", b"mutual")
        if word == "ntlm":
            return RefusedTicket("ntlm", "ntlm")
        if word == "refuse":
            return RefusedTicket("kerberos", rest)  # type: ignore[arg-type]
        return RefusedTicket("unknown", "malformed", "no token")


@dataclass
class Site:
    """A provider, with methods that send requests to it without a socket."""

    provider: Provider
    clock: ManualClock
    LOGIN: ClassVar[str] = LOGIN
    AUTOLOGON: ClassVar[str] = AUTOLOGON
    STS: ClassVar[str] = STS
    CLI: ClassVar[str] = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
    FORM: ClassVar[Mapping[str, str]] = FORM
    ALICE: ClassVar[str] = "ok:alice@CORP.CONTOSO.COM"
    FRANK: ClassVar[str] = "ok:frank@CORP.CONTOSO.COM"

    @staticmethod
    def negotiate(token: str) -> dict[str, str]:
        """The header that carries ``token`` to a ScriptedAcceptor."""
        return {"Authorization": "Negotiate " + base64.b64encode(token.encode()).decode()}

    def rst(
        self,
        version: str = "2005",
        *,
        user: str | None = None,
        password: str = "",
        token_type: str = "",
        verb: str = "Issue",
        audience: str = "urn:federation:MicrosoftOnline",
        key_type: str | None = None,
        dates: tuple[str, str] | None = None,
    ) -> bytes:
        """An RST in the shape MSAL sends. ``dates`` are those of its Timestamp, by default now and in ten minutes."""
        created, expires = dates or (self.date(), self.date(600))
        trust = TRUST[version]
        security = ""
        if user is not None:
            security = (
                f'<o:Security s:mustUnderstand="1" xmlns:o="{WSSE}"><u:Timestamp u:Id="_0" xmlns:u="{WSU}">'
                f"<u:Created>{created}</u:Created><u:Expires>{expires}</u:Expires>"
                f"</u:Timestamp><o:UsernameToken><o:Username>{escape(user)}</o:Username>"
                f"<o:Password>{escape(password)}</o:Password></o:UsernameToken></o:Security>"
            )
        if key_type is None:
            key_type = (
                "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey" if version == "2005" else f"{trust}/Bearer"
            )
        key = f"<t:KeyType>{key_type}</t:KeyType>" if key_type else ""
        kind = f"<t:TokenType>{token_type}</t:TokenType>" if token_type else ""
        return (
            '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
            ' xmlns:a="http://www.w3.org/2005/08/addressing">'
            f'<s:Header><a:Action s:mustUnderstand="1">{trust}/RST/Issue</a:Action>'
            "<a:messageID>urn:uuid:1</a:messageID>"
            f'<a:To s:mustUnderstand="1">https://elsewhere.example/</a:To>{security}</s:Header>'
            f"<s:Body><t:RequestSecurityToken xmlns:t='{trust}' Id='RST0'>"
            f"<wsp:AppliesTo xmlns:wsp='http://schemas.xmlsoap.org/ws/2004/09/policy'><a:EndpointReference>"
            f"<a:Address>{audience}</a:Address></a:EndpointReference></wsp:AppliesTo>{key}{kind}"
            f"<t:RequestType>{trust}/{verb}</t:RequestType></t:RequestSecurityToken></s:Body></s:Envelope>"
        ).encode()

    def date(self, seconds: float = 0) -> str:
        """The time of the lab, so many seconds later, as in a Timestamp."""
        return datetime.fromtimestamp(self.clock.now() + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"

    def windows(self, token: str | None, domain: str = "contoso.com", body: bytes | None = None) -> HttpReply:
        """POST to autologon's windowstransport."""
        headers = {} if token is None else self.negotiate(token)
        path = f"/{domain}/winauth/trust/2005/windowstransport"
        return self.ask("POST", AUTOLOGON, path, headers=headers, body=self.rst() if body is None else body)

    def mixed(self, user: str | None, password: str, domain: str = "contoso.com") -> HttpReply:
        """POST to autologon's usernamemixed, with the constant Timestamp of ROADtools."""
        path = f"/{domain}/winauth/trust/2005/usernamemixed"
        body = self.rst(user=user, password=password, dates=("2020-11-23T16:50:44.068Z", "2020-11-23T17:00:44.068Z"))
        return self.ask("POST", AUTOLOGON, path, body=body)

    def adfs(self, version: str, token: str, token_type: str = "") -> HttpReply:
        """POST to the federation service's windowstransport."""
        path = f"/adfs/services/trust/{version}/windowstransport"
        return self.ask("POST", STS, path, headers=self.negotiate(token), body=self.rst(version, token_type=token_type))

    @staticmethod
    def extract_assertion(answer: HttpReply) -> str:
        """The token cut out of an RSTR as raw text, the way MSAL Python does."""
        assert answer.status == 200, answer.body
        found = re.search(
            r"RequestedSecurityToken[^>]*>(.*)</[a-zA-Z:]*RequestedSecurityToken>", answer.body.decode(), re.DOTALL
        )
        assert found
        return found[1]

    def saml_form(self, assertion: str, grant: str = "saml1_1", **more: str) -> dict[str, str]:
        """A token request for ``assertion`` as MSAL.NET sends it."""
        return {
            "client_id": self.CLI,
            "grant_type": f"urn:ietf:params:oauth:grant-type:{grant}-bearer",
            "assertion": base64.b64encode(assertion.encode()).decode(),
            "scope": "openid offline_access profile https://graph.microsoft.com/User.Read.All",
            "client_info": "1",
            **more,
        }

    def refused(self, assertion: str, grant: str = "saml1_1") -> list[int]:
        """Post ``assertion``, which must be refused; the error codes."""
        status, body = self.token(self.saml_form(assertion, grant))
        assert status == 400, body
        return list(body["error_codes"])

    def ask(
        self,
        method: str,
        host: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        **parts: Any,
    ) -> HttpReply:
        """One exchange."""
        given = CIMultiDict(headers or {})
        if method == "POST" and "/services/trust/" in target:
            given.setdefault("Content-Type", "application/soap+xml; charset=utf-8")
        call = Call.read(method, host, target, headers=given, body=body, now=self.clock.now(), **parts)
        return serve(self.provider, call, "desk-1")

    def get(self, host: str, target: str, **headers: str) -> Any:
        """GET that must succeed; the JSON body."""
        answer = self.ask("GET", host, target, headers=headers)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def token(self, form: Mapping[str, str], tenant: str = "organizations", *, v1: bool = False) -> tuple[int, Any]:
        """POST to the token endpoint; status and JSON body."""
        version = "" if v1 else "/v2.0"
        target, body = f"/{tenant}/oauth2{version}/token", urlencode(form).encode()
        answer = self.ask("POST", LOGIN, target, headers=FORM, body=body)
        return answer.status, json.loads(answer.body)

    def events(self, kind: type[Event]) -> list[Any]:
        """Events of one kind, oldest first."""
        return [record.event for record in self.provider.trace if isinstance(record.event, kind)]


LOOPBACK = "http://localhost:8400"
ALICE, PASSWORD = "alice@contoso.com", "Alice-lab-password-1"
# RFC 7636, appendix B
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
AUTHORIZE_QUERY = {
    "client_id": Site.CLI,
    "response_type": "code",
    "redirect_uri": LOOPBACK,
    "scope": "openid offline_access https://graph.microsoft.com/User.Read.All",
    "state": "state-1",
    "nonce": "nonce-1",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


class Browser:
    """Opens pages of a Site, keeps cookies, fills forms."""

    def __init__(self, site, displays=True):
        self.site = site
        self.displays = displays  # a program that reads the page displays nothing
        self.cookie = ""
        self.origin = f"https://{LOGIN}"

    def _keep(self, answer):
        for name, value in answer.headers:
            if name == "Set-Cookie":
                self.cookie = value.partition(";")[0]
        if self.displays:
            self.display(answer)
        return answer

    def display(self, page, host=LOGIN):
        """Load the images of the page, as a browser does that runs scripts."""
        for source in re.findall(r'<img src="([^"]*)"', re.sub("<noscript>.*?</noscript>", "", page.body.decode())):
            parts = urlsplit(html.unescape(source))
            assert self.site.ask("GET", parts.netloc or host, f"{parts.path}?{parts.query}").status == 204

    def open(self, tenant="organizations", v1=False, **changes):
        """The authorize page; a change to None leaves a parameter out."""
        question = {name: value for name, value in {**AUTHORIZE_QUERY, **changes}.items() if value is not None}
        target = f"/{tenant}/oauth2{'' if v1 else '/v2.0'}/authorize?{urlencode(question)}"
        return self._keep(self.site.ask("GET", LOGIN, target, headers={"Cookie": self.cookie}))

    def post(self, page, **fields):
        """Send the page's form with ``fields`` filled in."""
        form = {**self.hidden(page), **fields}
        headers = {"Cookie": self.cookie, "Origin": self.origin}
        return self._keep(self.site.ask("POST", LOGIN, "/common/login", headers=headers, body=urlencode(form).encode()))

    def sign_in(self, page=None, login=ALICE, passwd=PASSWORD, **changes):
        """From authorize to the redirect."""
        return self.post(page or self.open(**changes), login=login, passwd=passwd)

    def code(self, **changes):
        """A code, by the query."""
        return self.sent_back(self.sign_in(**changes))["code"]

    def enter(self, user_code):
        """Type the code that a device shows; the page that follows."""
        body = urlencode({"otc": user_code}).encode()
        return self._keep(
            self.site.ask("POST", LOGIN, "/common/oauth2/deviceauth", headers={"Cookie": self.cookie}, body=body)
        )

    def redeem(self, code, /, v1=False, tenant="organizations", **changes):
        """POST a code to the token endpoint."""
        form = {
            "client_id": Site.CLI,
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": LOOPBACK,
            "scope": AUTHORIZE_QUERY["scope"],
            "code_verifier": VERIFIER,
            **changes,
        }
        return self.site.token({name: value for name, value in form.items() if value is not None}, tenant, v1=v1)

    @staticmethod
    def hidden(page):
        """The hidden fields of a page's form."""
        found = re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', page.body.decode())
        return {html.unescape(name): html.unescape(value) for name, value in found}

    @staticmethod
    def config(page):
        """The page's $Config."""
        return json.JSONDecoder().raw_decode(page.body.decode().split("$Config=", 1)[1])[0]

    @staticmethod
    def location(answer):
        """Where a redirect leads."""
        assert answer.status == 302, answer.body
        return dict(answer.headers)["Location"]

    @staticmethod
    def sent_back(answer):
        """The parameters in the query of a redirect."""
        return dict(parse_qsl(urlsplit(Browser.location(answer)).query))

    @staticmethod
    def claims(token):
        """The claims of a token, unverified."""
        part = token.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@pytest.fixture(scope="session")
def keys() -> Keys:
    """RSA keys are slow to make: one set for all tests."""
    return Keys.generate(["fabrikam-sts"])


@pytest.fixture
def make_site(keys: Keys) -> Callable[..., Site]:
    """Builds a Site; ``user`` changes Alice, ``cloud`` the cloud's own settings."""

    def make(
        estate: Estate | None = None,
        settings: Settings | None = None,
        user: dict[str, Any] | None = None,
        cloud: dict[str, Any] | None = None,
    ) -> Site:
        changed = estate or default_estate()
        if user:
            users = tuple(replace(u, **user) if u.upn == "alice@contoso.com" else u for u in changed.users)
            changed = replace(changed, users=users)
        if cloud:
            changed = replace(changed, cloud=replace(changed.cloud, **cloud))
        clock = ManualClock(NOON)
        acceptor = ScriptedAcceptor()
        provider = Provider(
            estate=changed,
            keys=keys,
            acceptors={AUTOLOGON: acceptor, STS: acceptor},
            trace=Trace(clock),
            clock=clock,
            settings=settings or Settings(),
        )
        return Site(provider, clock)

    return make


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    """Contoso as shipped."""
    return make_site()


@pytest.fixture
def make_browser() -> type[Browser]:
    """The class of a new browser; its argument is a Site."""
    return Browser


@pytest.fixture
def browser(site: Site) -> Browser:
    """A browser at Contoso as shipped."""
    return Browser(site)

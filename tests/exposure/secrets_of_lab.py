"""Every kind of credential of a lab in memory, and every way to put it into a request."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

from msgspec.structs import replace

from ssosim.entra import Call
from ssosim.entra.core.sealed_tokens import DesktopSsoClaims
from ssosim.entra.http.exchange import run_exchange
from ssosim.entra.oauth.tokens import REFRESH_PURPOSE
from ssosim.entra.wstrust.autologon import DESKTOP_SSO_PURPOSE
from ssosim.estate import default_estate
from ssosim.estate.credentials import OpenidIssuer
from ssosim.kerberos import der
from ssosim.memory import Engine, MemoryLab
from ssosim.trace import CredentialExposed

LOGIN, AUTOLOGON = "login.microsoftonline.com", "autologon.microsoftazuread-sso.com"
STS, UNKNOWN = "sts.fabrikam.com", "portal.example"
NOW = 1_740_000_000.0
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636, appendix B
OFFICE = "d3590ed6-52b3-4102-aeff-aad2292ab01c"
BACK_END = "7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5b01"
ISSUER = "https://token.builds.example"


@dataclass(frozen=True)
class Letter:
    """A request to be sent: target, header fields, body."""

    target: str = "/x"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    method: str = "POST"


Way = Callable[[bytes], Letter]


def b64(data: bytes) -> str:
    """Return base64 with the standard alphabet."""
    return base64.b64encode(data).decode()


def b64url(data: bytes) -> str:
    """Return base64 with the URL alphabet, unpadded."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def text_of(secret: bytes) -> str:
    """Return a secret as text; of a binary one, as a ticket is, its base64 form."""
    try:
        return secret.decode("ascii")
    except UnicodeDecodeError:
        return b64(secret)


def escape_fully(text: str) -> str:
    """Return JSON in which every character is an escape."""
    return "".join(f"\\u{ord(each):04x}" for each in text)


def _form(name: str, value: str) -> Letter:
    fields = {"Content-Type": "application/x-www-form-urlencoded"}
    return Letter(headers=fields, body=f"a=1&{name}={quote_plus(value)}&z=2".encode())


def _json(value: object) -> Letter:
    return Letter(headers={"Content-Type": "application/json"}, body=json.dumps({"k": ["v", value]}).encode())


def _soap(text: str) -> Letter:
    return Letter(headers={"Content-Type": "application/soap+xml"}, body=f"<s:E><o:P>{text}</o:P></s:E>".encode())


def _multipart(text: str) -> Letter:
    body = f'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\n{text}\r\n--b--\r\n'
    return Letter(headers={"Content-Type": "multipart/form-data; boundary=b"}, body=body.encode())


WAYS: dict[str, Way] = {
    "path": lambda s: Letter(f"/a/{quote(text_of(s), safe='')}/b"),
    "path-base64url": lambda s: Letter(f"/a/{b64url(s)}"),
    "path-base64": lambda s: Letter(f"/api/v1/{b64(s)}"),
    "query": lambda s: Letter(f"/x?a=1&p={quote(text_of(s), safe='')}"),
    "query-repeated": lambda s: Letter(f"/x?p={quote(text_of(s), safe='')}&p=later", method="GET"),
    "query-percent": lambda s: Letter("/x?p=" + "".join(f"%{byte:02x}" for byte in text_of(s).encode())),
    "query-base64": lambda s: Letter(f"/x?p={quote(b64(s), safe='')}"),
    "header": lambda s: Letter(headers={"X-Debug": f"token={text_of(s)}"}),
    "cookie": lambda s: Letter(headers={"Cookie": f"a=b; session={text_of(s)}; c=d"}),
    "cookie-percent": lambda s: Letter(headers={"Cookie": f"session={quote(text_of(s), safe='')}"}),
    "referer": lambda s: Letter(headers={"Referer": f"https://a.example/cb?code={quote(text_of(s), safe='')}"}),
    "bearer": lambda s: Letter(headers={"Authorization": f"Bearer {text_of(s)}"}),
    "basic": lambda s: Letter(headers={"Authorization": "Basic " + b64(b"bob@contoso.com:" + text_of(s).encode())}),
    "negotiate": lambda s: Letter(headers={"Authorization": f"Negotiate {b64(s)}"}),
    "form": lambda s: _form("p", text_of(s)),
    "form-base64": lambda s: _form("p", b64(s)),
    "form-base64-utf16": lambda s: _form("p", b64(text_of(s).encode("utf-16-le"))),
    "json": lambda s: _json(text_of(s)),
    "json-escapes": lambda s: Letter(body=f'{{"p": "{escape_fully(text_of(s))}"}}'.encode()),
    "json-in-base64": lambda s: _json(b64(json.dumps({"p": text_of(s)}).encode())),
    "json-base64url": lambda s: _json(b64url(s)),
    "soap": lambda s: _soap(html.escape(text_of(s))),
    "soap-references": lambda s: _soap("".join(f"&#{ord(each)};" for each in text_of(s))),
    "soap-hex-references": lambda s: _soap("".join(f"&#x{ord(each):X};" for each in text_of(s))),
    "multipart": lambda s: _multipart(text_of(s)),
    "multipart-base64": lambda s: _multipart(base64.encodebytes(s).decode().replace("\n", "\r\n")),
    "base64-twice": lambda s: _form("p", b64(b64(s).encode())),
    "hex": lambda s: Letter(body=text_of(s).encode().hex().encode()),
    "utf16-body": lambda s: Letter(body=f"<p>{text_of(s)}</p>".encode("utf-16")),
    "gzip-body": lambda s: Letter(
        headers={"Content-Encoding": "gzip"}, body=gzip.compress(json.dumps({"p": text_of(s)}).encode())
    ),
    "gzip-in-base64": lambda s: _form("p", b64(gzip.compress(text_of(s).encode()))),
}


def jwt(claims: Mapping[str, str]) -> bytes:
    """Return a JWT with a signature of zeros: an exposure does not depend on the signature."""
    head = b64url(json.dumps({"alg": "RS256", "typ": "JWT", "x5t": "AA"}).encode())
    return f"{head}.{b64url(json.dumps(claims).encode())}.{b64url(bytes(256))}".encode()


def ap_request(service: str) -> bytes:
    """Return an AP-REQ (RFC 4120, section 5.5.1) in a GSS-API token, with a ticket for ``service``."""

    def text(value: str) -> bytes:
        return der.encode_element(der.GENERAL_STRING, value.encode())

    def name(value: str) -> bytes:
        parts = der.encode_element(der.SEQUENCE, *(text(part) for part in value.split("/")))
        return der.encode_element(
            der.SEQUENCE, der.encode_context(0, der.encode_integer(2)), der.encode_context(1, parts)
        )

    sealed = der.encode_element(
        der.SEQUENCE,
        der.encode_context(0, der.encode_integer(18)),
        der.encode_context(1, der.encode_integer(2)),
        der.encode_context(2, der.encode_element(der.OCTET_STRING, b"\xa5\x01" * 300)),
    )
    ticket = der.encode_application(
        1,
        der.encode_element(
            der.SEQUENCE,
            der.encode_context(0, der.encode_integer(5)),
            der.encode_context(1, text("CORP.CONTOSO.COM")),
            der.encode_context(2, name(service)),
            der.encode_context(3, sealed),
        ),
    )
    request = der.encode_application(
        14,
        der.encode_element(
            der.SEQUENCE,
            der.encode_context(0, der.encode_integer(5)),
            der.encode_context(1, der.encode_integer(14)),
            der.encode_context(2, der.encode_element(der.BIT_STRING, b"\0\0\0\0\0")),
            der.encode_context(3, ticket),
            der.encode_context(4, sealed),
        ),
    )
    oid = der.encode_element(der.OID, bytes.fromhex("2a864886f712010202"))
    return der.encode_element(0x60, oid, b"\x01\x00", request)


class SecretLab:
    """A lab in memory with one credential of every kind."""

    def __init__(self) -> None:
        self.lab = MemoryLab(Engine(NOW), replace(default_estate(), openid_issuers=(OpenidIssuer(issuer=ISSUER),)))
        provider = self.lab.provider
        claims = DesktopSsoClaims("i", "t", "s", "a", 1, 2, "m")
        challenge = b64url(hashlib.sha256(VERIFIER.encode()).digest())
        self.send(LOGIN, Letter(f"/common/oauth2/v2.0/authorize?code_challenge={challenge}", method="GET"))
        device = provider.device_codes.issue(
            client_id=OFFICE, authority="common", version="2.0", resource="r", scopes=(), now=NOW
        )
        sealed = provider.sealer.seal(DESKTOP_SSO_PURPOSE, claims)
        saml = "urn:oasis:names:tc:SAML:1.0:assertion"
        assertion = f'<saml:Assertion xmlns:saml="{saml}" AssertionID="_1"><DesktopSsoToken>{sealed}</DesktopSsoToken>'
        self.secrets: dict[str, bytes] = {
            "password": b"Bob-lab-password-1",
            "client secret": b"contoso-back-end-secret",
            "ticket": ap_request(f"HTTP/{AUTOLOGON}"),
            "assertion": assertion.encode() + b"</saml:Assertion>",
            "refresh token": provider.sealer.seal(REFRESH_PURPOSE, claims).encode(),
            "access token": self._issue_access_token(),
            "authorization code": provider.sealer.seal("authorization-code", claims).encode(),
            "code verifier": VERIFIER.encode(),
            "device code": device.device_code.encode(),
            "client assertion": jwt({"iss": BACK_END, "sub": BACK_END, "aud": f"https://{LOGIN}/common/v2.0"}),
            "federated token": jwt({"iss": ISSUER, "sub": "repo:contoso/web", "aud": "api://AzureADTokenExchange"}),
            "private key": provider.keys.cloud.to_pem().split(b"-----BEGIN CERT")[0],
        }

    def send(self, host: str, letter: Letter, *, scheme: str = "https") -> tuple[CredentialExposed, ...]:
        """Send a request and return what the trace has of credentials in it."""
        call = Call.read(
            letter.method, host, letter.target,
            headers={"Host": host, **letter.headers}, body=letter.body, now=NOW,
            scheme=scheme, port=443 if scheme == "https" else 80,
        )  # fmt: skip
        mark = self.lab.trace.last_seq
        run_exchange(self.lab.provider, call, "c", None, self.lab.find_responder(None, call.port, call.host))
        return tuple(r.event for r in self.lab.trace.since(mark) if isinstance(r.event, CredentialExposed))

    def _issue_access_token(self) -> bytes:
        form = f"grant_type=password&client_id={OFFICE}&username=bob%40contoso.com&password=Bob-lab-password-1"
        call = Call.read(
            "POST", LOGIN, "/organizations/oauth2/v2.0/token", now=NOW,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=f"{form}&scope=openid+offline_access+https%3A%2F%2Fgraph.microsoft.com%2F.default".encode(),
        )  # fmt: skip
        reply = run_exchange(self.lab.provider, call, "c", None)
        assert reply is not None
        return json.loads(reply.body)["access_token"].encode()

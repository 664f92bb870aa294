"""Rubbish in requests that are HTTP: bodies, tenants, headers, a thousand at random. A clean protocol error each."""

from __future__ import annotations

import contextlib
import json
import random

import pytest
from lxml import etree

pytestmark = pytest.mark.usefixtures("goes_on_serving")

SEED = 20250225

ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
FILE = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
ENVELOPE = '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>{}</s:Body></s:Envelope>'
SOAP_RUBBISH = {
    "entities": (ENTITIES + ENVELOPE.format("&b;")).encode(),
    "external-entity": (FILE + ENVELOPE.format("&f;")).encode(),
    "external-dtd": b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><x/>',
    "parameter-entity": b'<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p">%p;]><x/>',
    "utf-16": ENVELOPE.format("<x/>").encode("utf-16"),
    "utf-16-doctype": (ENTITIES + "<x>&b;</x>").encode("utf-16"),
    "utf-7": b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE x+AD4-<x/>',
    "ebcdic": '<?xml version="1.0" encoding="cp037"?><x/>'.encode("cp037"),
    "latin-1": b'<?xml version="1.0" encoding="iso-8859-1"?><x>\xe9</x>',
    "deep": ENVELOPE.format("<a>" * 30_000).encode(),
    "deep-closed": ENVELOPE.format("<a>" * 15_000 + "</a>" * 15_000).encode(),
    "attributes": ENVELOPE.format("<a " + " ".join(f"b{n}=''" for n in range(20_000)) + "/>").encode(),
    "namespaces": ENVELOPE.format("<a " + " ".join(f"xmlns:b{n}='u{n}'" for n in range(8_000)) + "/>").encode(),
    "long-name": ENVELOPE.format("<" + "a" * 200_000 + "/>").encode(),
    "long-text": ENVELOPE.format("a" * 250_000).encode(),
    "comments": ENVELOPE.format("<!---->" * 30_000).encode(),
    "instructions": ENVELOPE.format("<?a b?>" * 30_000).encode(),
    "cdata": ENVELOPE.format("<![CDATA[" + "<" * 200_000 + "]]>").encode(),
    "characters": ENVELOPE.format("&#0;&#x1;").encode(),
    "nul": b"\0" * 1000,
    "empty": b"",
    "json": b'{"a": 1}',
    "form": b"a=b&c=d",
    "gzip": b"\x1f\x8b\x08\0\0\0\0\0\0\0",
    "soap11": b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>',
    "no-rst": ENVELOPE.format("").encode(),
    "256K": b" " * (256 * 1024 + 1),
    "1M": b" " * (1024 * 1024 + 1),
}


@pytest.mark.parametrize("name", SOAP_RUBBISH)
def test_soap_rubbish(desk, name):
    """Whatever stands in the body: the endpoint's own kind of fault (81016; AD FS 500), and no echo."""
    body = SOAP_RUBBISH[name]
    base = f"https://{desk.AUTOLOGON}/contoso.com/winauth/trust/2005"
    for url, headers in (
        (f"{base}/usernamemixed", {}),
        (f"{base}/windowstransport", desk.negotiate(desk.token())),
    ):
        reply = desk.ask("POST", url, headers, body)
        assert (reply.status, reply.codes) == (400, [81016])
        assert reply.fault.startswith("AADSTS81016: ")
        assert b"root:" not in reply.body
    for version in ("2005", "13"):
        reply = desk.ask("POST", f"https://{desk.STS}/adfs/services/trust/{version}/usernamemixed", None, body)
        assert reply.status == 500
        root = etree.fromstring(reply.body)
        assert root.findtext(".//{*}Fault/{*}Code/{*}Subcode/{*}Value") == "a:InvalidRequest"


@pytest.mark.parametrize(
    ("host", "path", "marker"),
    [
        ("LOGIN", "/common/oauth2/v2.0/token", b"AADSTS9002313"),
        ("LOGIN", "/common/GetCredentialType", b"AADSTS9002313"),
        ("AUTOLOGON", "/contoso.com/winauth/trust/2005/usernamemixed", b"AADSTS81016"),
        ("AUTOLOGON", "/contoso.com/winauth/trust/2005/windowstransport", b"AADSTS81016"),
        ("STS", "/adfs/services/trust/13/usernamemixed", b"InvalidRequest"),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_ten_megabytes(desk, host, path, marker, chunked):
    """A body of 10 MB, its length said before or not: the endpoint's protocol error, without reading it all."""
    host = getattr(desk, host)
    length = "Transfer-Encoding: chunked" if chunked else "Content-Length: 10485760"
    part = b"10000\r\n" + b"x" * 65536 + b"\r\n" if chunked else b"x" * 65536
    with desk.tls(host) as client:
        client.sendall(f"POST {path} HTTP/1.1\r\nHost: {host}\r\n{length}\r\n\r\n".encode())
        with contextlib.suppress(OSError):
            for _ in range(160):
                client.sendall(part)
        answer = b""
        with contextlib.suppress(OSError):
            while got := client.recv(65536):
                answer += got
    assert b"HTTP/1.1 4" in answer or b"HTTP/1.1 500" in answer
    assert marker in answer


FORMS = [
    b"",
    b"grant_type",
    b"grant_type=",
    b"grant_type=password&client_",
    b"grant_type=password&client_id=04b07795-8ddb-461a-bbee-02f9e1bf7b46&username=alice@contoso.com",
    b"grant_type=urn:ietf:params:oauth:grant-type:saml1_1-bearer&client_id=04b07795-8ddb-461a-bbee-02f9e1bf7b46&scope=openid",
    b"grant_type=refresh_token&client_id=04b07795-8ddb-461a-bbee-02f9e1bf7b46&refresh_token=%00",
    b"&" * 5000,
    b"=" * 100,
    b"a=b&" * 2000,
    b"%zz=%&%=%",
    b"\xff\xfe\0\0",
    b"grant_type=\0",
    b"grant_type=password&grant_type=refresh_token",
    b'{"grant_type": "password"}',
    b"grant_type=" + b"a" * 200_000,
    b"grant_type=password&client_id=%F0%28%8C%BC",
]


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/xml", "\xff"])
def test_forms_cut_short_and_wrong_types(desk, kind):
    """Truncated and odd forms under any content type: 400, a code, JSON with every field that parsers need."""
    for path in ("/organizations/oauth2/v2.0/token", "/organizations/oauth2/token"):
        for body in FORMS:
            reply = desk.ask("POST", f"https://{desk.LOGIN}{path}", {"Content-Type": kind}, body)
            assert (reply.status, reply.headers["Content-Type"]) == (400, "application/json; charset=utf-8"), body[:60]
            assert set(reply.codes) <= {900144, 9000411, 9002313, 70003, 700016}
            assert reply.json["error"]
            assert reply.json["error_description"].startswith(f"AADSTS{reply.codes[0]}: ")
            assert all(isinstance(code, int) for code in reply.codes)


def test_credential_type_rubbish(desk):
    """GetCredentialType without JSON or user name."""
    url = f"https://{desk.LOGIN}/common/GetCredentialType"
    bodies = [b"", b"[]", b"null", b"{", b'{"username": 1}', b'{"username": ""}', b"[" * 50_000, b'"\xff"', b"{}" * 9]
    for body in bodies:
        reply = desk.ask("POST", url, {"Content-Type": "application/json"}, body)
        assert (reply.status, set(reply.codes) <= {9002313, 900144}) == (400, True), body[:20]
    odd = desk.ask("POST", url, None, json.dumps({"username": "\ud800@contoso.com\0"}).encode())
    assert odd.status in (200, 400)


@pytest.mark.parametrize(
    ("tenant", "code"),
    [
        ("nowhere.example", 90002),
        ("11111111-2222-3333-4444-555555555555", 90002),
        ("rubbish", 900023),
        ("a..b", 900023),
        ("%00", 900023),
        ("%zz", 900023),
        ("%ff%fe", 900023),
        ("..%2f..%2fetc", 900023),
        ("a" * 3000, 900023),
        ("x.example%0d%0aX-Injected:%201", 900023),
    ],
)
def test_unknown_tenants(desk, tenant, code):
    """Every kind of endpoint that names a tenant: 90002 for a possible name, 900023 for an impossible one."""
    for method, url in (
        ("POST", f"https://{desk.LOGIN}/{tenant}/oauth2/v2.0/token"),
        ("POST", f"https://{desk.LOGIN}/{tenant}/oauth2/token"),
        ("GET", f"https://{desk.LOGIN}/{tenant}/v2.0/.well-known/openid-configuration"),
        ("GET", f"https://{desk.LOGIN}/{tenant}/discovery/v2.0/keys"),
        ("GET", f"https://{desk.AUTOLOGON}/{tenant}/winauth/trust/mex"),
        ("POST", f"https://{desk.AUTOLOGON}/{tenant}/winauth/trust/2005/windowstransport"),
        ("POST", f"https://{desk.AUTOLOGON}/{tenant}/winauth/trust/2005/usernamemixed"),
        ("GET", f"https://{desk.AUTOLOGON}/{tenant}/winauth/sso"),
        ("OPTIONS", f"https://{desk.AUTOLOGON}/{tenant}/winauth/sso"),
    ):
        reply = desk.ask(method, url, None, b"grant_type=password" if method == "POST" else None)
        assert (reply.status, reply.codes) == (400, [code]), url
        assert "X-Injected" not in reply.headers


def test_large_headers_everywhere(desk):
    """60 KB of headers: 81001 where tickets are taken, the endpoint's own error elsewhere."""
    big = {"Cookie": "a" * 60_000}
    trust = f"https://{desk.AUTOLOGON}/contoso.com/winauth"
    for method, url, status, code in (
        ("POST", f"{trust}/trust/2005/windowstransport", 403, [81001]),
        ("GET", f"{trust}/sso", 403, [81001]),
        ("GET", f"{trust}/ssoprobe", 403, [81001]),
        ("GET", f"{trust}/trust/mex", 400, [81016]),
        ("POST", f"{trust}/trust/2005/usernamemixed", 400, [81016]),
        ("GET", f"https://{desk.LOGIN}/common/userrealm/alice@contoso.com", 400, [9002313]),
        ("POST", f"https://{desk.LOGIN}/common/oauth2/v2.0/token", 400, [9002313]),
    ):
        reply = desk.ask(method, url, big, b"" if method == "POST" else None)
        assert (reply.status, reply.codes) == (status, code), url
    refused = desk.ask("POST", f"https://{desk.STS}/adfs/services/trust/2005/usernamemixed", big, b"")
    assert (refused.status, b"A request header field is too long." in refused.body) == (400, True)


def test_errors_echo_no_secret(desk):
    """No error body repeats the password, assertion, refresh token, ticket or client secret that was sent."""
    secret = "Swordfish-1234567890"
    basic = {"Authorization": f"Basic {secret}"}
    password = f"https://{desk.AUTOLOGON}/contoso.com/winauth/trust/2005/usernamemixed"
    adfs = f"https://{desk.STS}/adfs/services/trust/13/usernamemixed"
    shell = "<saml:Assertion xmlns:saml='urn:oasis:names:tc:SAML:1.0:assertion'><DesktopSsoToken>{}</DesktopSsoToken>"
    bodies = [
        desk.grant(grant_type="password", username="alice@contoso.com", password=secret).body,
        desk.grant(grant_type="password", username="x@nowhere.example", password=secret).body,
        desk.grant(grant_type="refresh_token", refresh_token=secret).body,
        desk.grant(grant_type="client_credentials", client_secret=secret).body,
        desk.redeem(f"<a>{secret}</a>").body,
        desk.redeem(shell.format(secret) + "</saml:Assertion>").body,
        desk.windows(secret.encode()).body,
        desk.ask("POST", f"https://{desk.LOGIN}/common/oauth2/token", basic, b"grant_type=x").body,
        desk.trust(password, user="alice@contoso.com", password=secret).body,
        desk.trust(adfs, "13", user="frank@fabrikam.com", password=secret).body,
    ]  # fmt: skip
    assert all(bodies)
    assert not [body for body in bodies if b"Swordfish" in body or b"U3dvcmRmaXNo" in body]


ROUTES = [
    ("GET", "LOGIN", "/{}/userrealm/{}"),
    ("GET", "LOGIN", "/{}/userrealm?user={}&api-version={}"),
    ("GET", "LOGIN", "/GetUserRealm.srf?login={}&{}={}"),
    ("POST", "LOGIN", "/{}/GetCredentialType?{}"),
    ("POST", "LOGIN", "/{}/instrumentation/dssostatus"),
    ("GET", "LOGIN", "/{}/discovery/instance?authorization_endpoint={}&api-version={}"),
    ("GET", "LOGIN", "/{}/discovery/keys"),
    ("GET", "LOGIN", "/{}/discovery/v2.0/keys"),
    ("GET", "LOGIN", "/{}/.well-known/openid-configuration"),
    ("GET", "LOGIN", "/{}/v2.0/.well-known/openid-configuration"),
    ("POST", "LOGIN", "/{}/oauth2/token"),
    ("POST", "LOGIN", "/{}/oauth2/v2.0/token"),
    ("GET", "AUTOLOGON", "/{}/winauth/trust/mex"),
    ("POST", "AUTOLOGON", "/{}/winauth/trust/2005/windowstransport"),
    ("POST", "AUTOLOGON", "/{}/winauth/trust/2005/usernamemixed"),
    ("GET", "AUTOLOGON", "/{}/winauth/sso?{}"),
    ("GET", "AUTOLOGON", "/{}/winauth/ssoprobe?{}={}"),
    ("OPTIONS", "AUTOLOGON", "/{}/winauth/sso"),
    ("GET", "STS", "/adfs/services/trust/mex"),
    ("POST", "STS", "/adfs/services/trust/{}/windowstransport"),
    ("POST", "STS", "/adfs/services/trust/{}/usernamemixed"),
    ("GET", "LOGIN", "/{}/{}/{}"),
]
WORDS = [
    "", "contoso.com", "common", "organizations", "litware.example", "alice@contoso.com", "frank@fabrikam.com", "2005",
    "13", "2.1", "%00", "%", "%zz", "%ff", "..", ".", "%2e%2e%2f", "a" * 300, "<x>", "'\"", "{}", "\u00e9\u4e2d",
    "%0d%0a",
    "https://login.microsoftonline.com/common", "https://[", "?", "#", ";", "@", "a@", "@b", "a@b@c", "%F0%9F%92%A9",
]  # fmt: skip
SCHEMES = ["Negotiate YII=", "Negotiate AAAA", "Negotiate", "NTLM x", "Basic Og==", "Bearer x", "\xe9"]


def test_a_thousand_random_requests(desk):
    """Seeded random requests over every route: never a 5xx of the cloud's, every error in its endpoint's language."""
    source = random.Random(SEED)  # noqa: S311 - not for secrets
    words = [word.encode().decode("latin-1") for word in WORDS]
    bodies = [b"", *SOAP_RUBBISH.values(), *FORMS]
    bodies = [body for body in bodies if len(body) < 5000]
    statuses: dict[int, int] = {}
    connections = {host: desk.tls(getattr(desk, host)) for host in ("LOGIN", "AUTOLOGON", "STS")}
    for _ in range(1000):
        method, host, path = source.choice(ROUTES)
        if source.random() < 0.1:
            method = source.choice(["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE", "FOO"])
        parts = [source.choice(words[:9] if source.random() < 0.5 else words) for _ in range(3)]
        target = path.format(*parts)
        body = source.choice(bodies) if source.random() < 0.8 else source.randbytes(source.randrange(400))
        if method in ("GET", "HEAD") and source.random() < 0.9:
            body = b""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {getattr(desk, host)}", f"Content-Length: {len(body)}"]
        for name in ("Authorization", "Content-Type", "client-request-id", "x-client-SKU", "Origin", "Expect"):
            if source.random() < 0.2:
                value = source.choice(words if name != "Authorization" else SCHEMES)
                lines.append(f"{name}: {value}")
        if host == "STS" and not any(line.startswith("Content-Type") for line in lines):
            lines.append("Content-Type: application/soap+xml")  # else AD FS looks at nothing
        request = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
        try:
            status, closed = exchange(connections[host], request, method)
        except (OSError, ValueError):
            status, closed = 0, True
        statuses[status] = statuses.get(status, 0) + 1
        by_wcf = host == "STS" and status in (415, 500)
        assert by_wcf or status in (0, 200, 204, 400, 401, 403, 404, 405, 417, 421), request
        if closed:
            connections[host].close()
            connections[host] = desk.tls(getattr(desk, host))
    for connection in connections.values():
        connection.close()
    assert statuses.get(0, 0) < 50
    assert {200, 400, 401, 403, 404, 405} <= set(statuses)


def exchange(connection, request, method):
    """One exchange on a connection that may serve more: the status, and whether the server closes it."""
    connection.sendall(request)
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            raise ValueError("closed")
        data += part
        if data.startswith(b"HTTP/1.1 100"):
            data = data.partition(b"\r\n\r\n")[2]
    head, _, rest = data.partition(b"\r\n\r\n")
    fields = head.decode("latin-1").lower().split("\r\n")
    length = next((int(f.split(":")[1]) for f in fields if f.startswith("content-length:")), 0)
    while len(rest) < length and method != "HEAD":
        rest += connection.recv(65536)
    assert b"Traceback" not in rest
    return int(fields[0].split()[1]), "connection: close" in fields

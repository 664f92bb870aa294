"""The table of refusals: each resource server refuses each token that is not exactly right, and takes the right one."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from .conftest import NOW, Servers, header_of
from .estates import BACK_END, CONTOSO_TENANT, LITWARE_TENANT, SUBSCRIPTION

GRAPH_ID = "00000003-0000-0000-c000-000000000000"
VAULT_ID = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093"
ARM_ID = "797f4846-ba00-4fd7-ba43-dac1f8f63013"
STORAGE_ID = "e406a681-f3d4-42a8-90b6-c2b029497af1"
VERSION = {"x-ms-version": "2025-01-05"}


@dataclass(frozen=True)
class Server:
    """A resource server: a request that the right token may make, its audiences, and wrong ones that look right."""

    url: str
    audiences: tuple[str, ...]
    near: tuple[str, ...]
    principal: str = "alice@contoso.com"
    claims: dict[str, Any] = field(default_factory=dict)
    issuer_status: int = 401


SERVERS = {
    "arm": Server(
        f"https://management.azure.com/subscriptions/{SUBSCRIPTION}?api-version=2022-12-01",
        (
            "https://management.azure.com",
            "https://management.azure.com/",
            "https://management.core.windows.net",
            "https://management.core.windows.net/",
        ),
        ("https://management.azure.com//", "https://MANAGEMENT.azure.com", ARM_ID, "https://management.azure.com/x"),
    ),
    "graph": Server(
        "https://graph.microsoft.com/v1.0/me",
        ("https://graph.microsoft.com", "https://graph.microsoft.com/", GRAPH_ID),
        ("https://graph.windows.net", "https://graph.microsoft.com//", GRAPH_ID.upper(), "graph.microsoft.com"),
        claims={"scp": "openid User.Read"},
    ),
    "key-vault": Server(
        "https://contoso-shop.vault.azure.net/secrets/database?api-version=7.5",
        ("https://vault.azure.net", VAULT_ID),
        (
            "https://vault.azure.net/",
            "https://contoso-shop.vault.azure.net",
            "https://contoso-shop.vault.azure.net/",
            f"spn:{VAULT_ID}",
        ),
        principal="orders",
    ),
    "blob-storage": Server(
        "https://contososhop.blob.core.windows.net/orders/first.txt",
        (
            "https://storage.azure.com",
            "https://storage.azure.com/",
            "https://contososhop.blob.core.windows.net",
            "https://contososhop.blob.core.windows.net/",
        ),
        ("https://other.blob.core.windows.net", "https://contososhop.dfs.core.windows.net", STORAGE_ID),
        principal="orders",
        issuer_status=403,
    ),
    "outlook": Server(
        "https://outlook.office365.com/EWS/Exchange.asmx",
        ("https://outlook.office365.com", "https://outlook.office365.com/", "https://outlook.office.com"),
        ("https://graph.microsoft.com", "https://outlook.live.com"),
        claims={"scp": "EWS.AccessAsUser.All"},
    ),
}


def ask(servers: Servers, server: Server, token: str | None) -> int:
    """Send the request of ``server``; return the status."""
    return servers.ask("GET", server.url, token, headers=VERSION).status


def make(servers: Servers, server: Server, **changed: Any) -> str:
    """Return the right token for ``server``, with changed claims."""
    return servers.token(server.principal, **({"aud": server.audiences[0]} | server.claims | changed))


@pytest.mark.parametrize(("name", "audience"), [(name, each) for name in SERVERS for each in SERVERS[name].audiences])
def test_a_right_token_is_taken(servers: Servers, name: str, audience: str) -> None:
    """Each documented spelling of the audience is taken, and the trace says that the token was accepted."""
    server = SERVERS[name]
    assert ask(servers, server, make(servers, server, aud=audience)) == 200
    (check,) = servers.checks()
    assert (check.accepted, check.audience, check.reason) == (True, audience, "")
    assert servers.exchanges()[-1].auth == "bearer"


@pytest.mark.parametrize(("name", "audience"), [(name, each) for name in SERVERS for each in SERVERS[name].near])
def test_an_audience_that_looks_right_is_refused(servers: Servers, name: str, audience: str) -> None:
    """Another slash, another case, the host of a vault, the client id: one that the server does not name is refused."""
    server = SERVERS[name]
    assert ask(servers, server, make(servers, server, aud=audience)) == 401
    (check,) = servers.checks()
    assert (check.accepted, check.reason) == (False, f"the audience is {audience}")


@pytest.mark.parametrize(("name", "of"), [(name, of) for name in SERVERS for of in SERVERS if of != name])
def test_the_token_of_another_resource_server_is_refused(servers: Servers, name: str, of: str) -> None:
    """A token that is right at one resource server is worth nothing at any other."""
    server, other = SERVERS[name], SERVERS[of]
    everything = "user_impersonation User.Read EWS.AccessAsUser.All"
    for audience in other.audiences:
        claims = {"scp": everything} if server.claims or server.principal == "alice@contoso.com" else {}
        assert ask(servers, server, make(servers, server, aud=audience, **claims)) == 401, audience


def _unsigned(header: dict[str, Any], claims: dict[str, Any], signature: str = "") -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=").decode() for each in (header, claims))
    return ".".join((*parts, signature))


def _alg_none(servers: Servers, claims: dict[str, Any]) -> str:
    return _unsigned({"alg": "none", "typ": "JWT", "kid": servers.lab.provider.keys.cloud.key_id}, claims)


def _alg_none_in_capitals(servers: Servers, claims: dict[str, Any]) -> str:
    return _unsigned({"alg": "nOnE", "typ": "JWT", "kid": servers.lab.provider.keys.cloud.key_id}, claims)


def _other_key(servers: Servers, claims: dict[str, Any]) -> str:
    key = rsa.generate_private_key(65537, 2048)
    return jwt.encode(claims, key, "RS256", headers={"kid": servers.lab.provider.keys.cloud.key_id})


def _other_key_that_says_so(servers: Servers, claims: dict[str, Any]) -> str:  # noqa: ARG001 - one signature for all
    return jwt.encode(claims, rsa.generate_private_key(65537, 2048), "RS256", headers={"kid": "mine"})


def _right_key_by_another_name(servers: Servers, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, servers.lab.provider.keys.cloud.private, "RS256", headers={"kid": "mine"})


def _other_algorithm(servers: Servers, claims: dict[str, Any]) -> str:
    key = servers.lab.provider.keys.cloud
    return jwt.encode(claims, key.private, "PS256", headers={"kid": key.key_id})


def _shared_secret(servers: Servers, claims: dict[str, Any]) -> str:
    key = servers.lab.provider.keys.cloud
    return jwt.encode(claims, key.key_id * 2, "HS256", headers={"kid": key.key_id})


def _tampered(servers: Servers, claims: dict[str, Any]) -> str:
    good = jwt.encode(claims, servers.lab.provider.keys.cloud.private, "RS256")
    header, _, signature = servers_token(servers, claims).split(".")
    _, payload, _ = good.split(".")
    changed = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))) | {"exp": NOW + 7200}
    body = base64.urlsafe_b64encode(json.dumps(changed).encode()).rstrip(b"=").decode()
    return f"{header}.{body}.{signature}"


def _no_signature(servers: Servers, claims: dict[str, Any]) -> str:
    return servers_token(servers, claims).rpartition(".")[0] + "."


def servers_token(servers: Servers, claims: dict[str, Any]) -> str:
    """Return a token with exactly these claims, signed by the provider."""
    from ssosim.entra.core.jose import sign_jwt  # noqa: PLC0415 - the forgeries above do without it

    return sign_jwt(servers.lab.provider.keys.cloud, claims)


FORGERIES: tuple[Callable[[Servers, dict[str, Any]], str], ...] = (
    _alg_none,
    _alg_none_in_capitals,
    _other_key,
    _other_key_that_says_so,
    _right_key_by_another_name,
    _other_algorithm,
    _shared_secret,
    _tampered,
    _no_signature,
)


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_a_forged_token_is_refused(
    servers: Servers, name: str, forge: Callable[[Servers, dict[str, Any]], str]
) -> None:
    """Only RS256 by the key of the provider counts, whatever the claims are; the trace names nobody as its owner."""
    server = SERVERS[name]
    claims = servers.claims(server.principal, **({"aud": server.audiences[0]} | server.claims))
    assert ask(servers, server, servers_token(servers, claims)) == 200
    assert ask(servers, server, forge(servers, claims)) == 401
    check = servers.checks()[-1]
    assert (check.accepted, check.subject, check.digest) == (False, "", "")


_V2 = {"ver": "2.0", "azp": "04b07795-8ddb-461a-bbee-02f9e1bf7b46"}
_V2_ISSUER = f"https://login.microsoftonline.com/{CONTOSO_TENANT}/v2.0"
_LITWARE = f"https://sts.windows.net/{LITWARE_TENANT}/"
CLAIMS: dict[str, tuple[dict[str, Any], bool]] = {
    "expired a second ago": ({"exp": NOW - 1}, False),
    "expires now": ({"exp": NOW}, False),
    "not valid yet": ({"nbf": NOW + 1}, False),
    "without an end": ({"exp": None}, False),
    "without a begin": ({"nbf": None}, False),
    "end is a text": ({"exp": "soon"}, False),
    "end is infinite": ({"exp": 10**400}, False),
    "version 2.0 and its issuer": (_V2 | {"iss": _V2_ISSUER}, True),
    "version 1.0 with the issuer of 2.0": ({"iss": _V2_ISSUER}, True),
    "version 2.0 with the issuer of 1.0": (_V2, True),
    "without a version": ({"ver": None}, True),
    "issuer without the last slash": ({"iss": f"https://sts.windows.net/{CONTOSO_TENANT}"}, True),
    "issuer of another tenant": ({"iss": _LITWARE}, True),
    "tenant of another issuer": ({"tid": LITWARE_TENANT}, True),
    "issuer of nobody": ({"iss": "https://sts.windows.net/common/", "tid": "common"}, True),
    "issuer in capitals": ({"iss": f"HTTPS://STS.WINDOWS.NET/{CONTOSO_TENANT}/"}, True),
    "tenant by its domain": ({"tid": "contoso.onmicrosoft.com"}, True),
    "without an audience": ({"aud": None}, False),
    "without a client": ({"appid": None}, False),
    "without an object id": ({"oid": None}, False),
    "object id is a number": ({"oid": 7}, False),
}


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize("case", CLAIMS)
def test_a_claim_that_is_not_right_is_refused(servers: Servers, name: str, case: str) -> None:
    """One claim differs from those of a token that is taken, and the token is refused."""
    server, (changed, issuer) = SERVERS[name], CLAIMS[case]
    good = servers.claims(server.principal, **({"aud": server.audiences[0]} | server.claims))
    bad = {key: value for key, value in (good | changed).items() if value is not None}
    assert ask(servers, server, servers_token(servers, good)) == 200
    assert ask(servers, server, servers_token(servers, bad)) == (server.issuer_status if issuer else 401)
    check = servers.checks()[-1]
    assert not check.accepted
    assert check.reason


@pytest.mark.parametrize("name", SERVERS)
def test_several_audiences_are_none(servers: Servers, name: str) -> None:
    """A list of audiences is refused, also one that has the right audience in it."""
    server = SERVERS[name]
    assert ask(servers, server, make(servers, server, aud=[server.audiences[0]])) == 401


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic YWxpY2U6c2VjcmV0",
        "Negotiate YII",
        "Bearer a.b",
        "Bearer a.b.c",
        "Bearer {t} {t}",
    ],
)
def test_a_header_without_one_token_is_refused(servers: Servers, name: str, text: str) -> None:
    """Nothing, another scheme, no JSON Web Token, two tokens: all get 401 with a challenge."""
    server = SERVERS[name]
    filled = text.replace("{t}", make(servers, server))
    reply = servers.ask("GET", server.url, None, headers=VERSION | ({"Authorization": filled} if filled else {}))
    assert reply.status == 401
    assert header_of(reply, "WWW-Authenticate").startswith("Bearer ")


@pytest.mark.parametrize("name", SERVERS)
def test_a_token_elsewhere_is_no_token(servers: Servers, name: str) -> None:
    """A token in the query, or a second header field beside a good one, is not taken (RFC 6750, section 2)."""
    server = SERVERS[name]
    token = make(servers, server)
    joint = "&" if "?" in server.url else "?"
    assert servers.ask("GET", f"{server.url}{joint}access_token={token}", None, headers=VERSION).status == 401


def test_an_id_token_is_no_access_token(servers: Servers) -> None:
    """An id token of a client names the client as its audience, and no resource server takes it."""
    claims = servers.claims(aud="04b07795-8ddb-461a-bbee-02f9e1bf7b46", appid=None)
    for server in SERVERS.values():
        assert ask(servers, server, servers_token(servers, claims)) == 401


USER_ONLY = {"graph": 400}
MISSING = {
    "arm": ({"scp": "User.Read"}, 401),
    "graph": ({"scp": "openid profile"}, 403),
    "key-vault": ({"scp": "openid"}, 401),
    "blob-storage": ({"scp": ""}, 401),
    "outlook": ({"scp": "Mail.Read"}, 403),
}


@pytest.mark.parametrize("name", SERVERS)
def test_a_scope_that_is_missing_is_refused(servers: Servers, name: str) -> None:
    """A token of a user without the scope of the API gets nothing, whatever role its user has."""
    server, (changed, status) = SERVERS[name], MISSING[name]
    claims = servers.claims("alice@contoso.com", **({"aud": server.audiences[0]} | changed))
    assert ask(servers, server, servers_token(servers, claims)) == status


def test_an_application_is_no_user_at_graph(servers: Servers) -> None:
    """/me needs a user: the token of an application gets 400, also with every role."""
    token = servers.token(BACK_END, aud=GRAPH_ID, roles=["User.Read.All", "Directory.Read.All"])
    reply = servers.ask("GET", "https://graph.microsoft.com/v1.0/me", token)
    assert reply.status == 400
    assert b"only valid with delegated authentication flow" in reply.body


@pytest.mark.parametrize(
    ("path", "scopes", "roles", "as_user", "as_application"),
    [
        ("organization", "User.Read", [], 200, 403),
        ("organization", "openid", ["Organization.Read.All"], 403, 200),
        ("organization", "Mail.Read", ["User.Read.All"], 403, 403),
        ("users", "User.Read", [], 403, 403),
        ("users", "User.ReadBasic.All", ["User.Read.All"], 200, 200),
        ("users", "openid", ["Directory.Read.All"], 403, 200),
        ("users/bob@contoso.com", "User.Read", ["Mail.Read"], 403, 403),
        ("users/alice@contoso.com", "User.Read", ["User.Read.All"], 200, 200),
    ],
)
def test_permissions_of_graph_are_of_their_kind(
    servers: Servers, path: str, scopes: str, roles: list[str], as_user: int, as_application: int
) -> None:
    """A scope is worth nothing to an application, and an application role nothing to a user."""
    url = f"https://graph.microsoft.com/v1.0/{path}"
    user = servers.token(aud=GRAPH_ID, scp=scopes, roles=["User.Read.All", "Directory.Read.All"])
    application = servers.token(BACK_END, aud=GRAPH_ID, roles=roles)
    assert servers.ask("GET", url, user).status == as_user
    assert servers.ask("GET", url, application).status == as_application


@pytest.mark.parametrize(("claims", "status"), [({"idtyp": "app"}, 401), ({"idtyp": "user"}, 200)])
def test_the_kind_of_a_token_is_that_of_its_claims(servers: Servers, claims: dict[str, Any], status: int) -> None:
    """A token that says it is an application's has no scopes of a user."""
    assert ask(servers, SERVERS["arm"], servers.token(**claims)) == status
    assert ask(servers, SERVERS["key-vault"], servers.token("orders", aud=VAULT_ID, idtyp="user")) == 401


def test_a_mail_gateway_needs_the_right_role_and_a_mailbox(servers: Servers) -> None:
    """full_access_as_app opens the mailbox that is named, and nothing without one; other roles open none."""
    url, aud = SERVERS["outlook"].url, "https://outlook.office365.com"
    head = "<s:Header><t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>{}</t:PrimarySmtpAddress>"
    named = (head.format("bob@contoso.com") + "<m:GetFolder/>").encode()
    good = servers.token(BACK_END, aud=aud, roles=["full_access_as_app"])
    assert servers.ask("POST", url, good, body=named).status == 200
    assert b"ErrorImpersonationRequired" in servers.ask("POST", url, good, body=b"<m:GetFolder/>").body
    elsewhere = (head.format("lena@litware.example") + "<m:GetFolder/>").encode()
    assert b"ErrorNonExistentMailbox" in servers.ask("POST", url, good, body=elsewhere).body
    for roles in (["IMAP.AccessAsApp"], [], None):
        reply = servers.ask("POST", url, servers.token(BACK_END, aud=aud, roles=roles), body=named)
        assert (reply.status, "2000008" in header_of(reply, "x-ms-diagnostics")) == (403, True)
    user = servers.token(aud=aud, scp="EWS.AccessAsUser.All")
    assert servers.ask("POST", url, user, body=b"<m:GetFolder/>").status == 200
    assert b"ErrorImpersonateUserDenied" in servers.ask("POST", url, user, body=named).body

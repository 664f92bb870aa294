"""The OIDC endpoint of Azure Pipelines and the issuer behind it, request by request, without a server."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from multidict import CIMultiDict

from ssosim.credential_hosts.endpoints import TOKEN_NOT_MAPPED
from ssosim.credential_hosts.pipelines import PIPELINES_HOST, PipelinesOidc, build_job_environment
from ssosim.entra import Call, HttpReply
from ssosim.faults import fault_from
from ssosim.memory import Engine, MemoryLab
from ssosim.services.openid_issuer import EXCHANGE_AUDIENCE, IssuerApplication

from .estates import CLUSTER, CONNECTION, PIPELINES, make_estate

NOW = 1_790_000_000.0


@pytest.fixture
def lab() -> MemoryLab:
    """The lab of these tests in memory."""
    return MemoryLab(Engine(NOW), make_estate())


def job_of(lab: MemoryLab) -> dict[str, str]:
    """The variables of a job on the agent."""
    device = lab.estate.device("pipelines")
    assert device is not None
    return build_job_environment(lab.provider, device)


def ask(
    lab: MemoryLab,
    *,
    method: str = "POST",
    token: str | None = None,
    url: str = "",
    headers: dict[str, str] | None = None,
    more: dict[str, str] | None = None,
    **query: str,
) -> HttpReply:
    """Send one request of a job to the endpoint."""
    job = job_of(lab)
    target = (url or job["SYSTEM_OIDCREQUESTURI"]).removeprefix(f"https://{PIPELINES_HOST}")
    fields = {"api-version": "7.1", "serviceConnectionId": CONNECTION} | query
    sent = {"Authorization": f"Bearer {job['SYSTEM_ACCESSTOKEN'] if token is None else token}"} | (headers or {})
    named = urlencode({name: value for name, value in fields.items() if value})
    fields_sent = CIMultiDict(sent)
    for name, value in (more or {}).items():
        fields_sent.add(name, value)
    call = Call.read(method, PIPELINES_HOST, f"{target}?{named}", headers=fields_sent, body=b"", now=NOW)
    return PipelinesOidc(lab.provider).handle(call)


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a token, unchecked."""
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def test_a_job_gets_a_token_of_its_service_connection(lab: MemoryLab) -> None:
    """Issuer, subject and audience are those of the connection; the token is good for ten minutes."""
    reply = ask(lab)
    assert (reply.status, dict(reply.headers)["Cache-Control"]) == (200, "no-store")
    claims = claims_of(json.loads(reply.body)["oidcToken"])
    assert (claims["iss"], claims["sub"], claims["aud"]) == (
        PIPELINES,
        "sc://contoso/shop/production",
        EXCHANGE_AUDIENCE,
    )
    assert claims["exp"] - NOW == 600
    assert ask(lab, serviceConnectionId=CONNECTION.upper()).status == 200


def test_two_tokens_of_a_job_are_none(lab: MemoryLab) -> None:
    """Two fields Authorization are one value that is no token, even if both are right (RFC 9110, section 5.3)."""
    again = {"Authorization": f"Bearer {job_of(lab)['SYSTEM_ACCESSTOKEN']}"}
    assert ask(lab, headers=again).status == 200
    assert ask(lab, more=again).status != 200


@pytest.mark.parametrize(
    ("request_", "status", "kind"),
    [
        ({"serviceConnectionId": "11111111-1111-4111-8111-111111111111"}, 404, "EndpointNotFoundException"),
        ({"serviceConnectionId": ""}, 404, "EndpointNotFoundException"),
        ({"method": "GET"}, 405, "VssServiceException"),
        ({"api-version": ""}, 400, "VssVersionNotSpecifiedException"),
        ({"api-version": "7.2"}, 400, "VssVersionOutOfRangeException"),
        ({"api-version": "8"}, 400, "VssVersionOutOfRangeException"),
        ({"api-version": "new"}, 400, "VssVersionOutOfRangeException"),
    ],
)
def test_what_the_endpoint_refuses(lab: MemoryLab, request_: dict[str, str], status: int, kind: str) -> None:
    """The form of the error is that of Azure DevOps, which clients read: message and typeKey."""
    reply = ask(lab, **request_)  # type: ignore[arg-type]
    body = json.loads(reply.body)
    assert (reply.status, body["typeKey"]) == (status, kind)
    assert body["message"] == reply.error_description != ""
    for version in ("7.1", "7.0-preview.2", "6.0-preview", "7.1-preview.1"):
        assert ask(lab, **{"api-version": version}).status == 200  # type: ignore[arg-type]


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c"])
def test_without_the_token_of_the_job_there_is_none(lab: MemoryLab, token: str) -> None:
    """Any other bearer is redirected to the sign-in page, or gets 401 where the client asks for no redirect."""
    reply = ask(lab, token=token)
    assert (reply.status, dict(reply.headers)["Location"]) == (
        302,
        f"https://{PIPELINES_HOST}/_signin?realm={PIPELINES_HOST}",
    )
    plain = ask(lab, token=token, headers={"X-TFS-FedAuthRedirect": "Suppress"})
    assert (plain.status, dict(plain.headers)) == (401, {"WWW-Authenticate": "Bearer"})
    assert ask(lab, headers={"Authorization": f"Basic {job_of(lab)['SYSTEM_ACCESSTOKEN']}"}).status == 302


def test_the_token_of_a_job_is_good_for_its_own_plan_only(lab: MemoryLab) -> None:
    """The URL names plan and job: that of another plan gives no token, and neither does another path."""
    url = job_of(lab)["SYSTEM_OIDCREQUESTURI"]
    plan = job_of(lab)["SYSTEM_PLANID"]
    assert ask(lab, url=url.replace(plan, "11111111-1111-4111-8111-111111111111")).status == 302
    assert ask(lab, url=url.replace(plan, plan.upper())).status == 200
    assert ask(lab, url=url.replace("oidctoken", "oidctokens")).status == 404
    assert ask(lab, url=url.replace("/shop/", "/")).status == 404


def test_the_variables_of_a_job(lab: MemoryLab) -> None:
    """Organization and project are those of the connection's subject; an unmapped token is not there."""
    job = job_of(lab)
    assert job["SYSTEM_COLLECTIONURI"] == "https://dev.azure.com/contoso/"
    assert job["SYSTEM_TEAMPROJECT"] == "shop"
    assert job["AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"] == CONNECTION
    assert job["AZURESUBSCRIPTION_TENANT_ID"] == lab.estate.tenants[0].id
    undo = fault_from({"fault": "pipelines-oidc", "how": "token-not-mapped"}).apply(lab)
    assert TOKEN_NOT_MAPPED in lab.provider.host_conditions
    assert "SYSTEM_ACCESSTOKEN" not in job_of(lab)
    undo()
    assert "SYSTEM_ACCESSTOKEN" in job_of(lab)


def to_issuer(lab: MemoryLab, issuer: str, path: str, *, method: str = "GET", body: str = "") -> HttpReply:
    """Send one request to an issuer of the estate."""
    host, _, base = issuer.removeprefix("https://").partition("/")
    target = f"/{base}{path}"
    call = Call.read(method, host, target, headers=CIMultiDict(), body=body.encode(), now=NOW)
    return IssuerApplication(lab.provider).handle(call)


def test_an_issuer_has_discovery_keys_and_tokens(lab: MemoryLab) -> None:
    """OpenID Connect Discovery 1.0, section 4: the configuration is that of the issuer, and its key has signed."""
    configuration = json.loads(to_issuer(lab, CLUSTER, "/.well-known/openid-configuration").body)
    assert (configuration["issuer"], configuration["jwks_uri"]) == (CLUSTER, f"{CLUSTER}/keys")
    (key,) = json.loads(to_issuer(lab, CLUSTER, "/keys").body)["keys"]
    (other,) = json.loads(to_issuer(lab, PIPELINES, "/keys").body)["keys"]
    assert key["n"] != other["n"]
    reply = to_issuer(
        lab, CLUSTER, "/token", method="POST", body="subject=me&expires_in=-5&claims=%7B%22aud%22%3Anull%7D"
    )
    token = json.loads(reply.body)["token"]
    jwt.decode(
        token,
        jwt.PyJWK(key).key,
        algorithms=["RS256"],
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )
    claims = claims_of(token)
    assert (claims["iss"], claims["sub"], claims["exp"] - NOW, "aud" in claims) == (CLUSTER, "me", -5, False)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "the parameter 'subject' is missing"),
        ("subject=a&subjekt=b", "unknown parameter 'subjekt'; known: audience, claims, expires_in, subject"),
        ("subject=a&expires_in=soon", "the form cannot be read"),
        ("subject=a&expires_in=9999999999", "'expires_in' is out of range"),
        ("subject=a&claims=[]", "the form cannot be read"),
        ("&".join(f"a{number}=1" for number in range(20)), "the form cannot be read"),
    ],
)
def test_a_form_that_cannot_be_signed_is_refused(lab: MemoryLab, body: str, words: str) -> None:
    """Each mistake is named; no token is made of a form with one."""
    reply = to_issuer(lab, CLUSTER, "/token", method="POST", body=body)
    assert reply.status == 400
    assert words in json.loads(reply.body)["error_description"]


@pytest.mark.parametrize(("method", "path"), [("GET", "/token"), ("POST", "/keys"), ("GET", "/"), ("GET", "-1/keys")])
def test_other_paths_of_an_issuer_are_not_found(lab: MemoryLab, method: str, path: str) -> None:
    """Only the three documents are there, each by its method."""
    assert to_issuer(lab, CLUSTER, path, method=method).status == 404

"""Long operations of Azure Resource Manager: each poll is checked, and a kept token is refused when it ends."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec.structs import replace

from ssosim.entra import HttpReply
from ssosim.estate import ResourceManager
from ssosim.resource_servers.arm_json import read_relaxed_json

from .conftest import NOW, Servers, error_of, header_of
from .estates import BACK_END, SHOP, SUBSCRIPTION

PATH = f"{SHOP}/providers/Microsoft.Resources/deployments/shop"
BODY = json.dumps({"properties": {"template": {"resources": []}, "mode": "Incremental"}}).encode()


def begin(servers: Servers, duration: float, token: str) -> HttpReply:
    """Begin a deployment that takes ``duration`` seconds."""
    settings = ResourceManager(deployment_duration=duration, retry_after=15)
    servers.lab.provider.set_estate(replace(servers.lab.provider.estate, resource_manager=settings))
    return servers.arm("PUT", PATH, token, body=BODY)


def poll(servers: Servers, url: str, token: str) -> HttpReply:
    """Poll the URL of an operation."""
    return servers.ask("GET", url, token)


def test_a_deployment_runs_and_ends(servers: Servers) -> None:
    """201 with the URL of the operation and Retry-After; Running until its time has passed; then Succeeded."""
    token = servers.token("orders")
    begun = begin(servers, 60, token)
    assert (begun.status, header_of(begun, "Retry-After")) == (201, "15")
    assert json.loads(begun.body)["properties"]["provisioningState"] == "Accepted"
    url = header_of(begun, "Azure-AsyncOperation")
    states = []
    for second in (15, 30, 59, 60, 75):
        servers.now = NOW + second
        states.append(json.loads(poll(servers, url, token).body)["status"])
    assert states == ["Running", "Running", "Running", "Succeeded", "Succeeded"]
    assert json.loads(servers.arm("GET", PATH, token).body)["properties"]["provisioningState"] == "Succeeded"


def test_a_name_is_taken_while_its_deployment_runs(servers: Servers) -> None:
    """A second PUT is 409 DeploymentActive and changes nothing; after the end it begins a new one, and both are known.

    Azure/bicep issue 13771: two builds that use the same name at once.
    """
    token = servers.token("orders")
    first = header_of(begin(servers, 60, token), "Azure-AsyncOperation")
    servers.now = NOW + 30
    again = servers.arm("PUT", PATH, token, body=BODY)
    code, text = error_of(again)
    assert (again.status, code) == (409, "DeploymentActive")
    assert "Unable to edit or replace deployment 'shop': previous deployment from '" in text
    servers.now = NOW + 60
    assert json.loads(poll(servers, first, token).body)["status"] == "Succeeded"
    second = header_of(servers.arm("PUT", PATH, token, body=BODY), "Azure-AsyncOperation")
    states = [json.loads(poll(servers, url, token).body)["status"] for url in (first, second)]
    assert states == ["Succeeded", "Accepted"]


@pytest.mark.parametrize("refreshes", [False, True])
def test_an_operation_longer_than_a_token(servers: Servers, refreshes: bool) -> None:
    """90 minutes with tokens of 60: the client that keeps its token is refused at the first poll after its end.

    AZ5-009, AZ5-010, AZ5-011, AZ5-012, AZ5-033.
    """
    token = servers.token("orders")
    url = header_of(begin(servers, 5400, token), "Azure-AsyncOperation")
    refused: list[int] = []
    for second in range(15, 5416, 15):
        servers.now = NOW + second
        if refreshes and second % 3600 == 3300:
            token = servers.token("orders", exp=NOW + second + 3600)
        reply = poll(servers, url, token)
        if reply.status != 200:
            refused.append(second)
            assert error_of(reply)[0] == "ExpiredAuthenticationToken"
    assert refused == ([] if refreshes else list(range(3600, 5416, 15)))
    if not refreshes:
        reply = servers.arm("GET", PATH, token)
        end = datetime.fromtimestamp(NOW + 3600, UTC)
        assert f"'{end.month}/{end.day}/{end.year} {end:%I}".replace("/0", "/").replace(" 0", " ") in error_of(reply)[1]


@pytest.mark.parametrize(
    ("who", "changed", "status"),
    [
        ("bob@contoso.com", {}, 200),
        (BACK_END, {}, 200),
        ("idle", {}, 403),
        ("orders", {"aud": "https://vault.azure.net"}, 401),
        ("orders", {"exp": NOW + 30}, 401),
    ],
)
def test_every_poll_is_checked(servers: Servers, who: str, changed: dict[str, object], status: int) -> None:
    """Whoever began it: a poll needs a token of this server, and a role that reads deployments."""
    url = header_of(begin(servers, 60, servers.token("orders")), "Azure-AsyncOperation")
    servers.now = NOW + 30
    assert poll(servers, url, servers.token(who, **changed)).status == status


def test_a_role_that_is_taken_away_ends_the_polls(servers: Servers) -> None:
    """An assignment that is removed while the operation runs makes the next poll a 403."""
    token = servers.token("orders")
    url = header_of(begin(servers, 60, token), "Azure-AsyncOperation")
    assert poll(servers, url, token).status == 200
    estate = servers.lab.provider.estate
    left = tuple(each for each in estate.role_assignments if each.principal != "orders")
    servers.lab.provider.set_estate(replace(estate, role_assignments=left))
    assert poll(servers, url, token).status == 403


def test_the_deletion_of_a_group_is_polled_at_its_location(servers: Servers) -> None:
    """202 with Location until it is done, then 200; the group is there until then, and no longer after."""
    token, settings = servers.token(), ResourceManager(deployment_duration=40, retry_after=10)
    servers.lab.provider.set_estate(replace(servers.lab.provider.estate, resource_manager=settings))
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/office"
    begun = servers.arm("DELETE", group, token)
    url = header_of(begun, "Location")
    assert (begun.status, urlsplit(url).hostname, header_of(begun, "Retry-After")) == (
        202,
        "management.azure.com",
        "10",
    )
    servers.now = NOW + 39
    again = poll(servers, url, token)
    assert (again.status, parse_qs(urlsplit(header_of(again, "Location")).query)) == (
        202,
        {"api-version": ["2022-12-01"]},
    )
    assert poll(servers, url, servers.token("bob@contoso.com")).status == 403
    assert servers.arm("GET", group, token).status == 200
    servers.now = NOW + 40
    assert poll(servers, url, token).status == 200
    assert (servers.arm("GET", group, token).status, servers.arm("HEAD", group, token).status) == (404, 404)
    inside = f"{group}/providers/Microsoft.Resources/deployments/first"
    assert servers.arm("GET", inside, token).status == 404
    assert error_of(servers.arm("PUT", inside, token, body=BODY))[0] == "ResourceGroupNotFound"


def test_deployments_end_with_their_group(servers: Servers) -> None:
    """Polls of a deployment whose group was deleted get 404; a caller without a role learns nothing of it."""
    token = servers.token("orders")
    url = header_of(begin(servers, 60, token), "Azure-AsyncOperation")
    assert servers.arm("DELETE", SHOP, servers.token()).status == 202
    servers.now = NOW + 60
    assert error_of(poll(servers, url, token))[0] == "ResourceGroupNotFound"
    assert poll(servers, url, servers.token("idle")).status == 403


@pytest.mark.parametrize("capabilities", [["cp1"], ["CP1"], ["foo", "CP1"], "CP1"])
def test_a_revoked_session_is_challenged_if_the_client_understands(servers: Servers, capabilities: object) -> None:
    """Continuous access evaluation: cp1 clients get 401 with a claims challenge; others keep their token. AZ5-033."""
    capable, other = servers.token(xms_cc=capabilities), servers.token(xms_cc=["foo"])
    estate = servers.lab.provider.estate
    revoked = datetime.fromtimestamp(NOW + 10, UTC)
    users = tuple(
        replace(user, sign_in_sessions_valid_from=revoked) if user.upn == "alice@contoso.com" else user
        for user in estate.users
    )
    assert servers.arm("GET", "/tenants", capable).status == 200
    servers.lab.provider.set_estate(replace(estate, users=users))
    servers.now = NOW + 20
    reply = servers.arm("GET", "/tenants", capable)
    challenge = header_of(reply, "WWW-Authenticate")
    assert (reply.status, 'error="insufficient_claims"' in challenge) == (401, True)
    claims = challenge.partition('claims="')[2].partition('"')[0]
    decoded = json.loads(base64.b64decode(claims + "=" * (-len(claims) % 4)))
    assert decoded == {"access_token": {"nbf": {"essential": True, "value": str(NOW + 10)}}}
    assert servers.arm("GET", "/tenants", other).status == 200
    after = servers.token(xms_cc=["cp1"], nbf=NOW + 11 - 300)
    assert servers.arm("GET", "/tenants", after).status == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("PUT", PATH, b"{}", 400, "InvalidRequestContent"),
        ("PUT", PATH, b"[1]", 400, "InvalidRequestContent"),
        ("PUT", PATH, b"{" * 5000, 400, "InvalidRequestContent"),
        ("PUT", f"/subscriptions/{SUBSCRIPTION}/resourceGroups/none/providers/x", BODY, 404, "InvalidResourceType"),
        ("DELETE", PATH, b"", 405, "HttpMethodNotSupported"),
        ("PUT", PATH.replace("/shop/", "/absent/"), BODY, 404, "ResourceGroupNotFound"),
        ("GET", "/subscriptions/none", b"", 404, "SubscriptionNotFound"),
        ("GET", "/providers/none", b"", 404, "InvalidResourceType"),
    ],
)
def test_a_bad_request_is_an_error_of_arm(
    servers: Servers, method: str, path: str, body: bytes, status: int, code: str
) -> None:
    """Errors have the form of Azure Resource Manager, and nothing begins."""
    reply = servers.arm(method, path, servers.token(), body=body)
    assert (reply.status, error_of(reply)[0]) == (status, code)


def test_a_request_without_a_version_is_refused_after_its_token(servers: Servers) -> None:
    """The version is demanded of those whose token is good; others learn nothing."""
    url = "https://management.azure.com/tenants"
    assert error_of(servers.ask("GET", url, servers.token()))[0] == "MissingApiVersionParameter"
    assert servers.ask("GET", url, None).status == 401


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"properties": {"mode": "Incremental", template:{"a": "x: y // z"}}}', {"a": "x: y // z"}),
        (b'{"properties": {template: {/* why: \n not */ "a": 1 // one\n}}}', {"a": 1}),
        (b'\xef\xbb\xbf{"properties": {"template": {"a": "b\\": c"}}}', {"a": 'b": c'}),
    ],
)
def test_json_as_the_azure_cli_writes_it(text: bytes, value: dict[str, object]) -> None:
    """Names without quotation marks and comments are read; what looks like them within a text stays."""
    assert read_relaxed_json(text)["properties"]["template"] == value
    with pytest.raises(ValueError, match=r".*"):
        read_relaxed_json(b"{template: {]}")

"""Roles: a caller may do what a role at or above the resource allows, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ssosim.estate import EstateError, parse_estate

from .conftest import CONTOSO, Servers, error_of, header_of
from .estates import (
    ACCOUNT,
    BACK_END,
    LITWARE_SUBSCRIPTION,
    LITWARE_TENANT,
    OTHER_SUBSCRIPTION,
    SHOP,
    SUBSCRIPTION,
    TOML,
    VAULT,
)

BASE = f"/subscriptions/{SUBSCRIPTION}"
DEPLOYMENT = f"{SHOP}/providers/Microsoft.Resources/deployments/first"
TEMPLATE = json.dumps({"properties": {"template": {}, "mode": "Incremental"}}).encode()


@pytest.mark.parametrize(
    ("who", "method", "path", "body", "status"),
    [
        ("alice@contoso.com", "GET", BASE, b"", 200),
        ("bob@contoso.com", "GET", BASE, b"", 403),
        ("idle", "GET", BASE, b"", 403),
        (BACK_END, "GET", BASE, b"", 200),
        ("orders", "GET", SHOP, b"", 200),
        ("orders", "HEAD", SHOP, b"", 204),
        ("bob@contoso.com", "GET", SHOP, b"", 200),
        ("bob@contoso.com", "GET", f"{BASE}/resourceGroups/office", b"", 403),
        ("bob@contoso.com", "GET", SHOP.upper().replace("SUBSCRIPTIONS", "subscriptions"), b"", 200),
        ("bob@contoso.com", "GET", f"{BASE}/resourceGroups/shop2", b"", 403),
        ("bob@contoso.com", "PUT", DEPLOYMENT, TEMPLATE, 403),
        ("orders", "PUT", DEPLOYMENT, TEMPLATE, 201),
        (BACK_END, "PUT", DEPLOYMENT, TEMPLATE, 403),
        ("orders", "PUT", f"{BASE}/resourceGroups/new", b'{"location": "westeurope"}', 403),
        ("alice@contoso.com", "PUT", f"{BASE}/resourceGroups/new", b'{"location": "westeurope"}', 201),
        ("alice@contoso.com", "DELETE", f"{BASE}/resourceGroups/absent", b"", 404),
        ("bob@contoso.com", "DELETE", SHOP, b"", 403),
        ("bob@contoso.com", "GET", VAULT, b"", 200),
        ("idle", "GET", VAULT, b"", 403),
    ],
)
def test_a_role_allows_what_it_says_where_it_says(
    servers: Servers, who: str, method: str, path: str, body: bytes, status: int
) -> None:
    """Roles hold at their scope and below, whatever the case of the letters; a name that only begins alike is none."""
    reply = servers.arm(method, path, servers.token(who), body=body)
    assert reply.status == status, reply.body
    if status == 403:
        code, text = error_of(reply)
        assert code == "AuthorizationFailed"
        assert "does not have authorization to perform action 'Microsoft." in text
        assert servers.claims(who)["oid"] in text
        assert servers.exchanges()[-1].error_description.startswith("AuthorizationFailed: The client '")


def test_a_disabled_subscription_is_read_only(servers: Servers) -> None:
    """An owner reads a disabled subscription and changes nothing in it."""
    group = f"/subscriptions/{OTHER_SUBSCRIPTION}/resourceGroups/old"
    assert servers.arm("GET", group, servers.token()).status == 200
    reply = servers.arm("DELETE", group, servers.token())
    assert (reply.status, error_of(reply)[0]) == (409, "ReadOnlyDisabledSubscription")


@pytest.mark.parametrize(
    ("who", "names"),
    [
        ("alice@contoso.com", ["Contoso production", "Contoso archive"]),
        ("bob@contoso.com", ["Contoso production"]),
        ("orders", ["Contoso production"]),
        ("idle", []),
        ("frank@fabrikam.com", []),
    ],
)
def test_subscriptions_with_a_role_in_them_are_listed(servers: Servers, who: str, names: list[str]) -> None:
    """A caller sees the subscriptions of the token's tenant in which it has any role, and no other one."""
    found = json.loads(servers.arm("GET", "/subscriptions", servers.token(who)).body)["value"]
    assert [each["displayName"] for each in found] == names


def test_a_subscription_of_another_tenant_is_refused(servers: Servers) -> None:
    """The token of another tenant gets 401 that names the right one, although its user is guest and reader there."""
    path = f"/subscriptions/{LITWARE_SUBSCRIPTION}"
    reply = servers.arm("GET", path, servers.token())
    assert (reply.status, error_of(reply)[0]) == (401, "InvalidAuthenticationTokenTenant")
    assert f"https://login.windows.net/{LITWARE_TENANT}" in header_of(reply, "WWW-Authenticate")
    own = servers.token("lena@litware.example", tid=LITWARE_TENANT, iss=f"https://sts.windows.net/{LITWARE_TENANT}/")
    assert servers.arm("GET", path, own).status == 200
    assert servers.arm("GET", BASE, own).status == 401
    assert not servers.checks()[-1].accepted


def test_a_role_is_that_of_the_object_in_the_tenant(servers: Servers) -> None:
    """The object id of a user in the home tenant has no role in another tenant, where the user is no guest."""
    stolen = servers.token(tid=LITWARE_TENANT, iss=f"https://sts.windows.net/{LITWARE_TENANT}/")
    assert servers.arm("GET", f"/subscriptions/{LITWARE_SUBSCRIPTION}", stolen).status == 403


@pytest.mark.parametrize(
    ("who", "role", "scope", "status"),
    [
        ("orders", None, "", 200),
        ("idle", None, "", 403),
        ("idle", "Owner", SHOP, 403),
        ("idle", "Contributor", VAULT, 403),
        ("idle", "Key Vault Reader", VAULT, 403),
        ("idle", "Reader", f"/subscriptions/{SUBSCRIPTION}", 403),
        ("idle", "Key Vault Secrets User", VAULT, 200),
        ("idle", "Key Vault Secrets User", f"{VAULT}/secrets/database", 200),
        ("idle", "Key Vault Secrets User", f"{VAULT}/secrets/other", 403),
        ("idle", "Key Vault Secrets Officer", SHOP, 200),
        ("idle", "Key Vault Administrator", f"/subscriptions/{SUBSCRIPTION}", 200),
        ("idle", "Key Vault Administrator", f"/subscriptions/{LITWARE_SUBSCRIPTION}", 403),
    ],
)
def test_a_secret_needs_a_data_action(servers: Servers, who: str, role: str | None, scope: str, status: int) -> None:
    """A role without data actions, the owner's too, opens no secret; a role at the secret, vault or above does."""
    if role is not None:
        _assign(servers, who, role, scope)
    token = servers.token(who, aud="https://vault.azure.net")
    reply = servers.ask("GET", "https://contoso-shop.vault.azure.net/secrets/database?api-version=7.5", token)
    assert reply.status == status
    if status == 403:
        assert json.loads(reply.body)["error"]["innererror"]["code"] == "ForbiddenByRbac"
        assert servers.exchanges()[-1].error_description.startswith("ForbiddenByRbac: Caller is not authorized")


@pytest.mark.parametrize(
    ("role", "scope", "read", "write", "containers"),
    [
        (None, "", 403, 403, 403),
        ("Owner", SHOP, 403, 403, 200),
        ("Storage Blob Data Reader", ACCOUNT, 200, 403, 200),
        ("Storage Blob Data Contributor", ACCOUNT, 200, 201, 200),
        ("Storage Blob Data Reader", f"{ACCOUNT}/blobServices/default/containers/orders", 200, 403, 403),
        ("Storage Blob Data Reader", f"{ACCOUNT}/blobServices/default/containers/other", 403, 403, 403),
    ],
)
def test_a_blob_needs_a_data_action(
    servers: Servers, role: str | None, scope: str, read: int, write: int, containers: int
) -> None:
    """Blobs need a role with data actions at the container or above; the owner of the account has none."""
    if role is not None:
        _assign(servers, "idle", role, scope)
    token, host = servers.token("idle", aud="https://storage.azure.com/"), "https://contososhop.blob.core.windows.net"
    version = {"x-ms-version": "2025-01-05"}
    block = version | {"x-ms-blob-type": "BlockBlob"}
    assert servers.ask("GET", f"{host}/orders/first.txt", token, headers=version).status == read
    assert servers.ask("PUT", f"{host}/orders/new.txt", token, headers=block, body=b"x").status == write
    assert servers.ask("GET", f"{host}/?comp=list", token, headers=version).status == containers


def test_old_versions_of_storage_take_no_token(servers: Servers) -> None:
    """Without x-ms-version, or with one from before tokens, a good token is refused."""
    token, url = servers.token("orders", aud="https://storage.azure.com/"), "https://contososhop.blob.core.windows.net"
    for headers in ({}, {"x-ms-version": "2016-05-31"}, {"x-ms-version": "soon"}):
        assert servers.ask("GET", f"{url}/orders/first.txt", token, headers=headers).status == 403


@pytest.mark.parametrize("query", ["comp=tags", "comp=metadata", "snapshot=2026-01-01T00:00:00Z", "versionid=1"])
def test_another_view_of_a_blob_is_not_the_blob(servers: Servers, query: str) -> None:
    """What the lab does not have of a blob is an error, and not its content."""
    token = servers.token("orders", aud="https://storage.azure.com/")
    url = f"https://contososhop.blob.core.windows.net/orders/first.txt?{query}"
    reply = servers.ask("GET", url, token, headers={"x-ms-version": "2025-01-05"})
    assert (reply.status, b"one order" in reply.body) == (400, False)


def test_the_case_of_an_object_id_does_not_matter(servers: Servers) -> None:
    """A role assignment to an object id in capitals is one to that object."""
    token = servers.token("idle")
    assert servers.arm("GET", SHOP, token).status == 403
    _assign(servers, str(servers.claims("idle")["oid"]).upper(), "Reader", SHOP)
    assert servers.arm("GET", SHOP, token).status == 200


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ('principal = "bob@contoso.com"', "there is no user, identity or application 'bob@contoso.co'"),
        ('role = "Contributor"', "there is no built-in role 'Contributo'; did you mean 'Contributor'?"),
        (f'scope = "/subscriptions/{OTHER_SUBSCRIPTION}"', "there is no subscription"),
        ('resource_group = "shop"', "there is no resource group 'sho'; did you mean 'shop'?"),
        ('tenant = "litware.onmicrosoft.com"', "there is no tenant 'litware.onmicrosoft.co'"),
    ],
)
def test_a_mistake_in_resources_is_named(line: str, text: str) -> None:
    """A wrong principal, role, scope, group or tenant is reported with what is known."""
    assert TOML.count(line) >= 1
    with pytest.raises(EstateError) as found:
        parse_estate(CONTOSO.read_text(encoding="utf-8") + TOML.replace(line, f'{line[:-2]}"', 1), "x.toml")
    assert text in str(found.value)


def _assign(servers: Servers, who: str, role: str, scope: str) -> None:
    from msgspec.structs import replace  # noqa: PLC0415 - here only

    from ssosim.estate import RoleAssignment  # noqa: PLC0415

    estate: Any = servers.lab.provider.estate
    added = RoleAssignment(principal=who, role=role, scope=scope)
    servers.lab.provider.set_estate(replace(estate, role_assignments=(*estate.role_assignments, added)))


@pytest.mark.parametrize(
    ("version", "status"),
    [("7.0", 200), ("7.5", 200), ("7.4-preview.1", 200), ("2016-10-01", 200), ("2025-07-01", 200)]
    + [(version, 400) for version in ("7.9", "8.0", "7", "2021-01-01", "2099-01-01", "latest", "2018-02-01", "v7.4")],
)
def test_key_vault_takes_versions_that_were_published(servers: Servers, version: str, status: int) -> None:
    """Another one is "not recognized", with the latest in the text (azure-keyvault-secrets, ApiVersion)."""
    _assign(servers, "idle", "Key Vault Secrets User", VAULT)
    token = servers.token("idle", aud="https://vault.azure.net")
    reply = servers.ask("GET", f"https://contoso-shop.vault.azure.net/secrets/database?api-version={version}", token)
    assert reply.status == status
    assert (b"is not recognized" in reply.body) == (status == 400)

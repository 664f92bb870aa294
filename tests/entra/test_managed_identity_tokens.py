"""Tokens that hosts get for managed identities and for the user of a shell: claims, lifetime, and what is refused.

Sources: Entra documents "Managed identities for Azure resources" (24 hours, ``xms_mirid``) and "Azure Cloud Shell";
RFC 7519, section 4.1. PyJWT reads the tokens.
"""

from __future__ import annotations

import hashlib
from typing import Any

import jwt
import pytest
from msgspec.structs import replace

from ssosim.entra import Call, Provider
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.oauth.managed_identity_tokens import issue_managed_identity_token, issue_shell_token
from ssosim.estate import Estate, ManagedIdentity, default_estate
from ssosim.trace import TokenIssued

from .conftest import ALICE, NOON
from .estate_of_applications import API, API_ID, V1_API, make_estate

ARM = "https://management.azure.com/"
NOW = int(NOON)
ORDERS = ManagedIdentity(name="orders")


def make_provider(keys: Any, estate: Estate | None = None, **changes: Any) -> Provider:
    """A provider with one managed identity."""
    base = estate or default_estate()
    return Provider(estate=replace(base, managed_identities=(replace(ORDERS, **changes),)), keys=keys, acceptors={})


def call() -> Call:
    """A request to the host's token service."""
    return Call.read("GET", "169.254.169.254", "/metadata/identity/oauth2/token", now=NOON)


def read(provider: Provider, text: str) -> dict[str, Any]:
    """The claims, verified with the key of the cloud."""
    found: dict[str, Any] = jwt.decode(
        text,
        provider.keys.cloud.private.public_key(),
        ["RS256"],
        options={"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )
    return found


def test_every_claim_of_a_managed_identitys_token(keys):
    """It is an application's token for a day, with the resource id of the identity; nothing of a user is in it."""
    provider = make_provider(keys)
    (identity,) = provider.estate.managed_identities
    asked = call()
    found = issue_managed_identity_token(provider, asked, identity, ARM)
    claims = read(provider, found.access_token)
    tenant = provider.estate.tenants[0]
    assert claims.pop("uti")
    assert claims.pop("oid") == claims.pop("sub")
    assert claims == {
        "aud": ARM,
        "iss": f"https://sts.windows.net/{tenant.id}/",
        "tid": tenant.id,
        "ver": "1.0",
        "iat": NOW - 300,
        "nbf": NOW - 300,
        "exp": NOW + 86_400,
        "appid": identity.effective_client_id,
        "appidacr": "2",
        "idtyp": "app",
        "xms_mirid": identity.effective_resource_id,
    }
    (event,) = asked.trace_buffer.events
    assert isinstance(event, TokenIssued)
    assert event.digest == hashlib.sha256(found.access_token.encode()).hexdigest()[:12]
    assert (event.grant, event.subject, event.audience) == ("managed_identity", "orders", ARM)


@pytest.mark.parametrize(
    ("resource", "code"),
    [
        ("https://nobody.example", 500011),
        ("management.azure.com", 500011),
        ("", 500011),
        (f"{ARM}.default https://graph.microsoft.com/.default", 500011),
        ("  ", 500011),
    ],
)
def test_a_resource_must_exist(keys, resource, code):
    """A name that is no API, or no URI, gets no token."""
    provider = make_provider(keys)
    with pytest.raises(AadstsError) as caught:
        issue_managed_identity_token(provider, call(), provider.estate.managed_identities[0], resource)
    assert caught.value.code == code


def test_the_version_of_the_token_is_that_of_the_api(keys):
    """An API of version 2 gets its client id as audience, ``azp`` and the issuer of version 2.0."""
    provider = make_provider(keys, make_estate())
    identity = provider.estate.managed_identities[0]
    claims = read(provider, issue_managed_identity_token(provider, call(), identity, API).access_token)
    assert (claims["aud"], claims["ver"], claims["azp"], claims["azpacr"]) == (
        API_ID, "2.0", identity.effective_client_id, "2",
    )  # fmt: skip
    assert "appid" not in claims


def test_an_api_that_requires_a_role_gives_none_without(keys):
    """501051 for an identity without a role at an API that requires assignment (active-directory-dotnet issue 10)."""
    provider = make_provider(keys, make_estate())
    with pytest.raises(AadstsError) as caught:
        issue_managed_identity_token(provider, call(), provider.estate.managed_identities[0], V1_API)
    assert caught.value.code == 501051


def test_the_token_of_a_shell_is_its_users(keys):
    """It has the scopes and the name of the user, and nothing of an identity or an application."""
    provider = make_provider(keys)
    user = provider.directory.find_user(ALICE)
    claims = read(provider, issue_shell_token(provider, call(), user, ARM).access_token)
    assert (claims["upn"], claims["oid"], claims["aud"]) == (ALICE, user.object_id, ARM)
    assert "scp" in claims
    assert not {"xms_mirid", "roles"} & set(claims)
    assert claims.get("idtyp", "user") == "user"

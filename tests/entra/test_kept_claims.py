"""Claims that are written once for many tokens: each token has those of its own sign-in and of the present estate."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ssosim.entra.core.jose import LeadingClaims, sign_jwt_with

CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
GRAPH = "https://graph.microsoft.com/.default"
PASSWORD = {
    "client_id": CLI,
    "grant_type": "password",
    "username": "alice@contoso.com",
    "password": "Alice-lab-password-1",
    "scope": f"openid profile offline_access {GRAPH}",
}


def claims_of(token):
    """The claims of a token, unverified."""
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def sign_in(site, **more):
    """The claims of the access token and of the id token of one sign-in."""
    status, body = site.token({**PASSWORD, **more})
    assert status == 200, body
    return claims_of(body["access_token"]), claims_of(body["id_token"]), body["refresh_token"]


@given(
    st.dictionaries(st.text(min_size=1), st.text() | st.integers(-(2**53), 2**53), min_size=1), st.integers(0, 2**40)
)
def test_leading_claims_are_those_that_were_given(keys, claims, number):
    """Claims that were encoded before the others, of any length and text, are in the token as they are."""
    claims.pop("iat", None)
    token = sign_jwt_with(keys.cloud, LeadingClaims.build(claims), {"iat": number})
    assert claims_of(token) == {**claims, "iat": number}
    assert "=" not in token


def test_each_token_has_its_own_times_and_id(site):
    """Two tokens of the same user for the same API differ in their ids, and the later one has later times."""
    first, _, _ = sign_in(site)
    site.clock.advance(7)
    second, identity, _ = sign_in(site)
    assert {name for name in first if first[name] != second[name]} == {"iat", "nbf", "exp", "uti"}
    assert all(second[name] - first[name] == 7 for name in ("iat", "nbf", "exp"))
    assert identity["uti"] != second["uti"]


@pytest.mark.parametrize(
    ("changes", "claim", "value"),
    [
        ({"display_name": "Alice 100%s Admin"}, "name", "Alice 100%s Admin"),
        ({"sid": "S-1-5-21-1-2-3-4"}, "onprem_sid", "S-1-5-21-1-2-3-4"),
        ({"synced": False}, "onprem_sid", None),
    ],
)
def test_a_change_of_the_user_is_in_the_next_token(site, changes, claim, value):
    """A token that is issued after a change of the estate has the new claims, by a new sign-in and by a refresh."""
    _, _, refresh_token = sign_in(site)
    estate = site.provider.estate
    users = tuple(replace(each, **changes) if each.upn == PASSWORD["username"] else each for each in estate.users)
    site.provider.set_estate(replace(estate, users=users))
    refresh = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    for more in ({}, refresh):
        access, _, _ = sign_in(site, **more)
        assert access.get(claim) == value


def test_a_declared_capability_is_in_its_own_token_only(site):
    """A client that declares cp1 gets it in its token; the next sign-in without it does not."""
    declared = json.dumps({"access_token": {"xms_cc": {"values": ["cp1"]}}})
    found = [sign_in(site, **more)[0].get("xms_cc") for more in ({}, {"claims": declared}, {}, {"claims": declared})]
    assert found == [None, ["cp1"], None, ["cp1"]]

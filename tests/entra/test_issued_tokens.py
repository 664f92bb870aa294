"""``issue_user_tokens`` and ``issue_app_token`` by themselves: which claims, and which members of the response.

Sources: OpenID Connect Core, sections 2 and 3.1.3.3; Entra documents "ID token claims", "Access token claims",
"Optional claims", "Refresh tokens" and "Microsoft Entra B2B user"; MSAL ``client_info``.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec.structs import replace

from ssosim.entra.core.authentication import PASSWORD, Authentication
from ssosim.entra.core.messages import TraceBuffer
from ssosim.entra.core.sealed_tokens import RefreshTokenClaims
from ssosim.entra.oauth.access_grants import GrantedAccess
from ssosim.entra.oauth.requested_access import RequestedAccess
from ssosim.entra.oauth.token_request import ClientCredential, TokenRequest
from ssosim.entra.oauth.tokens import (
    REFRESH_PURPOSE,
    AuthenticatedUser,
    build_common_claims,
    issue_app_token,
    issue_user_tokens,
)

from .conftest import NOON
from .estate_of_applications import ALICE, API, API_ID, CONTOSO, DAEMON, GRAPH, LENA, LITWARE, claims_of, make_estate

NOW = int(NOON)
SCOPES = ("openid", "offline_access", f"{API}/Orders.Read")
GRANTED = GrantedAccess(
    RequestedAccess(API, SCOPES, id_token=True, refresh_token=True), API_ID, "2.0", ("Orders.Read",),
    service_principal_id="b0000000-0000-4000-8000-0000000000aa",
)  # fmt: skip


@dataclass
class Issuer:
    """Issues tokens with changed circumstances."""

    site: Any

    def request(self, **changes: Any) -> TokenRequest:
        """A request of the daemon's application; ``application`` changes its registration."""
        directory = self.site.provider.directory
        application = replace(directory.find_application(DAEMON), **changes.pop("registration", {}))
        given = {
            "version": "2.0",
            "authority": directory.find_tenant(CONTOSO),
            "grant_type": "password",
            "application": application,
            "credential": ClientCredential(),
            "form": {},
        }
        return TokenRequest(**(given | changes))

    def user(
        self,
        *,
        granted: GrantedAccess = GRANTED,
        name: str = ALICE,
        tenant: str = CONTOSO,
        session: str = "",
        nonce: str = "",
        dated: bool = False,
        sign_in: RefreshTokenClaims | None = None,
        now: float = NOON,
        **changes: Any,
    ) -> dict[str, Any]:
        """The response for a user."""
        directory = self.site.provider.directory
        authentication = Authentication(PASSWORD, NOON, session=session)
        user = AuthenticatedUser(
            directory.find_user(name), directory.find_tenant(tenant), authentication, "password", nonce, dated=dated
        )
        request = self.request(**changes)
        return issue_user_tokens(self.site.provider, request, granted, user, TraceBuffer(), now, sign_in)

    def app(self, *, granted: GrantedAccess = GRANTED, **changes: Any) -> dict[str, Any]:
        """The response for the application itself."""
        tenant = self.site.provider.directory.find_tenant(CONTOSO)
        return issue_app_token(self.site.provider, self.request(**changes), granted, tenant, TraceBuffer(), NOON)

    def open(self, body: dict[str, Any]) -> RefreshTokenClaims:
        """The claims of the refresh token."""
        opened: RefreshTokenClaims = self.site.provider.sealer.open(
            REFRESH_PURPOSE, body["refresh_token"], RefreshTokenClaims
        )
        return opened


@pytest.fixture
def issuer(make_site):
    """An issuer at Contoso, where Lena of Litware is a guest."""
    estate = make_estate()
    users = tuple(replace(each, guest_tenants=(CONTOSO,)) if each.upn == LENA else each for each in estate.users)
    return Issuer(make_site(replace(estate, users=users)))


@pytest.mark.parametrize(("lifetime", "lives"), [(None, 4500), (60, 60), (0, 0)])
def test_common_claims_live_as_long_as_is_said(make_site, lifetime, lives):
    """Without a lifetime a token lives as long as an access token of the cloud does; zero is a lifetime."""
    provider = make_site(make_estate(access_token_lifetime=4500)).provider
    tenant = provider.directory.find_tenant(CONTOSO)
    claims = build_common_claims(provider, tenant, "1.0", NOW, lifetime)
    assert (claims["exp"], claims["nbf"], claims["iat"]) == (NOW + lives, NOW - 300, NOW - 300)
    assert (claims["iss"], claims["tid"], claims["ver"]) == (f"https://sts.windows.net/{tenant.id}/", tenant.id, "1.0")


@pytest.mark.parametrize(
    ("confidential", "credential", "digit"),
    [
        (False, ClientCredential(), "0"),
        (True, ClientCredential(secret="s"), "1"),
        (True, ClientCredential(assertion="a.b.c", assertion_type="t"), "2"),
        (False, ClientCredential(assertion="a.b.c"), "0"),
    ],
)
def test_how_the_client_has_authenticated_is_in_the_token(issuer, confidential, credential, digit):
    """0 for a public client, 1 for a secret, 2 for an assertion; the name of the claim depends on the version."""
    how = {"confidential": confidential, "credential": credential}
    for response in (issuer.user(**how), issuer.app(**how)):
        claims = claims_of(response["access_token"])
        assert (claims["azp"], claims["azpacr"], "appid" in claims) == (DAEMON, digit, False)
        old = claims_of(issuer.user(granted=replace(GRANTED, version="1.0"), **how)["access_token"])
        assert (old["appid"], old["appidacr"], "azp" in old) == (DAEMON, digit, False)


@pytest.mark.parametrize(
    ("claims", "declared"),
    [
        ("", None),
        ("  ", None),
        ("{}", None),
        ('{"access_token": null}', None),
        ('{"access_token": {"xms_cc": null}}', None),
        ('{"access_token": {"xms_cc": {"essential": true}}}', None),
        ('{"access_token": {"xms_cc": {"values": [1, null, "llt"]}}}', None),
        ('{"access_token": {"xms_cc": {"values": [1, "Cp1"]}}}', ["Cp1"]),
    ],
)
def test_a_capability_is_what_the_request_declares(issuer, claims, declared):
    """Whatever JSON the parameter has, the token repeats ``cp1`` as it was written, and nothing else."""
    for response in (issuer.user(form={"claims": claims}), issuer.app(form={"claims": claims})):
        assert claims_of(response["access_token"]).get("xms_cc") == declared


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_guest_has_the_issuer_of_the_home_tenant(issuer, version):
    """``idp`` and the name with #EXT# are a guest's alone; the name of version 2.0 is that of the home tenant."""
    home = issuer.site.provider.directory.find_tenant(LITWARE)
    granted = replace(GRANTED, version=version)
    guest = claims_of(issuer.user(granted=granted, name=LENA)["access_token"])
    member = claims_of(issuer.user(granted=granted)["access_token"])
    assert (guest["idp"], member.get("idp")) == (f"https://sts.windows.net/{home.id}/", None)
    if version == "1.0":
        assert (guest["unique_name"], guest["upn"]) == (LENA, f"lena_litware.example#EXT#@{CONTOSO}")
        assert (member["unique_name"], member["upn"]) == (ALICE, ALICE)
        assert not {"preferred_username"} & {*guest, *member}
    else:
        assert (guest["preferred_username"], member["preferred_username"]) == (LENA, ALICE)
        assert not {"unique_name", "upn"} & {*guest, *member}


@pytest.mark.parametrize(
    ("optional", "roles", "expected"),
    [
        ((), (), {"user": {}, "app": {}}),
        (
            ("idtyp",),
            ("Admin",),
            {"user": {"idtyp": "user", "roles": ["Admin"]}, "app": {"idtyp": "app", "roles": ["Admin"]}},
        ),
        (("other",), (), {"user": {}, "app": {}}),
    ],
)
def test_optional_claims_are_those_the_api_asks_for(issuer, optional, roles, expected):
    """``idtyp`` is there if the API asks for it, ``roles`` if there are any; never as an empty claim."""
    granted = replace(GRANTED, optional_claims=optional, roles=roles)
    found = {"user": issuer.user(granted=granted), "app": issuer.app(granted=granted)}
    for kind, response in found.items():
        claims = claims_of(response["access_token"])
        assert {name: claims[name] for name in ("idtyp", "roles") if name in claims} == expected[kind]


@pytest.mark.parametrize(
    ("changes", "present"),
    [({}, True), ({"sid": None, "sam_account": None}, False), ({"synced": False}, False)],
)
def test_the_security_id_is_that_of_a_synchronised_user(make_site, changes, present):
    """``onprem_sid`` needs a SID and a synchronised user, both."""
    site = make_site(make_estate(), user=changes)
    assert ("onprem_sid" in claims_of(Issuer(site).user()["access_token"])) == present


@pytest.mark.parametrize(
    ("logout", "session", "nonce", "expected"),
    [
        ("https://orders.contoso.com/out", "session-1", "", {"sid": "session-1"}),
        ("https://orders.contoso.com/out", "session-1", "n-1", {"sid": "session-1", "nonce": "n-1"}),
        ("https://orders.contoso.com/out", "", "n-1", {"nonce": "n-1"}),
        ("https://orders.contoso.com/out", "", "", {}),
        (None, "session-1", "", {}),
        (None, "session-1", "n-1", {"nonce": "n-1"}),
    ],
)
def test_an_id_token_has_the_session_and_the_nonce_of_its_sign_in(issuer, logout, session, nonce, expected):
    """``sid`` is for applications with a logout URL, ``nonce`` for requests that sent one; no sign-in gets another's.

    The second response is one without either, which must not have what the first one had.
    """
    registration = {"logout_url": logout}
    first = claims_of(issuer.user(registration=registration, session=session, nonce=nonce)["id_token"])
    again = claims_of(issuer.user(registration=registration)["id_token"])
    names = ("sid", "nonce")
    assert {name: first[name] for name in names if name in first} == expected
    assert not {*names} & set(again)
    assert {key: value for key, value in first.items() if key not in (*names, "uti")} == {
        key: value for key, value in again.items() if key != "uti"
    }


def test_the_time_of_the_sign_in_is_told_to_who_asked(issuer):
    """``auth_time`` is in the id token of a request with ``max_age``, and in no other (OpenID Connect)."""
    dated = claims_of(issuer.user(dated=True, now=NOON + 100)["id_token"])
    again = claims_of(issuer.user(now=NOON + 100)["id_token"])
    assert (dated["auth_time"], "auth_time" in again) == (NOW, False)
    assert dated["iat"] == again["iat"] == NOW - 200


@pytest.mark.parametrize("client_type", ["public", "confidential", "spa"])
def test_a_refresh_token_has_the_lifetime_of_its_client(issuer, client_type):
    """A single-page application refreshes for a day from its sign-in on, others anew each time."""
    cloud = issuer.site.provider.estate.cloud
    first = issuer.open(issuer.user(client_type=client_type))
    lives = 86_400 if client_type == "spa" else cloud.refresh_token_lifetime
    assert (first.issued, first.not_on_or_after, first.client_type) == (NOW, NOW + lives, client_type)
    second = issuer.open(issuer.user(client_type=client_type, sign_in=first, now=NOON + 1000))
    ends = first.not_on_or_after if client_type == "spa" else NOW + 1000 + lives
    assert (second.issued, second.not_on_or_after) == (NOW + 1000, ends)
    assert second.id != first.id


def test_a_refresh_token_remembers_the_whole_sign_in(issuer):
    """Tenant, user, client, resource and scopes are those of the sign-in, also for a guest."""
    found = issuer.open(issuer.user(name=LENA, session="s"))
    directory = issuer.site.provider.directory
    assert (found.tenant, found.subject) == (directory.find_tenant(CONTOSO).id, directory.find_user(LENA).object_id)
    assert (found.client_id, found.resource, found.scopes, found.family) == (DAEMON, API, SCOPES, False)
    assert found.authentication == Authentication(PASSWORD, NOON, session="s")


@pytest.mark.parametrize("family", [True, False])
@pytest.mark.parametrize("refresh", [True, False])
def test_the_family_is_named_beside_a_refresh_token(issuer, family, refresh):
    """``foci`` is that of a refresh token of a family client: without a refresh token there is none."""
    granted = replace(GRANTED, requested=replace(GRANTED.requested, refresh_token=refresh))
    body = issuer.user(granted=granted, registration={"family": family})
    assert (body.get("foci"), "refresh_token" in body) == ("1" if family and refresh else None, refresh)


@pytest.mark.parametrize(
    ("sent", "told"), [({"client_info": "1"}, True), ({"client_info": "true"}, False), ({}, False)]
)
def test_client_info_is_the_home_account(issuer, sent, told):
    """MSAL asks with 1; the ids are those of the home tenant, also where the user is a guest."""
    body = issuer.user(name=LENA, form=sent)
    assert ("client_info" in body) == told
    if told:
        text = body["client_info"]
        directory = issuer.site.provider.directory
        assert json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))) == {
            "uid": directory.find_user(LENA).object_id,
            "utid": directory.find_tenant(LITWARE).id,
        }


@pytest.mark.parametrize(
    ("resource", "scopes", "granted", "expected"),
    [
        (API, (f"{API}/Orders.Read",), ("Orders.Read", "Orders.Write"), f"{API}/Orders.Read {API}/Orders.Write"),
        (API, ("openid", f"{API}/.default"), ("Orders.Read",), f"{API}/Orders.Read {API}/.default"),
        (GRAPH, ("openid", "User.Read"), ("openid", "User.Read"), f"openid {GRAPH}/User.Read User.Read"),
        (GRAPH, ("openid", "profile"), ("openid", "profile"), "openid profile"),
        (API, ("offline_access",), (), ""),
    ],
)
def test_the_scope_of_the_response_is_what_was_granted(issuer, resource, scopes, granted, expected):
    """Version 2 names the scopes of the API with it, then what was asked for; version 1 the names alone."""
    asked = replace(GRANTED.requested, resource=resource, scopes=scopes)
    access = replace(GRANTED, requested=asked, scopes=granted)
    assert issuer.user(granted=access)["scope"] == expected
    old = issuer.user(granted=access, version="1.0")
    assert (old["scope"], old["resource"]) == (" ".join(granted), resource)


def test_the_members_of_a_response(issuer):
    """Each version has its members and no other; that of an application has no scope (Entra, client credentials)."""
    common = {"token_type", "expires_in", "ext_expires_in", "access_token"}
    of_user = {"scope", "refresh_token", "id_token"}
    of_old = {"expires_on", "not_before", "resource"}
    assert set(issuer.user()) == common | of_user
    assert set(issuer.user(version="1.0")) == common | of_user | of_old
    assert set(issuer.app()) == common
    assert set(issuer.app(version="1.0")) == common | of_old


def test_the_records_of_tokens_have_their_digests(issuer):
    """The trace has the first twelve digits of the SHA-256 of each token, its kind, and what was not checked."""
    buffer = TraceBuffer()
    provider = issuer.site.provider
    user = AuthenticatedUser(
        provider.directory.find_user(ALICE),
        provider.directory.find_tenant(CONTOSO),
        Authentication(PASSWORD, NOON),
        "g",
    )
    granted = replace(GRANTED, not_checked=("consent",))
    body = issue_user_tokens(provider, issuer.request(), granted, user, buffer, NOON)
    found = {event.kind: event for event in buffer.events}
    for kind in ("access", "refresh", "id"):
        event = found.pop(kind)
        assert event.digest == hashlib.sha256(body[f"{kind}_token"].encode()).hexdigest()[:12]
        assert (event.grant, event.subject, event.client_id, event.not_checked) == ("g", ALICE, DAEMON, ("consent",))
    assert not found

"""On-behalf-of: an API redeems its caller's token for a token of the next API."""

import base64
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ssosim.entra.core.jose import sign_jwt
from ssosim.entra.core.keys import SigningKey
from ssosim.estate import default_estate
from ssosim.estate.applications import (
    Application,
    OAuth2PermissionGrant,
    ServicePrincipal,
)
from ssosim.trace import TokenIssued

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
FRONT, MIDDLE, BACK = (f"0b0b0b0b-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
SECRET = "middle-tier-secret-1"
ALICE, PASSWORD = "alice@contoso.com", "Alice-lab-password-1"


def consent(resource, scope="access"):
    """A service principal in the home tenant that everybody has consented to for one scope."""
    grant = OAuth2PermissionGrant(resource=resource, scope=scope)
    return (ServicePrincipal(tenant="contoso.com", oauth2_permission_grants=(grant,)),)


def estate(**middle):
    """A front end (public), a middle tier with a secret, and a back end, each with consent for the next."""
    applications = (
        Application(
            client_id=FRONT, name="Front", allow_public_client=True, service_principals=consent(f"api://{MIDDLE}")
        ),
        replace(
            Application(
                client_id=MIDDLE,
                name="Middle",
                client_secret=SECRET,
                identifier_uris=(f"api://{MIDDLE}",),
                oauth2_permission_scopes=("access",),
                service_principals=consent(f"api://{BACK}"),
            ),
            **middle,
        ),
        Application(
            client_id=BACK,
            name="Back",
            identifier_uris=(f"api://{BACK}",),
            oauth2_permission_scopes=("access", "write"),
            requested_access_token_version=2,
        ),
    )
    usual = default_estate()
    return replace(usual, applications=(*usual.applications, *applications))


@pytest.fixture
def tiers(make_site):
    """A site with three tiers."""
    return make_site(estate())


def user_token(site, scope=f"api://{MIDDLE}/access", field="access_token"):
    """Alice's token for the middle tier, by the front end."""
    form = {"client_id": FRONT, "grant_type": "password", "username": ALICE, "password": PASSWORD}
    status, body = site.token({**form, "scope": f"openid {scope}"}, "contoso.com")
    assert status == 200, body
    return body[field]


def redeem(site, good, **changes):
    """The middle tier's request; status and body."""
    form = {
        "grant_type": GRANT,
        "client_id": MIDDLE,
        "client_secret": SECRET,
        "assertion": good,
        "requested_token_use": "on_behalf_of",
        "scope": f"api://{BACK}/access offline_access",
    }
    form = {name: value for name, value in {**form, **changes}.items() if value is not None}
    return site.token(form, "contoso.com")


def code_of(answer):
    """The AADSTS code of a refusal."""
    status, body = answer
    assert status in (400, 401), body
    assert "access_token" not in body
    return body["error_codes"][-1]


def claims(token):
    """The claims of a JWT, unverified."""
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_the_user_goes_on_to_the_next_api(tiers):
    """The token is for the back end, about the user, with the middle tier as its client; so is the refresh token."""
    first = user_token(tiers)
    status, body = redeem(tiers, first)
    assert status == 200, body
    new, old = claims(body["access_token"]), claims(first)
    assert (new["aud"], new["azp"], new["azpacr"], new["scp"]) == (BACK, MIDDLE, "1", "access")
    assert (new["oid"], new["tid"]) == (old["oid"], old["tid"])
    assert "id_token" not in body
    assert tiers.events(TokenIssued)[-1].grant == "on_behalf_of"
    again = {
        "grant_type": "refresh_token",
        "client_id": MIDDLE,
        "client_secret": SECRET,
        "scope": f"api://{BACK}/access",
    }
    status, body = tiers.token({**again, "refresh_token": body["refresh_token"]}, "contoso.com")
    assert (status, claims(body["access_token"])["oid"]) == (200, old["oid"])


def test_no_refresh_token_without_offline_access(tiers):
    """The scope decides, as with other grants."""
    status, body = redeem(tiers, user_token(tiers), scope=f"api://{BACK}/access")
    assert status == 200
    assert "refresh_token" not in body


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"assertion": None}, 900144),
        ({"requested_token_use": None}, 900144),
        ({"requested_token_use": "something"}, 9002313),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:saml2"}, 9002313),
        ({"assertion": "rubbish"}, 50027),
        ({"client_secret": None}, 7000218),
        ({"client_secret": "wrong"}, 7000215),
        ({"client_id": FRONT, "client_secret": None}, 7000218),
        ({"scope": f"api://{BACK}/write"}, 65001),
        ({"scope": "api://nobody/access"}, 500011),
    ],
)
def test_requests_that_are_refused(tiers, changes, code):
    """Each parameter, the client's own proof, and the consent for the next API are checked."""
    assert code_of(redeem(tiers, user_token(tiers), **changes)) == code


def test_consent_is_said_as_such(tiers):
    """65001 comes with consent_required, so that the middle tier can tell its caller (on-behalf-of document)."""
    _, body = redeem(tiers, user_token(tiers), scope=f"api://{BACK}/write")
    assert (body["error"], body["suberror"]) == ("invalid_grant", "consent_required")


def test_tokens_that_are_no_assertion(tiers):
    """A token for another API, an id token, an application's token, an expired one, and a stranger's signature."""
    assert code_of(redeem(tiers, user_token(tiers, field="id_token"))) == 50013
    own = redeem(tiers, user_token(tiers))[1]["access_token"]
    assert code_of(redeem(tiers, own)) == 500131
    app = {"grant_type": "client_credentials", "client_id": MIDDLE, "client_secret": SECRET}
    _, body = tiers.token({**app, "scope": f"api://{MIDDLE}/.default"}, "contoso.com")
    assert code_of(redeem(tiers, body["access_token"])) == 7000114
    good = user_token(tiers)
    stranger = sign_jwt(SigningKey.generate("stranger"), claims(good))
    assert code_of(redeem(tiers, stranger)) == 50013
    tiers.clock.advance(tiers.provider.estate.cloud.access_token_lifetime + 299)
    assert redeem(tiers, good)[0] == 200
    tiers.clock.advance(1)
    assert code_of(redeem(tiers, good)) == 500133


def test_claims_are_those_of_this_provider(tiers):
    """With the right key, another issuer and no dates are refused: 50013 and 50027."""
    key, good = tiers.provider.keys.cloud, claims(user_token(tiers))
    assert redeem(tiers, sign_jwt(key, good))[0] == 200
    assert code_of(redeem(tiers, sign_jwt(key, {**good, "iss": "https://sts.windows.net/other/"}))) == 50013
    for name in ("exp", "nbf", "iss", "tid"):
        assert code_of(redeem(tiers, sign_jwt(key, {k: v for k, v in good.items() if k != name}))) in (50013, 50027)
    assert code_of(redeem(tiers, sign_jwt(key, {**good, "oid": "nobody"}))) == 50034


def test_a_disabled_user_gets_no_further(tiers):
    """A token from before does not help."""
    good = user_token(tiers)
    site_estate = tiers.provider.estate
    users = tuple(replace(user, enabled=user.upn != ALICE) for user in site_estate.users)
    tiers.provider.set_estate(replace(site_estate, users=users))
    assert code_of(redeem(tiers, good)) == 50057


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_changed_assertion_is_accepted(data, tiers):
    """One changed character anywhere in the assertion, and there is no token."""
    good = user_token(tiers)
    at = data.draw(st.integers(0, len(good) - 1))
    new = data.draw(st.sampled_from("ABCXYZabcxyz0189-_.=").filter(lambda letter: letter != good[at]))
    assert code_of(redeem(tiers, good[:at] + new + good[at + 1 :])) in (50013, 50027)


def test_refresh_in_is_half_of_a_long_lifetime(make_site):
    """Tokens of two hours and more can be renewed early; the limit is a setting."""

    def body(v1=False, **cloud):
        site = make_site(estate(), cloud=cloud)
        form = {"client_id": FRONT, "grant_type": "password", "username": ALICE, "password": PASSWORD}
        form["resource" if v1 else "scope"] = f"api://{MIDDLE}" + ("" if v1 else "/access")
        return site.token(form, "contoso.com", v1=v1)[1]

    assert "refresh_in" not in body()
    assert "refresh_in" not in body(access_token_lifetime=7199)
    assert body(access_token_lifetime=7200)["refresh_in"] == 3600
    assert body(v1=True, access_token_lifetime=86_400)["refresh_in"] == "43200"
    assert "refresh_in" not in body(access_token_lifetime=86_400, refresh_in_from=0)
    assert body(refresh_in_from=4500)["refresh_in"] == 2250

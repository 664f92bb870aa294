"""Secrets of applications: several at a time, each with its dates."""

from __future__ import annotations

from datetime import timedelta
from importlib import resources
from urllib.parse import urlencode

import pytest

from ssosim.estate import ClientSecret, EstateError, parse_estate
from ssosim.trace import ClientAuthenticated

from .proofs import CLIENT, GRAPH, NOON, estate_with

DAY = timedelta(days=1)
SECRETS = (
    ClientSecret(value="first-secret", key_id="k1", end_date_time=NOON + DAY),
    ClientSecret(value="second-secret", key_id="k2", start_date_time=NOON - DAY),
    ClientSecret(value="old-secret", key_id="k3", end_date_time=NOON),
    ClientSecret(value="new-secret", key_id="k4", start_date_time=NOON + DAY),
)


def form(secret: str, **more: str) -> dict[str, str]:
    """A client credentials request with a secret."""
    return {
        "client_id": CLIENT,
        "grant_type": "client_credentials",
        "scope": f"{GRAPH}/.default",
        "client_secret": secret,
        **more,
    }


@pytest.mark.parametrize(
    ("secret", "code"),
    [
        ("first-secret", None),
        ("second-secret", None),  # two that overlap: a rotation without failure
        ("old-secret", 7000222),
        ("new-secret", 7000215),
        ("k1", 7000215),  # the secret ID and not its value
        ("first-secret ", 7000215),
        ("FIRST-SECRET", 7000215),
        ("never", 7000215),
    ],
)
def test_a_secret_is_good_within_its_dates(make_site, secret, code):
    """Any secret that is valid now authenticates; an expired one is 7000222, any other text 7000215."""
    site = make_site(estate_with(certificates=(), secrets=SECRETS))
    status, body = site.token(form(secret), "contoso.com")
    assert (status, body.get("error_codes")) == ((200, None) if code is None else (401, [code]))
    assert body.get("error") == (None if code is None else "invalid_client")


@pytest.mark.parametrize(
    ("moment", "secret", "code"),
    [(-1, "old-secret", None), (0, "old-secret", 7000222), (86399, "new-secret", 7000215), (86400, "new-secret", None)],
)
def test_dates_are_kept_to_the_second(make_site, moment, secret, code):
    """A secret is valid from its start, and no longer at its end."""
    site = make_site(estate_with(certificates=(), secrets=SECRETS))
    site.clock.advance(moment + (NOON.timestamp() - site.clock.now()))
    assert site.token(form(secret), "contoso.com")[1].get("error_codes") == (None if code is None else [code])


def test_the_trace_names_the_secret_and_not_its_value(make_site):
    """A record says which secret was used, by its key id."""
    site = make_site(estate_with(certificates=(), secrets=SECRETS))
    site.token(form("second-secret"), "contoso.com")
    assert [(each.client_id, each.method, each.credential) for each in site.events(ClientAuthenticated)] == [
        (CLIENT, "client_secret", "k2")
    ]
    assert "second-secret" not in repr(list(site.provider.trace))


@pytest.mark.parametrize("more", [{"client_assertion": "x.y.z"}, {"client_assertion_type": "urn:x"}])
def test_a_secret_beside_an_assertion_is_refused(make_site, more):
    """One proof for each request: the second one is never ignored (RFC 6749, section 2.3)."""
    site = make_site(estate_with(secrets=SECRETS))
    status, body = site.token(form("first-secret", **more), "contoso.com")
    assert status == 400
    assert body["error"] == "invalid_request"


def test_the_secret_of_another_application_is_refused(make_site):
    """A secret belongs to one application."""
    site = make_site(estate_with(certificates=(), secrets=SECRETS))
    status, body = site.token(form("contoso-back-end-secret"), "contoso.com")
    assert (status, body["error_codes"]) == (401, [7000215])


def test_a_wrong_secret_is_refused_at_the_device_code_endpoint(make_site):
    """RFC 8628, section 3.1: the client authenticates at the device code endpoint as at the token endpoint."""
    site = make_site(estate_with(certificates=(), secrets=SECRETS))
    codes = []
    for secret in ("never", "first-secret"):
        body = urlencode({"client_id": CLIENT, "scope": "openid", "client_secret": secret}).encode()
        answer = site.ask("POST", site.LOGIN, "/contoso.com/oauth2/v2.0/devicecode", headers=site.FORM, body=body)
        codes.append((answer.status, answer.code))
    assert codes == [(401, 7000215), (200, None)]


def test_a_secret_is_form_encoded(make_site):
    """A plus sign in a form is a blank: a secret that is sent as it is, is another one (tomcat-oidcauth issue 9)."""
    site = make_site(estate_with(certificates=(), secrets=(ClientSecret(value="a+b/c=~"),)))
    fields = urlencode(form("")).removesuffix("client_secret=")
    for sent, code in (("a+b/c=~", 7000215), ("a%2Bb%2Fc%3D~", None), ("a%252Bb%252Fc%253D~", 7000215)):
        body = f"{fields}client_secret={sent}".encode()
        answer = site.ask("POST", site.LOGIN, "/contoso.com/oauth2/v2.0/token", headers=site.FORM, body=body)
        assert answer.code == code


TOML = """
[[applications]]
client_id = "x"
name = "x"
{keys}
"""


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ('secrets = [{ value = "" }]', "secrets"),
        ('secrets = [{ value = "a", end_date_time = 2025-01-01 }]', "end_date_time"),
        ('secrets = [{ value = "a", end_date_time = 2025-01-01T00:00:00 }]', "end_date_time"),
        (
            'secrets = [{ value = "a", start_date_time = 2026-01-01T00:00:00Z, end_date_time = 2025-01-01T00:00:00Z }]',
            "not after start_date_time",
        ),
        ('certificates = [{ pem = "nonsense" }]', "certificate in PEM"),
        ('certificates = [{ file = "nowhere.pem" }]', "cannot be read"),
        ("certificates = [{}, {}]", "another generated certificate"),
        ('certificates = [{ pem = "x", start_date_time = 2025-01-01T00:00:00Z }]', "only for a certificate that"),
        ('trusted_certificate_subjects = [{ subject_name = "a" }]', "certificate in PEM"),
        ('federated_credentials = [{ name = "abc", issuer = "http://x.example", subject = "s" }]', "issuer"),
        (
            'federated_credentials = [{ name = "abc", issuer = "https://x.example", subject = "s", audiences = [] }]',
            "aud",
        ),
        ('federated_credentials = [{ name = "abc", isuer = "https://x.example", subject = "s" }]', "'issuer'"),
    ],
)
def test_a_mistake_in_the_estate_is_named(keys, text):
    """A credential that cannot work is a mistake with its place and what is expected."""
    shipped = resources.files("ssosim.estate").joinpath("contoso.toml").read_text()
    with pytest.raises(EstateError, match=text) as caught:
        parse_estate(shipped + TOML.format(keys=keys), "mine.toml")
    assert "mine.toml:" in str(caught.value)
    assert "applications" in str(caught.value)

"""MSAL for Python, unmodified, with each proof of an application: the right one signs in, a wrong one gets its code."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import msal
import pytest

from ssosim.estate import Certificate, ClientSecret, TrustedCertificateSubject
from ssosim.trace import ClientAuthenticated

from .proofs import (
    CLIENT,
    CONTOSO,
    ENDPOINT,
    GRAPH,
    assertion,
    estate_with,
    hex_sha1,
    make_certificate,
    pem,
    private_pem,
    thumbprint,
)
from .test_entra_msal import Http

WIDE: Any = {"start": datetime(2020, 1, 1, tzinfo=UTC), "end": datetime(2050, 1, 1, tzinfo=UTC)}
MINE = make_certificate("msal", **WIDE)
ROOT = make_certificate("msal-root", authority=True, **WIDE)
LEAF = make_certificate("msal-leaf", issuer="msal-root", dns=("app.contoso.com",), **WIDE)


def acquire(site: Any, credential: Any) -> dict[str, Any]:
    """A token for the application, with MSAL's own request; the clock of the provider is that of MSAL."""
    site.clock.advance(time.time() - site.clock.now())
    application = msal.ConfidentialClientApplication(
        CLIENT,
        client_credential=credential,
        authority=f"https://{site.LOGIN}/{CONTOSO}",
        http_client=Http(site),
        instance_discovery=False,
    )
    result: dict[str, Any] = application.acquire_token_for_client([f"{GRAPH}/.default"])
    return result


@pytest.fixture
def site(make_site: Any) -> Any:
    """An application with a certificate, a subject name and two secrets."""
    keys = {
        "certificates": (Certificate(pem=pem(MINE)),),
        "trusted_certificate_subjects": (
            TrustedCertificateSubject(subject_name="app.contoso.com", authority=pem(ROOT)),
        ),
        "secrets": (
            ClientSecret(value="good-secret"),
            ClientSecret(value="old-secret", end_date_time=datetime(2025, 1, 1, tzinfo=UTC)),
        ),
    }
    return make_site(estate_with(**keys))


def sign_now(name: str, **claims: Any) -> str:
    """An assertion of the present moment, as a program signs it that has no library for it."""
    now = time.time()
    header = {"x5t#S256": thumbprint(MINE)}
    return assertion("msal", signer=name, header=header, **{"iat": now, "nbf": now, "exp": now + 600, **claims})


RIGHT: dict[str, tuple[Any, str]] = {
    "secret": ("good-secret", "client_secret"),
    "private key and thumbprint": ({"private_key": private_pem("msal"), "thumbprint": hex_sha1(MINE)}, "certificate"),
    "public certificate": (
        {"private_key": private_pem("msal"), "public_certificate": pem(MINE)},
        "certificate",
    ),
    "subject name and issuer": (
        {"private_key": private_pem("msal-leaf"), "public_certificate": pem(LEAF)},
        "certificate_subject",
    ),
    "an assertion": ({"client_assertion": lambda: sign_now("msal")}, "certificate"),
}


@pytest.mark.parametrize("way", RIGHT)
def test_the_right_proof_signs_in(site: Any, way: str) -> None:
    """Each kind of client credential of MSAL gets a token, and the trace says by what."""
    credential, method = RIGHT[way]
    result = acquire(site, credential)
    assert "access_token" in result, result
    assert [each.method for each in site.events(ClientAuthenticated)] == [method]


WRONG: dict[str, tuple[Any, int]] = {
    "an unknown secret": ("bad-secret", 7000215),
    "an expired secret": ("old-secret", 7000222),
    "the thumbprint of another key": (
        {"private_key": private_pem("msal"), "thumbprint": hex_sha1(LEAF)},
        700027,
    ),
    "the key of another certificate": (
        {"private_key": private_pem("msal-leaf"), "thumbprint": hex_sha1(MINE)},
        700027,
    ),
    "a certificate that nobody registered": (
        {"private_key": private_pem("msal-root"), "public_certificate": pem(ROOT)},
        700030,
    ),
    "an assertion of another application": (
        {"client_assertion": lambda: sign_now("msal", iss=CONTOSO, sub=CONTOSO)},
        700021,
    ),
    "an assertion for another endpoint": (
        {"client_assertion": lambda: sign_now("msal", aud=ENDPOINT.replace(".com", ".us"))},
        700023,
    ),
    "an old assertion": ({"client_assertion": lambda: sign_now("msal", nbf=1, exp=2)}, 700024),
    "an assertion without a subject": ({"client_assertion": lambda: sign_now("msal", sub=None)}, 90014),
    "an assertion whose subject differs": ({"client_assertion": lambda: sign_now("msal", sub=CONTOSO)}, 50048),
    "a token of a federated issuer": (
        {"client_assertion": lambda: sign_now("msal", iss="https://oidc.example", sub="x")},
        70025,
    ),
}


@pytest.mark.parametrize("way", WRONG)
def test_a_wrong_proof_gets_its_code(site: Any, way: str) -> None:
    """7000215, 7000222, 700027, 700030, 700021, 700023, 700024, 90014, 50048 and 70025, as MSAL reports them."""
    credential, code = WRONG[way]
    result = acquire(site, credential)
    assert result.get("error_codes") == [code]
    assert result["error"] == ("invalid_request" if code in (50027, 90014) else "invalid_client")
    assert not site.events(ClientAuthenticated)

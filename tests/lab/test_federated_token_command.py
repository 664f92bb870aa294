"""``ssosim federated-token`` and the control API: a token that the login host exchanges, and clear errors."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest

ISSUER = "https://oidc.contoso.example/cluster-1"
CLIENT = "9f1c7a52-0d0f-4c3b-8a35-5b7b3f2d1a10"
SUBJECT = "system:serviceaccount:shop:cart"
ADDED = f"""
[[hosts]]
name = "issuers"
address = "203.0.113.40"
services = ["oidc-issuer"]

[[openid_issuers]]
issuer = "{ISSUER}"

[[applications]]
client_id = "{CLIENT}"
name = "Cart"
federated_credentials = [{{ name = "pod", issuer = "{ISSUER}", subject = "{SUBJECT}" }}]
"""


@pytest.fixture
def estate(tmp_path: Path) -> Path:
    """Contoso with an issuer, and an application that trusts it."""
    file = tmp_path / "estate.toml"
    file.write_text(resources.files("ssosim.estate").joinpath("contoso.toml").read_text() + ADDED)
    return file


def exchange(bench, token):
    """Exchange the token with curl, as an unmodified program in the lab; the JSON of the answer."""
    form = {
        "client_id": CLIENT,
        "grant_type": "client_credentials",
        "scope": "https://graph.microsoft.com/.default",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": token,
    }
    fields = [word for name, value in form.items() for word in ("--data-urlencode", f"{name}={value}")]
    url = "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token"
    return json.loads(bench.run("exec", "--", "curl", "-sS", *fields, url).stdout)


def test_a_token_of_the_lab_is_exchanged(bench, estate):
    """The command's token signs in; with another subject or an expired one the login host says its code."""
    bench.run("up", "--detach", "--estate", str(estate))
    token = bench.run("federated-token", "--subject", SUBJECT).stdout.strip()
    assert exchange(bench, token)["token_type"] == "Bearer"
    for words, code in (
        (("--subject", SUBJECT.upper()), 7002138),
        (("--subject", SUBJECT, "--expires-in", "-400", "--claim", "nbf=null"), 700024),
        (("--subject", SUBJECT, "--claim", "aud=api://other"), 700212),
    ):
        wrong = bench.run("federated-token", "--issuer", ISSUER, *words).stdout.strip()
        assert exchange(bench, wrong)["error_codes"] == [code]
    trace = bench.run("trace").stdout
    assert f"has authenticated by federated_credential pod of {ISSUER} for {SUBJECT}" in trace
    assert f"the identity provider fetches {ISSUER}/keys → 200" in trace
    for words, text in (
        (("--issuer", f"{ISSUER}/", "--subject", "x"), "did you mean"),
        (("--subject", "x", "--claim", "aud"), "expected NAME=VALUE"),
        (("--subject", "x", "--claim", "=1"), "expected NAME=VALUE"),
    ):
        refused = bench.run("federated-token", *words)
        assert refused.returncode == 2
        assert text in refused.stderr


def test_a_lab_without_issuers_says_so(bench):
    """Exit code 2, and what the estate needs."""
    bench.run("up", "--detach")
    refused = bench.run("federated-token", "--subject", "x")
    assert refused.returncode == 2
    assert "[[openid_issuers]]" in refused.stderr

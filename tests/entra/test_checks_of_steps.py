"""Checks at each step: users who are disabled between two steps, shared authorities, requests of realm discovery."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from msgspec.structs import replace

from ssosim.trace import TokenIssued
from tests.entra.conftest import ALICE, PASSWORD, Browser, Site

ARM = "openid offline_access https://management.azure.com/.default"
LOGIN = "login.microsoftonline.com"


def disable(site: Any) -> None:
    """Disable Alice in the running site."""
    estate = site.provider.estate
    users = tuple(replace(user, enabled=user.upn != ALICE) for user in estate.users)
    site.provider.set_estate(replace(estate, users=users))


def codes(answer: tuple[int, Any]) -> Any:
    """The codes of a token endpoint's answer; None of tokens."""
    return answer[1].get("error_codes")


def _refresh(site: Any) -> Callable[[], Any]:
    form = {"client_id": Site.CLI, "grant_type": "password", "username": ALICE, "password": PASSWORD, "scope": ARM}
    token = site.token(form)[1]["refresh_token"]
    form = {"client_id": Site.CLI, "grant_type": "refresh_token", "refresh_token": token}
    return lambda: codes(site.token(form))


def _code(site: Any) -> Callable[[], Any]:
    browser: Any = Browser(site)
    code = browser.code()
    return lambda: codes(browser.redeem(code))


def _device(site: Any) -> Callable[[], Any]:
    browser: Any = Browser(site)
    body = urlencode({"client_id": Site.CLI, "scope": ARM}).encode()
    reply = site.ask("POST", LOGIN, "/organizations/oauth2/v2.0/devicecode", headers=site.FORM, body=body)
    started = json.loads(reply.body)
    browser.sign_in(browser.enter(started["user_code"]))
    form = {"client_id": Site.CLI, "grant_type": "device_code", "device_code": started["device_code"]}
    return lambda: codes(site.token(form))


def _assertion(site: Any) -> Callable[[], Any]:
    form = site.saml_form(site.extract_assertion(site.windows(site.ALICE)))
    return lambda: codes(site.token(form))


def _desktop_sso(site: Any) -> Callable[[], Any]:
    browser: Any = Browser(site)
    page = browser.open(tenant="contoso.com")
    ticket = site.ask("GET", site.AUTOLOGON, "/contoso.com/winauth/sso", headers=site.negotiate(site.ALICE))
    assert ticket.status == 200, ticket.body

    def post() -> Any:
        code = browser.post(page, login="", passwd="", dssoToken=ticket.body.decode()).code
        return None if code is None else [code]

    return post


STEPS = {"refresh": _refresh, "code": _code, "device": _device, "assertion": _assertion, "dssoToken": _desktop_sso}


@pytest.mark.parametrize("step", STEPS)
def test_a_user_who_is_disabled_meanwhile_gets_no_token(make_site: Any, step: str) -> None:
    """50057 at the second step; without the change the second step succeeds."""
    assert STEPS[step](make_site())() is None
    site = make_site()
    finish = STEPS[step](site)
    before = len(site.events(TokenIssued))
    disable(site)
    assert finish() == [50057]
    assert len(site.events(TokenIssued)) == before


def test_shared_authorities_name_no_tenant(site: Any, browser: Any) -> None:
    """50059: tickets at /common, sign-in pages and device codes at /consumers (the lab has work accounts only)."""
    assert site.windows(site.ALICE, domain="common").code == 50059
    assert site.ask("GET", site.AUTOLOGON, "/organizations/winauth/ssoprobe").code == 50059
    assert browser.open(tenant="consumers").code == 50059
    body = urlencode({"client_id": Site.CLI, "scope": ARM}).encode()
    assert site.ask("POST", LOGIN, "/consumers/oauth2/v2.0/devicecode", headers=site.FORM, body=body).code == 50059


@pytest.mark.parametrize(
    ("method", "target", "body", "code"),
    [
        ("GET", "/common/userrealm/?api-version=2.1", b"", 900144),
        ("GET", "/common/userrealm/alice@contoso.com?api-version=9.9", b"", 9002313),
        ("GET", "/GetUserRealm.srf", b"", 900144),
        ("POST", "/common/GetCredentialType", b"{", 9002313),
        ("POST", "/common/GetCredentialType", b"{}", 900144),
        ("POST", "/common/GetCredentialType", b'{"username": 7}', 900144),
        ("POST", "/common/GetCredentialType", b'{"username": "' + b"x" * 70_000 + b'"}', 9002313),
    ],
)
def test_bad_requests_of_realm_discovery(site: Any, method: str, target: str, body: bytes, code: int) -> None:
    """A parameter that is absent, of another type, unknown or too long is refused by its code."""
    assert site.ask(method, LOGIN, target, body=body).code == code


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"[" * 50_000, b'{"x": "' + b"x" * 70_000 + b'"}'])
@pytest.mark.parametrize("path", ["BeginAuth", "EndAuth"])
def test_bad_requests_of_the_second_factor(site: Any, path: str, body: bytes) -> None:
    """A body that is no object of JSON, too long or too deep is refused as malformed, before its token is looked at."""
    assert site.ask("POST", LOGIN, f"/common/SAS/{path}", body=body).code == 9002313

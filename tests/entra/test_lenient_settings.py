"""What a lab accepts by a lenient setting is named as not checked: in the request, its tokens and the verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args
from urllib.parse import urlencode

import pytest
from msgspec.structs import replace
from multidict import CIMultiDict

from ssosim.entra import Call, HttpReply, Provider, Settings
from ssosim.entra.http.exchange import serve
from ssosim.estate import ClientAssertionRules, Cloud, ResourceManager
from ssosim.estate.lenient_settings import LENIENT_SETTINGS, LenientSetting
from ssosim.trace import AccessTokenChecked, ClientAuthenticated, HttpExchange, Record, TokenIssued
from ssosim.trace.export import describe_event
from ssosim.verdict.judge import judge
from ssosim.verdict.outcome import Outcome
from tests.memory.test_federated_tokens import EXCHANGE, mint
from tests.memory.test_federated_tokens import make_estate as make_federated_estate
from tests.resource_servers.conftest import NOW, Servers, make_estate
from tests.resource_servers.estates import SHOP

from .conftest import ALICE, FORM, LOGIN, PASSWORD, Site
from .proofs import CONTOSO, GRAPH, NOON, assertion, assertion_form, estate_with

DAY = 86_400
PASSWORD_FORM = {
    "client_id": Site.CLI,
    "grant_type": "password",
    "username": ALICE,
    "password": PASSWORD,
    "scope": f"openid offline_access {GRAPH}/User.Read.All",
}

Result = tuple[Provider, HttpReply]
Case = Callable[[Callable[..., Site], bool], Result]


def post(site: Site, form: dict[str, str], tenant: str = CONTOSO, **parts: Any) -> Result:
    """A token request; the provider and its reply."""
    headers = parts.pop("headers", FORM)
    target, body = f"/{tenant}/oauth2/v2.0/token", urlencode(form).encode()
    return site.provider, site.ask("POST", LOGIN, target, headers=headers, body=body, **parts)


def with_rules(**rules: Any) -> dict[str, Any]:
    """The changes of ``[cloud.client_assertions]``."""
    return {"client_assertions": ClientAssertionRules(**rules)}


def audiences(make_site: Callable[..., Site], lenient: bool) -> Result:
    """An audience of the first version."""
    site = make_site(estate_with(), cloud=with_rules(audiences=("https://sts.windows.net/{tenant}/",) * lenient))
    return post(site, assertion_form(assertion(aud=f"https://sts.windows.net/{CONTOSO}/")))


def assertion_skew(make_site: Callable[..., Site], lenient: bool) -> Result:
    """An assertion that ended ten minutes ago."""
    site = make_site(estate_with(), cloud=with_rules(clock_skew=3600) if lenient else None)
    return post(site, assertion_form(assertion(nbf=None, exp=NOON.timestamp() - 600)))


def federated_audiences(make_site: Callable[..., Site], lenient: bool) -> Result:  # noqa: ARG001  the signature of a Case
    """A federated token with two audiences."""
    from ssosim.memory import Engine, MemoryLab  # noqa: PLC0415 - only here

    lab = MemoryLab(Engine(float(NOW)), make_federated_estate(multiple_federated_audiences=lenient))
    body = urlencode(assertion_form(mint(lab, aud=[EXCHANGE, "https://other.example"]))).encode()
    target = f"/{CONTOSO}/oauth2/v2.0/token"
    call = Call.read("POST", LOGIN, target, headers=CIMultiDict(FORM), body=body, now=lab.engine.now)
    return lab.provider, serve(lab.provider, call, "desk-1")


def saml(site: Site, *, after: float = 0.0, grant: str = "saml1_1", count: int = 1) -> Result:
    """An assertion of the autologon host, posted ``after`` seconds, ``count`` times."""
    form = site.saml_form(site.extract_assertion(site.windows(site.ALICE)), grant)
    site.clock.advance(after)
    return [post(site, form, "organizations") for _ in range(count)][-1]


def clock_skew(make_site: Callable[..., Site], lenient: bool) -> Result:
    """An assertion that ended ten minutes ago."""
    return saml(make_site(cloud={"clock_skew": 3600} if lenient else None), after=3600 + 600)


def old_access_token(make_site: Callable[..., Site], lenient: bool) -> Result:  # noqa: ARG001  the signature of a Case
    """An access token that is older than 28 hours, at Azure Resource Manager."""
    servers = Servers(_memory_lab())
    token = servers.token(exp=NOW + (40 * 3600 if lenient else DAY))
    servers.now += 30 * 3600
    return servers.lab.provider, servers.arm("GET", SHOP, token)


def old_refresh_token(make_site: Callable[..., Site], lenient: bool) -> Result:
    """A refresh token that is 100 days old."""
    site = make_site(cloud={"refresh_token_lifetime": 200 * DAY} if lenient else None)
    token = site.token(PASSWORD_FORM)[1]["refresh_token"]
    site.clock.advance(100 * DAY)
    return post(site, {"client_id": site.CLI, "grant_type": "refresh_token", "refresh_token": token})


def without_second_factor(make_site: Callable[..., Site], lenient: bool) -> Result:  # noqa: ARG001  the signature of a Case
    """A user who has signed in with a password only creates a resource group."""
    servers = Servers(_memory_lab())
    estate = servers.lab.provider.estate
    manager = replace(estate.resource_manager, mandatory_mfa=not lenient)
    servers.lab.provider.set_estate(replace(estate, resource_manager=manager))
    body = b'{"location":"westeurope"}'
    group = SHOP.replace("/shop", "/new")
    return servers.lab.provider, servers.arm("PUT", group, servers.token(amr=["pwd"]), body=body)


def over_common(make_site: Callable[..., Site], lenient: bool) -> Result:
    """The password grant at /common."""
    settings = Settings(grants_refused_over_common=frozenset()) if lenient else Settings()
    return post(make_site(settings=settings), PASSWORD_FORM, "common")


def large_header(make_site: Callable[..., Site], lenient: bool) -> Result:
    """A ticket in a header of 60 KB."""
    site = make_site(settings=Settings(header_limit=100_000) if lenient else Settings())
    path = "/contoso.com/winauth/trust/2005/windowstransport"
    headers = site.negotiate(site.ALICE)
    return site.provider, site.ask(
        "POST", site.AUTOLOGON, path, headers=headers, body=site.rst(), header_bytes=60 * 1024
    )


def large_envelope(make_site: Callable[..., Site], lenient: bool) -> Result:
    """An envelope of 300 KB."""
    site = make_site(settings=Settings(soap_limit=1_000_000) if lenient else Settings())
    return site.provider, site.windows(site.ALICE, body=site.rst() + b" " * 300_000)


def saml_replay(make_site: Callable[..., Site], lenient: bool) -> Result:
    """One assertion twice."""
    return saml(make_site(settings=Settings(refuse_replay=not lenient)), count=2)


def wrong_saml(make_site: Callable[..., Site], lenient: bool) -> Result:
    """An assertion of SAML 1.1 with the grant of SAML 2.0."""
    return saml(make_site(settings=Settings(saml2_grant_takes_saml1=lenient)), grant="saml2")


def untyped(make_site: Callable[..., Site], lenient: bool) -> Result:
    """A form without a Content-Type."""
    return post(make_site(settings=Settings(untyped_form=lenient)), PASSWORD_FORM, headers={})


def _memory_lab() -> Any:
    from ssosim.memory import Engine, MemoryLab  # noqa: PLC0415 - only for resource servers

    return MemoryLab(Engine(float(NOW)), make_estate())


CASES: dict[LenientSetting, Case] = {
    "cloud.access_token_lifetime": old_access_token,
    "cloud.client_assertions.audiences": audiences,
    "cloud.client_assertions.clock_skew": assertion_skew,
    "cloud.client_assertions.multiple_federated_audiences": federated_audiences,
    "cloud.clock_skew": clock_skew,
    "cloud.refresh_token_lifetime": old_refresh_token,
    "resource_manager.mandatory_mfa": without_second_factor,
    "settings.grants_refused_over_common": over_common,
    "settings.header_limit": large_header,
    "settings.refuse_replay": saml_replay,
    "settings.saml2_grant_takes_saml1": wrong_saml,
    "settings.soap_limit": large_envelope,
    "settings.untyped_form": untyped,
}

NOT_LENIENT = {
    "cloud.assertion": "the form of a token",
    "cloud.assertion_lifetime": "the real lifetime is unconfirmed, and no value is known to be too long",
    "cloud.audience_urn": "a name",
    "cloud.autologon_host": "a name",
    "cloud.client_assertions": "a table",
    "cloud.client_assertions.refuse_replay": "MSAL for Java sent one assertion for ten minutes (its pull request 986)",
    "cloud.cloud_instance_name": "a name",
    "cloud.login_hosts": "names",
    "cloud.mex_path": "a path",
    "cloud.mutual_authentication": "what the service sends, not what it accepts",
    "cloud.not_checked": "noted by the names of its rules",
    "cloud.refresh_in_from": "advice to the client",
    "cloud.request_loop_limit": "off by default, since the real limit is unconfirmed",
    "cloud.request_loop_window": "as the limit",
    "cloud.trust_path": "a path",
    "resource_manager.deployment_duration": "how long a deployment takes",
    "resource_manager.retry_after": "advice to the client",
    "settings.client_rule": "which clients are told of desktop SSO",
    "settings.device_code_slow_down": "whether the real service sends slow_down is unconfirmed",
    "settings.error_separator": "the form of a text",
    "settings.fault_status": "the form of an error",
    "settings.refused_ticket_status": "the form of an error",
    "settings.replay_capacity": "a bound of memory",
    "settings.single_use_refresh_tokens": "the real service revokes no used one (Entra document Refresh tokens)",
    "settings.ticket_codes": "the form of an error",
    "settings.wia_browsers": "a setting of AD FS itself (WIASupportedUserAgents)",
}
"""Settings that let nothing through that the real service is known to refuse, and why."""

CLASSES = {
    "cloud": Cloud,
    "cloud.client_assertions": ClientAssertionRules,
    "resource_manager": ResourceManager,
    "settings": Settings,
}


def last_request(provider: Provider) -> list[Any]:
    """The events of the last request, the exchange last."""
    events = [record.event for record in provider.trace]
    starts = [index for index, event in enumerate(events) if isinstance(event, HttpExchange)]
    return events[starts[-2] + 1 if len(starts) > 1 else 0 :]


def judged(provider: Provider) -> str:
    """The reason of the verdict on the client of ``provider``, which has signed in at the end."""
    records = list(provider.trace)
    signed_in = TokenIssued(kind="access", grant="password", subject=ALICE)
    last = Record(records[-1].seq + 1, records[-1].at + 1, records[-1].client, signed_in)
    verdict = judge([*records, last], records[0].at)
    assert verdict.outcome in (Outcome.SILENT, Outcome.INTERACTIVE)
    return verdict.reason


@pytest.mark.parametrize("name", LENIENT_SETTINGS)
def test_what_was_not_checked_is_named(make_site: Callable[..., Site], name: LenientSetting) -> None:
    """Accepted by the setting: the exchange, its tokens and checks, and the verdict name it, and nothing else."""
    provider, reply = CASES[name](make_site, True)
    assert reply.status in (200, 201), reply.body
    *before, exchange = last_request(provider)
    assert exchange.not_checked == (name,)
    tokens = [each for each in before if isinstance(each, TokenIssued | AccessTokenChecked)]
    assert tokens
    assert {each.not_checked for each in tokens} == {(name,)}
    assert all(f"(not checked: {name})" in describe_event(each) for each in (*tokens, exchange))
    if name.startswith("cloud.client_assertions."):
        proofs = [each for each in before if isinstance(each, ClientAuthenticated)]
        assert [each.not_checked for each in proofs] == [(name,)]
    assert judged(provider).endswith(f"; not checked: {name}")


@pytest.mark.parametrize("name", LENIENT_SETTINGS)
def test_the_strict_value_refuses(make_site: Callable[..., Site], name: LenientSetting) -> None:
    """The same request is refused without the setting, and no record names anything as not checked."""
    provider, reply = CASES[name](make_site, False)
    assert reply.status in (400, 401, 403)
    assert not any(getattr(record.event, "not_checked", ()) for record in provider.trace)


def test_a_setting_that_changes_nothing_is_not_named(make_site: Callable[..., Site]) -> None:
    """With every setting lenient at once, an ordinary sign-in rests on none of them."""
    rules = ClientAssertionRules(
        audiences=("https://other.example",), clock_skew=DAY, multiple_federated_audiences=True
    )
    settings = Settings(
        grants_refused_over_common=frozenset(),
        header_limit=10**6,
        refuse_replay=False,
        saml2_grant_takes_saml1=True,
        soap_limit=10**6,
        untyped_form=True,
    )
    cloud = {
        "access_token_lifetime": 40 * 3600,
        "client_assertions": rules,
        "clock_skew": DAY,
        "refresh_token_lifetime": 400 * DAY,
    }
    site = make_site(estate_with(), settings=settings, cloud=cloud)
    assert post(site, assertion_form(assertion()))[1].status == 200
    assert saml(site)[1].status == 200
    answer = site.token(PASSWORD_FORM)[1]
    refresh = {"client_id": site.CLI, "grant_type": "refresh_token", "refresh_token": answer["refresh_token"]}
    assert post(site, refresh)[1].status == 200
    assert not any(getattr(record.event, "not_checked", ()) for record in site.provider.trace)


def test_no_setting_is_forgotten() -> None:
    """Each setting of the provider and of Azure Resource Manager is lenient, with a case, or said to be none of it."""
    fields = {f"{place}.{name}" for place, kind in CLASSES.items() for name in kind.__struct_fields__}
    assert set(LENIENT_SETTINGS) == set(get_args(LenientSetting)) == set(CASES)
    assert set(LENIENT_SETTINGS) | set(NOT_LENIENT) == fields
    assert not set(LENIENT_SETTINGS) & set(NOT_LENIENT)


def test_a_sign_in_page_names_it_too(make_site: Callable[..., Site], make_browser: Any) -> None:
    """A dssoToken that is over 300 s out of its dates, and the code for it: the verdict names the setting."""
    site = make_site(cloud={"clock_skew": 3600})
    browser = make_browser(site)
    token = site.ask("GET", site.AUTOLOGON, "/contoso.com/winauth/sso", headers=site.negotiate(site.ALICE))
    site.clock.advance(3600 + 600)
    code = browser.sent_back(browser.post(browser.open(), login=ALICE, dssoToken=token.body.decode()))["code"]
    assert last_request(site.provider)[-1].not_checked == ("cloud.clock_skew",)
    assert browser.redeem(code)[0] == 200
    assert judged(site.provider).endswith("; not checked: cloud.clock_skew")


def test_a_refused_request_names_nothing(make_site: Callable[..., Site]) -> None:
    """Nothing rests on a setting where the request is refused for another reason."""
    site = make_site(settings=Settings(untyped_form=True))
    assert post(site, {**PASSWORD_FORM, "password": "wrong"}, headers={})[1].status == 400
    assert last_request(site.provider)[-1].not_checked == ()

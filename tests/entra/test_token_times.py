"""Times, numbers and capabilities in tokens and in the response with them, in both versions of the endpoint."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from ssosim.entra.oauth.tokens import compute_digest, compute_pairwise_subject, compute_refresh_in
from ssosim.trace import TokenIssued

from .estate_of_applications import CLI, CONTOSO, DAEMON, GRAPH, app_form, claims_of, make_estate, password_form


def site_with(make_site: Any, **cloud: int) -> Any:
    """A site whose cloud has other settings."""
    estate = make_estate()
    return make_site(replace(estate, cloud=replace(estate.cloud, **cloud)))


def tokens_of(site: Any, *, v1: bool = False, **more: str) -> dict[str, Any]:
    """The response to a password of a public client that asks for all kinds of tokens."""
    form = password_form(CLI, f"openid offline_access profile {GRAPH}/.default") | {"resource": GRAPH} | more
    status, body = site.token(form, CONTOSO, v1=v1)
    assert status == 200, body
    return dict(body)


def test_an_id_token_lives_an_hour_whatever_an_access_token_does(make_site: Any) -> None:
    """The lifetime of access tokens is a setting; that of id tokens is 3,600 seconds from the time of issue."""
    body = tokens_of(site_with(make_site, access_token_lifetime=5400))
    access, identity = claims_of(body["access_token"]), claims_of(body["id_token"])
    issued = access["iat"] + 300
    assert (access["exp"] - issued, identity["exp"] - issued) == (5400, 3600)
    assert access["nbf"] == access["iat"] == identity["iat"] == identity["nbf"]


def test_numbers_are_numbers_in_version_2_and_texts_in_version_1(make_site: Any) -> None:
    """MSAL reads numbers, ADAL texts; version 1 has the times and the resource besides."""
    site = site_with(make_site, access_token_lifetime=5400)
    second, first = tokens_of(site), tokens_of(site, v1=True)
    assert (second["expires_in"], second["ext_expires_in"]) == (5400, 5400)
    assert (first["expires_in"], first["ext_expires_in"], first["resource"]) == ("5400", "5400", GRAPH)
    assert int(first["expires_on"]) - int(first["not_before"]) == 5700
    assert "expires_on" not in second


@pytest.mark.parametrize(
    ("lifetime", "limit", "refresh_in"),
    [(7200, 7200, 3600), (7199, 7200, None), (7201, 7200, 3600), (7200, 0, None), (5, 1, 2)],
)
def test_a_token_that_lives_long_says_when_to_renew_it(
    make_site: Any, lifetime: int, limit: int, refresh_in: int | None
) -> None:
    """Half of the lifetime, from a lifetime on that is a setting; 0 switches it off."""
    site = site_with(make_site, access_token_lifetime=lifetime, refresh_in_from=limit)
    assert compute_refresh_in(site.provider.estate.cloud) == refresh_in
    assert tokens_of(site).get("refresh_in") == refresh_in
    assert tokens_of(site, v1=True).get("refresh_in") == (None if refresh_in is None else str(refresh_in))


@pytest.mark.parametrize(
    ("asked", "declared"),
    [
        ({"access_token": {"xms_cc": {"values": ["cp1"]}}}, ["cp1"]),
        ({"access_token": {"xms_cc": {"values": ["cp1", "cp1", "llt"]}}}, ["cp1"]),
        ({"access_token": {"xms_cc": {"values": ["llt"]}}}, None),
        ({"access_token": {"xms_cc": {"values": []}}}, None),
        ({"access_token": {"xms_cc": None}}, None),
        ({"access_token": {"other": None}}, None),
        ({"id_token": {"xms_cc": {"values": ["cp1"]}}}, None),
        (None, None),
    ],
)
def test_a_client_that_understands_challenges_has_it_in_its_token(
    make_site: Any, asked: dict[str, Any] | None, declared: list[str] | None
) -> None:
    """``xms_cc`` is what the request declares for the access token, once; nothing else is repeated."""
    site = make_site(make_estate())
    more = {} if asked is None else {"claims": json.dumps(asked)}
    assert claims_of(tokens_of(site, **more)["access_token"]).get("xms_cc") == declared
    status, body = site.token(app_form(DAEMON, f"{GRAPH}/.default") | more, CONTOSO)
    assert (status, claims_of(body["access_token"]).get("xms_cc")) == (200, declared)


def test_each_token_is_in_the_trace_by_its_digest(make_site: Any) -> None:
    """Twelve digits of a hash tell tokens apart; kind, audience and client are those of the token."""
    site = make_site(make_estate())
    body = tokens_of(site)
    events = {event.kind: event for event in site.events(TokenIssued)}
    assert set(events) == {"access", "refresh", "id"}
    for kind, event in events.items():
        assert event.digest == compute_digest(body[f"{kind}_token"])
        assert len(event.digest) == 12
        assert event.client_id == CLI
    assert (events["refresh"].audience, events["id"].audience) == ("", CLI)
    assert len(compute_pairwise_subject("a", "b")) == 43
    assert compute_pairwise_subject("a", "b") != compute_pairwise_subject("a", "c")


def test_tokens_that_were_not_asked_for_are_not_there(make_site: Any) -> None:
    """Without openid no id token, without offline_access no refresh token, without client_info no client info."""
    site = make_site(make_estate())
    status, body = site.token(password_form(CLI, f"{GRAPH}/.default"), CONTOSO)
    assert status == 200
    assert not {"id_token", "refresh_token", "client_info", "foci"} & set(body)
    full = tokens_of(site, client_info="1")
    assert {"id_token", "refresh_token", "client_info", "foci"} <= set(full)
    assert "client_info" not in tokens_of(site, client_info="0")

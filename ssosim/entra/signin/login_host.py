"""The login host's questions: realm, credential type, discovery, keys."""

from __future__ import annotations

from typing import Any

import msgspec

from ssosim.entra.core import openid_discovery, realm_discovery
from ssosim.entra.core.errors import Refusal
from ssosim.entra.core.jose import b64url
from ssosim.entra.core.messages import Answer, Call, json_answer
from ssosim.entra.core.provider import Provider
from ssosim.entra.oauth.authorize_endpoint import open_flow
from ssosim.entra.oauth.federated_users import address_at_service, service_of
from ssosim.entra.signin import credential_type as credentials

__all__ = [
    "configuration_v1",
    "configuration_v2",
    "credential_type",
    "dsso_status",
    "instance",
    "keys_v1",
    "keys_v2",
    "user_realm",
    "user_realm_srf",
]

_QUESTION_LIMIT = 64 * 1024  # a flow token is 16 KiB at most


def user_realm(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:
    """GET /common/userrealm/{upn} and /common/userrealm/?user={upn}; ``api-version`` 1.0, 2.0 or 2.1."""
    login = captured[1] if len(captured) > 1 else call.query.get("user", "")
    version = call.query.get("api-version", "1.0")
    if not login:
        raise Refusal(900144, name="user")
    if version in ("2.0", "2.1"):
        return json_answer(realm_discovery.realm_v2(provider.estate, provider.directory, login))
    if version != "1.0":
        raise Refusal(9002313, reason="The api-version is not known here: 1.0, 2.0 and 2.1 are.")
    answer = realm_discovery.realm_v1(
        provider.estate,
        provider.directory,
        login,
        desktop_sso=provider.settings.clients.sees_desktop_sso(call.headers),
        request_id=call.correlation_id,
    )
    return json_answer(answer)


def user_realm_srf(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:  # noqa: ARG001  an endpoint's shape
    """GET /GetUserRealm.srf?login={upn}; always JSON (``xml=1`` is unconfirmed and not offered)."""
    login = call.query.get("login", "")
    if not login:
        raise Refusal(900144, name="login")
    return json_answer(realm_discovery.realm_srf(provider.estate, provider.directory, login))


def credential_type(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:  # noqa: ARG001  an endpoint's shape
    """POST /common/GetCredentialType with JSON; ``{"username": …}`` is enough."""
    if len(call.body) > _QUESTION_LIMIT:
        raise Refusal(9002313, reason=f"The body is larger than {_QUESTION_LIMIT} bytes.", status=413)
    try:
        question: Any = msgspec.json.decode(call.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refusal(9002313, reason="The body is not JSON.") from None
    username = question.get("username") if isinstance(question, dict) else None
    if not isinstance(username, str) or not username:
        raise Refusal(900144, name="username")
    given = question.get("flowToken")
    token = given if isinstance(given, str) else ""
    answer = credentials.credential_type(
        provider.estate,
        provider.directory,
        username.strip(),
        token,
        b64url(call.trace_id.encode()),
        _address_elsewhere(provider, call, username.strip()[:256], token),
    )
    return json_answer(answer)


def _address_elsewhere(provider: Provider, call: Call, username: str, token: str) -> str:
    """Where a federated user signs in; ``""`` for a managed one. ``token`` is the page's flow, if it asks."""
    service = service_of(provider, username) if "@" in username else None
    if service is None:
        return ""
    try:
        flow = open_flow(provider, token, call.now)
    except Refusal:
        flow = None
    return address_at_service(provider, call, flow, service, username)


def dsso_status(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:  # noqa: ARG001  an endpoint's shape
    """POST /common/instrumentation/dssostatus: the page reports how its silent attempt went."""
    return json_answer({"apiCanary": b64url(call.trace_id.encode())})


def instance(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:  # noqa: ARG001  an endpoint's shape
    """GET /common/discovery/instance."""
    endpoint = call.query.get("authorization_endpoint")
    version = call.query.get("api-version", "1.0")
    return json_answer(openid_discovery.instance_discovery(provider.estate.cloud, endpoint, version))


def _configuration(provider: Provider, call: Call, tenant: str, version: openid_discovery.TokenVersion) -> Answer:
    authority = provider.directory.authority(tenant)
    cloud = provider.estate.cloud
    return json_answer(openid_discovery.openid_configuration(cloud, call.host, authority, version))


def configuration_v1(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:
    """GET /{tenant}/.well-known/openid-configuration."""
    return _configuration(provider, call, captured[0], "1.0")


def configuration_v2(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:
    """GET /{tenant}/v2.0/.well-known/openid-configuration."""
    return _configuration(provider, call, captured[0], "2.0")


def _keys(provider: Provider, tenant: str, version: openid_discovery.TokenVersion) -> Answer:
    authority = provider.directory.authority(tenant)
    return json_answer(openid_discovery.jwks(provider.estate.cloud, provider.keys.cloud, authority, version))


def keys_v1(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:  # noqa: ARG001  an endpoint's shape
    """GET /{tenant}/discovery/keys."""
    return _keys(provider, captured[0], "1.0")


def keys_v2(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:  # noqa: ARG001  an endpoint's shape
    """GET /{tenant}/discovery/v2.0/keys."""
    return _keys(provider, captured[0], "2.0")

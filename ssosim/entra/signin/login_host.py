"""The discovery endpoints of the login host: realm, credential type, instance, OpenID configuration, keys."""

from __future__ import annotations

from typing import Any

import msgspec

from ssosim.entra.core import openid_discovery, realm_discovery
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.jose import encode_base64url
from ssosim.entra.core.messages import JSON_NO_STORE, Call, HttpReply, make_json_reply
from ssosim.entra.core.provider import Provider
from ssosim.entra.oauth.authorize_endpoint import open_flow
from ssosim.entra.oauth.federated_users import build_service_url, federation_service_of_login
from ssosim.entra.oauth.token_request import read_form
from ssosim.entra.signin import credential_type
from ssosim.estate import FederationService

__all__ = [
    "handle_configuration_v1",
    "handle_configuration_v2",
    "handle_credential_type",
    "handle_dsso_status",
    "handle_instance_discovery",
    "handle_keys_v1",
    "handle_keys_v2",
    "handle_user_realm",
    "handle_user_realm_srf",
]

_PUBLIC = (("Cache-Control", "max-age=86400, private"),)
_TENANT_NOT_FOUND = 90002
_REALM = (*JSON_NO_STORE, ("Content-Disposition", "inline; filename=userrealm.json"))
_BODY_LIMIT = 64 * 1024  # bytes; a flow token has at most 16 KiB


def handle_user_realm(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:
    """GET /common/userrealm/{upn} and /common/userrealm/?user={upn}; ``api-version`` 1.0, 2.0 or 2.1."""
    login = captured[1] if len(captured) > 1 else call.query.get("user", "")
    version = call.query.get("api-version", "")
    if not login:
        raise AadstsError(900144, name="user")
    # A "#" in the name of a guest cuts it off: no body (msal4j issue 371); MSAL Go authority.go quotes 90014 instead.
    if not version:
        return HttpReply(400)
    if version in ("2.0", "2.1"):
        home = provider.cloud_of_login(login)
        return make_json_reply(
            realm_discovery.build_realm_v2(home.estate.cloud, home.directory, login, home.find_announced_service)
        )
    if version != "1.0":
        raise AadstsError(9002313, reason="The api-version is not known here: 1.0, 2.0 and 2.1 are.")
    home = provider.cloud_of_login(login)
    body = realm_discovery.build_realm_v1(
        home.estate.cloud,
        home.directory,
        login,
        home.find_announced_service,
        desktop_sso=provider.settings.client_rule.offers_desktop_sso(call.headers),
        request_id=call.correlation_id,
    )
    return make_json_reply(body, headers=_REALM)


def handle_user_realm_srf(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:  # noqa: ARG001  the signature of a Handler
    """GET or POST /GetUserRealm.srf with ``login``; JSON, or XML with ``xml=1``. Fields of a form go before a query."""
    fields = {**call.query, **(read_form(call.body) if call.method == "POST" else {})}
    login = fields.get("login", "")
    if not login:
        raise AadstsError(900144, name="login")
    home = provider.cloud_of_login(login)
    realm = realm_discovery.build_realm_srf(home.estate.cloud, home.directory, login, home.find_announced_service)
    if fields.get("xml") == "1":
        return HttpReply(200, realm_discovery.render_realm_xml(realm), "text/xml; charset=utf-8")
    return make_json_reply({name: value for name, value in realm.items() if name not in realm_discovery.XML_ONLY})


def handle_credential_type(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:  # noqa: ARG001  the signature of a Handler
    """POST /common/GetCredentialType with JSON; ``{"username": …}`` is enough."""
    if len(call.body) > _BODY_LIMIT:
        raise AadstsError(9002313, reason=f"The body is larger than {_BODY_LIMIT} bytes.", status=413)
    try:
        request: Any = msgspec.json.decode(call.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise AadstsError(9002313, reason="The body is not JSON.") from None
    username = request.get("username") if isinstance(request, dict) else None
    if not isinstance(username, str) or not username:
        raise AadstsError(900144, name="username")
    given = request.get("flowToken")
    token = given if isinstance(given, str) else ""
    service = federation_service_of_login(provider, username) if "@" in username else None
    body = credential_type.build_credential_type(
        provider.directory,
        username.strip(),
        service,
        token,
        encode_base64url(call.trace_id.encode()),
        "" if service is None else _federation_sign_in_url(provider, call, service, username.strip()[:256], token),
    )
    return make_json_reply(body)


def _federation_sign_in_url(
    provider: Provider, call: Call, service: FederationService, username: str, token: str
) -> str:
    """Return the sign-in URL of a federated user.

    ``token`` is the flow token of the sign-in page, if the page sends the request.
    """
    try:
        flow = open_flow(provider, token, call.now)
    except AadstsError:
        flow = None
    return build_service_url(provider, call, flow, service, username)


def handle_dsso_status(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:  # noqa: ARG001  the signature of a Handler
    """POST /common/instrumentation/dssostatus: the page reports the result of its attempt with a ticket."""
    return make_json_reply({"apiCanary": encode_base64url(call.trace_id.encode())})


def handle_instance_discovery(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:  # noqa: ARG001  the signature of a Handler
    """GET /common/discovery/instance."""
    endpoint = call.query.get("authorization_endpoint")
    version = call.query.get("api-version", "1.0")
    clouds = tuple(each.estate.cloud for each in provider.list_clouds())
    body = openid_discovery.build_instance_discovery(clouds, endpoint, version)
    return make_json_reply(body, headers=_PUBLIC)


def _find_document_cloud(provider: Provider, tenant: str) -> Provider:
    """Return the provider of the cloud of ``tenant``.

    The documents of a tenant of another cloud are served, and name the hosts of that cloud (smallstep/certificates pull
    request 1309: a tenant of China at login.microsoftonline.com; public tools do so for tenants of US Government).
    """
    other = provider.find_other_cloud(tenant)
    return provider if other is None else provider.cloud_of_tenant(other)


def _configuration(provider: Provider, call: Call, tenant: str, version: openid_discovery.TokenVersion) -> HttpReply:
    home, host = _find_document_cloud(provider, tenant), call.host
    if home is not provider:
        host = home.estate.cloud.login_hosts[0]
    try:
        authority = home.directory.find_authority(tenant)
    except AadstsError as error:
        if error.code == _TENANT_NOT_FOUND:  # azure-keyvault-emulator issue 324; other endpoints: unconfirmed
            error.error = "invalid_tenant"
        raise
    body = openid_discovery.build_openid_configuration(home.estate.cloud, host, authority, version)
    return make_json_reply(body, headers=_PUBLIC)


def handle_configuration_v1(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:
    """GET /{tenant}/.well-known/openid-configuration."""
    return _configuration(provider, call, captured[0], "1.0")


def handle_configuration_v2(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:
    """GET /{tenant}/v2.0/.well-known/openid-configuration."""
    return _configuration(provider, call, captured[0], "2.0")


def _keys(provider: Provider, tenant: str, version: openid_discovery.TokenVersion) -> HttpReply:
    home = _find_document_cloud(provider, tenant)
    authority = home.directory.find_authority(tenant)
    return make_json_reply(openid_discovery.build_jwks(home.estate.cloud, home.keys.cloud, authority, version))


def handle_keys_v1(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:  # noqa: ARG001  the signature of a Handler
    """GET /{tenant}/discovery/keys."""
    return _keys(provider, captured[0], "1.0")


def handle_keys_v2(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:  # noqa: ARG001  the signature of a Handler
    """GET /{tenant}/discovery/v2.0/keys."""
    return _keys(provider, captured[0], "2.0")

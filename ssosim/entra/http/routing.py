"""Which endpoint a request is for: by host, path (case-insensitive) and method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from ssosim.entra.core.messages import Answer, Call
from ssosim.entra.core.provider import Provider
from ssosim.entra.oauth import authorize_endpoint, device_code_flow, token_endpoint
from ssosim.entra.oauth.error_responses import Style
from ssosim.entra.signin import adfs_pages, login_host, login_srf, sign_in_post
from ssosim.entra.wstrust import adfs, autologon
from ssosim.estate import Cloud

__all__ = ["Endpoint", "Route", "find_route"]

Endpoint = Callable[[Provider, Call, tuple[str, ...]], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint, how its errors look, and whether it judges the size of request headers itself."""

    endpoint: Endpoint
    style: Style = "oauth"
    takes_tickets: bool = False


@dataclass(slots=True)
class _Node:
    literal: dict[str, _Node] = field(default_factory=dict)
    any: _Node | None = None
    routes: dict[str, Route] = field(default_factory=dict)


_LOGIN = (
    ("GET", "/{t}/userrealm/{user}", Route(login_host.user_realm)),
    ("GET", "/{t}/userrealm", Route(login_host.user_realm)),
    ("GET", "/getuserrealm.srf", Route(login_host.user_realm_srf)),
    ("POST", "/{t}/getcredentialtype", Route(login_host.credential_type)),
    ("POST", "/{t}/instrumentation/dssostatus", Route(login_host.dsso_status)),
    ("GET", "/{t}/discovery/instance", Route(login_host.instance)),
    ("GET", "/{t}/discovery/keys", Route(login_host.keys_v1)),
    ("GET", "/{t}/discovery/v2.0/keys", Route(login_host.keys_v2)),
    ("GET", "/{t}/.well-known/openid-configuration", Route(login_host.configuration_v1)),
    ("GET", "/{t}/v2.0/.well-known/openid-configuration", Route(login_host.configuration_v2)),
    ("POST", "/{t}/oauth2/token", Route(token_endpoint.token_v1, "oauth-v1")),
    ("POST", "/{t}/oauth2/v2.0/token", Route(token_endpoint.token_v2)),
    ("GET", "/{t}/oauth2/authorize", Route(authorize_endpoint.authorize_v1, "text")),
    ("GET", "/{t}/oauth2/v2.0/authorize", Route(authorize_endpoint.authorize_v2, "text")),
    ("GET", "/{t}/oauth2/nativeclient", Route(authorize_endpoint.native_client, "text")),
    ("GET", "/{t}/instrumentation/shown", Route(authorize_endpoint.shown, "text")),
    ("POST", "/{t}/login", Route(sign_in_post.login, "text")),
    ("POST", "/login.srf", Route(login_srf.login_srf, "text")),
    ("POST", "/{t}/oauth2/devicecode", Route(device_code_flow.device_code_v1, "oauth-v1")),
    ("POST", "/{t}/oauth2/v2.0/devicecode", Route(device_code_flow.device_code_v2)),
    ("GET", "/{t}/oauth2/deviceauth", Route(device_code_flow.code_page, "text")),
    ("POST", "/{t}/oauth2/deviceauth", Route(device_code_flow.code_form, "text")),
)
_FEDERATION = (
    ("GET", "/adfs/ls", Route(adfs_pages.adfs_page, "text")),
    ("POST", "/adfs/ls", Route(adfs_pages.adfs_password, "text")),
    ("GET", "/adfs/ls/wia", Route(adfs_pages.adfs_wia, "text", True)),
    ("GET", "/adfs/services/trust/mex", Route(adfs.adfs_mex, "adfs")),
    ("POST", "/adfs/services/trust/{v}/windowstransport", Route(adfs.adfs_windows_transport, "adfs", True)),
    ("POST", "/adfs/services/trust/{v}/usernamemixed", Route(adfs.adfs_username_mixed, "adfs")),
)


def _autologon(cloud: Cloud) -> tuple[tuple[str, str, Route], ...]:
    trust = cloud.trust_path
    return (
        ("GET", cloud.mex_path, Route(autologon.mex_document, "soap")),
        ("POST", f"{trust}/windowstransport", Route(autologon.windows_transport, "soap", True)),
        ("POST", f"{trust}/usernamemixed", Route(autologon.username_mixed, "soap")),
        ("GET", "/{domain}/winauth/sso", Route(autologon.browser_sso, "text", True)),
        ("GET", "/{domain}/winauth/ssoprobe", Route(autologon.browser_probe, "text", True)),
        ("OPTIONS", "/{domain}/winauth/sso", Route(autologon.browser_preflight, "text")),
        ("OPTIONS", "/{domain}/winauth/ssoprobe", Route(autologon.browser_preflight, "text")),
    )


@lru_cache(maxsize=16)
def _tree(role: str, cloud: Cloud) -> _Node:
    root = _Node()
    table = {"login": _LOGIN, "federation": _FEDERATION}.get(role) or _autologon(cloud)
    for method, path, route in table:
        node = root
        for segment in path.strip("/").lower().split("/"):
            if segment.startswith("{"):
                node.any = node.any or _Node()
                node = node.any
            else:
                node = node.literal.setdefault(segment, _Node())
        node.routes[method] = route
    return root


def find_route(provider: Provider, call: Call) -> tuple[Route | tuple[str, ...], tuple[str, ...]] | None:
    """The route and the variable segments of the path, or the methods allowed there, or None for no such page."""
    role = provider.roles.get(call.host)
    if role is None:
        return None
    node, captured = _tree(role, provider.estate.cloud), []
    for segment in call.path:
        below = node.literal.get(segment.lower())
        if below is None:
            below = node.any
            captured.append(segment)
        if below is None or not segment:
            return None
        node = below
    if not node.routes:
        return None
    route = node.routes.get("GET" if call.method == "HEAD" else call.method)
    return (tuple(sorted(node.routes)) if route is None else route), tuple(captured)

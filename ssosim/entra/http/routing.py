"""Routing: finds the handler of a request by host, path (case-insensitive) and method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

from msgspec import Struct, field

from ssosim.entra.core.messages import Call, HttpReply
from ssosim.entra.core.page_views import handle_page_view
from ssosim.entra.core.provider import Provider
from ssosim.entra.http import cors
from ssosim.entra.oauth import authorize_endpoint, device_code_flow, token_endpoint, userinfo
from ssosim.entra.oauth.error_responses import ErrorStyle
from ssosim.entra.signin import adfs_pages, login_host, login_srf, logout, second_factor, sign_in_post
from ssosim.entra.wstrust import adfs, autologon
from ssosim.entra.wstrust.federation_metadata import handle_federation_metadata
from ssosim.estate import Cloud, Estate
from ssosim.trace import SignInStep

__all__ = ["Handler", "Route", "RouteRow", "error_style_of", "find_route", "first_steps", "routes_of", "step_of"]

Handler = Callable[[Provider, Call, tuple[str, ...]], HttpReply]
"""Handles the calls of one endpoint. The texts are the variable segments of the path, as sent but decoded."""


class Route(Struct, frozen=True):
    """An endpoint: its handler, its step of a sign-in, the style of its errors.

    ``checks_header_size``: whether the handler itself refuses headers that are too large. ``cross_origin``: whether
    pages of other sites may read the replies.
    """

    handler: Handler
    step: SignInStep
    error_style: ErrorStyle = "oauth"
    checks_header_size: bool = False
    cross_origin: bool = False


RouteRow = tuple[str, str, Route]
"""A row of a route table: the method, the path with its variable segments in braces, and the route."""


_LONGEST_KEPT = 512
"""Characters of the longest path with its query whose route is kept. Each request asks for its route twice."""


class _Node(Struct):
    literal: dict[str, _Node] = field(default_factory=dict)
    variable: _Node | None = None
    routes: dict[str, Route] = field(default_factory=dict)


def _open(handler: Handler, step: SignInStep, style: ErrorStyle = "oauth") -> Route:
    """Return the route of an endpoint that pages of other sites may read."""
    return Route(handler, step, style, cross_origin=True)


_GET_POST = ("GET", "POST")
_DOCUMENTS: tuple[RouteRow, ...] = (
    ("GET", "/{t}/discovery/instance", _open(login_host.handle_instance_discovery, SignInStep.INSTANCE)),
    ("GET", "/{t}/discovery/keys", _open(login_host.handle_keys_v1, SignInStep.KEYS)),
    ("GET", "/{t}/discovery/v2.0/keys", _open(login_host.handle_keys_v2, SignInStep.KEYS)),
    (
        "GET",
        "/{t}/.well-known/openid-configuration",
        _open(login_host.handle_configuration_v1, SignInStep.CONFIGURATION),
    ),
    (
        "GET",
        "/{t}/v2.0/.well-known/openid-configuration",
        _open(login_host.handle_configuration_v2, SignInStep.CONFIGURATION),
    ),
)
_LOGIN: tuple[RouteRow, ...] = (
    ("GET", "/{t}/userrealm/{user}", Route(login_host.handle_user_realm, SignInStep.REALM)),
    ("GET", "/{t}/userrealm", Route(login_host.handle_user_realm, SignInStep.REALM)),
    *((method, "/getuserrealm.srf", Route(login_host.handle_user_realm_srf, SignInStep.REALM)) for method in _GET_POST),
    ("POST", "/{t}/getcredentialtype", Route(login_host.handle_credential_type, SignInStep.CREDENTIAL_TYPE)),
    ("POST", "/{t}/instrumentation/dssostatus", Route(login_host.handle_dsso_status, SignInStep.SIGN_IN_PAGE)),
    *_DOCUMENTS,
    *(
        ("OPTIONS", path, Route(cors.handle_document_preflight, route.step, route.error_style))
        for _, path, route in _DOCUMENTS
    ),
    ("POST", "/{t}/oauth2/token", _open(token_endpoint.handle_token_v1, SignInStep.TOKEN, "oauth-v1")),
    ("POST", "/{t}/oauth2/v2.0/token", _open(token_endpoint.handle_token_v2, SignInStep.TOKEN)),
    *(
        ("OPTIONS", f"/{{t}}/oauth2{version}/token", Route(cors.handle_token_preflight, SignInStep.TOKEN))
        for version in ("", "/v2.0")
    ),
    ("GET", "/{t}/oauth2/authorize", Route(authorize_endpoint.handle_authorize_v1, SignInStep.AUTHORIZE, "page")),
    ("GET", "/{t}/oauth2/v2.0/authorize", Route(authorize_endpoint.handle_authorize_v2, SignInStep.AUTHORIZE, "page")),
    *(
        (method, f"/{{t}}/oauth2{version}/logout", Route(logout.handle_logout, SignInStep.LOGOUT, "page"))
        for method in _GET_POST
        for version in ("", "/v2.0")
    ),
    *((method, "/{t}/openid/userinfo", Route(userinfo.handle_userinfo, SignInStep.USERINFO)) for method in _GET_POST),
    ("GET", "/{t}/oauth2/nativeclient", Route(authorize_endpoint.handle_native_client, SignInStep.REDIRECT, "page")),
    ("GET", "/{t}/instrumentation/shown", Route(handle_page_view, SignInStep.SIGN_IN_PAGE, "page")),
    ("POST", "/{t}/login", Route(sign_in_post.handle_login, SignInStep.SIGN_IN_PAGE, "page")),
    ("POST", "/{t}/sas/beginauth", Route(second_factor.handle_begin_auth, SignInStep.SIGN_IN_PAGE)),
    ("POST", "/{t}/sas/endauth", Route(second_factor.handle_end_auth, SignInStep.SIGN_IN_PAGE)),
    ("POST", "/{t}/sas/processauth", Route(sign_in_post.handle_process_auth, SignInStep.SIGN_IN_PAGE, "page")),
    ("POST", "/login.srf", Route(login_srf.handle_login_srf, SignInStep.SIGN_IN_PAGE, "page")),
    (
        "POST",
        "/{t}/oauth2/devicecode",
        Route(device_code_flow.handle_device_code_v1, SignInStep.DEVICE_CODE, "oauth-v1"),
    ),
    ("POST", "/{t}/oauth2/v2.0/devicecode", Route(device_code_flow.handle_device_code_v2, SignInStep.DEVICE_CODE)),
    ("GET", "/{t}/oauth2/deviceauth", Route(device_code_flow.handle_code_page, SignInStep.DEVICE_PAGE, "page")),
    ("POST", "/{t}/oauth2/deviceauth", Route(device_code_flow.handle_code_form, SignInStep.DEVICE_PAGE, "page")),
)
_FEDERATION = (
    ("GET", "/adfs/ls", Route(adfs_pages.handle_adfs_page, SignInStep.SIGN_IN_PAGE, "text")),
    ("POST", "/adfs/ls", Route(adfs_pages.handle_adfs_password, SignInStep.SIGN_IN_PAGE, "text")),
    ("GET", "/adfs/portal/logo/logo.png", Route(handle_page_view, SignInStep.SIGN_IN_PAGE, "text")),
    ("GET", "/adfs/ls/wia", Route(adfs_pages.handle_adfs_wia, SignInStep.BROWSER_SSO, "text", True)),
    *(
        (method, "/adfs/services/trust/mex", Route(adfs.handle_adfs_mex, SignInStep.MEX, "adfs"))
        for method in _GET_POST
    ),
    ("GET", "/federationmetadata/2007-06/federationmetadata.xml", Route(handle_federation_metadata, SignInStep.OTHER)),
    (
        "POST",
        "/adfs/services/trust/{v}/{kind}",
        Route(adfs.handle_adfs_other, SignInStep.OTHER, "adfs"),
    ),
    (
        "POST",
        "/adfs/services/trust/{v}/windowstransport",
        Route(adfs.handle_adfs_windows_transport, SignInStep.WSTRUST_TICKET, "adfs", True),
    ),
    (
        "POST",
        "/adfs/services/trust/{v}/usernamemixed",
        Route(adfs.handle_adfs_username_mixed, SignInStep.WSTRUST_PASSWORD, "adfs"),
    ),
)


def _autologon(cloud: Cloud) -> tuple[RouteRow, ...]:
    trust = cloud.trust_path
    return (
        ("GET", cloud.mex_path, Route(autologon.handle_mex, SignInStep.MEX, "soap")),
        (
            "POST",
            f"{trust}/windowstransport",
            Route(autologon.handle_windows_transport, SignInStep.WSTRUST_TICKET, "soap", True),
        ),
        ("POST", f"{trust}/usernamemixed", Route(autologon.handle_username_mixed, SignInStep.WSTRUST_PASSWORD, "soap")),
        ("GET", "/{domain}/winauth/sso", Route(autologon.handle_browser_sso, SignInStep.BROWSER_SSO, "text", True)),
        (
            "GET",
            "/{domain}/winauth/ssoprobe",
            Route(autologon.handle_browser_probe, SignInStep.BROWSER_SSO, "text", True),
        ),
        ("OPTIONS", "/{domain}/winauth/sso", Route(autologon.handle_browser_preflight, SignInStep.BROWSER_SSO, "text")),
        (
            "OPTIONS",
            "/{domain}/winauth/ssoprobe",
            Route(autologon.handle_browser_preflight, SignInStep.BROWSER_SSO, "text"),
        ),
    )


_EXTRA_STEPS: Mapping[str, SignInStep] = {
    "windowstransport": SignInStep.WSTRUST_TICKET,
    "usernamemixed": SignInStep.WSTRUST_PASSWORD,
}


def _find_extra_endpoint(provider: Provider, call: Call) -> Route | None:
    """Return the route of an extra endpoint of a federation service, which the estate names; None if it is none."""
    service = provider.federation_by_host.get(call.host) if call.method == "POST" else None
    endpoint = None if service is None else adfs.find_extra_endpoint(service, call)
    if endpoint is None:
        return None
    return Route(adfs.handle_adfs_extra, _EXTRA_STEPS.get(endpoint.kind, SignInStep.OTHER), "adfs")


_FIRST_STEPS: Mapping[str, SignInStep] = {
    "login": SignInStep.REALM,
    "autologon": SignInStep.MEX,
    "federation": SignInStep.MEX,
}
_TABLES: Mapping[str, Callable[[Cloud], tuple[RouteRow, ...]]] = MappingProxyType(
    {"login": lambda _: _LOGIN, "autologon": _autologon, "federation": lambda _: _FEDERATION}
)
_STYLES: Mapping[str, ErrorStyle] = MappingProxyType({"login": "oauth", "autologon": "soap", "federation": "adfs"})


def routes_of(service: str, cloud: Cloud) -> tuple[RouteRow, ...]:
    """Return the route table of ``login``, ``autologon`` or ``federation``; raises KeyError for another name."""
    return _TABLES[service](cloud)


def error_style_of(service: str) -> ErrorStyle:
    """Return the style of a service's errors as long as the route is not known; raises KeyError."""
    return _STYLES[service]


@lru_cache(maxsize=16)
def _tree(service: str, cloud: Cloud) -> _Node:
    root = _Node()
    for method, path, route in routes_of(service, cloud):
        node = root
        for segment in path.strip("/").lower().split("/"):
            if segment.startswith("{"):
                node.variable = node.variable or _Node()
                node = node.variable
            else:
                node = node.literal.setdefault(segment, _Node())
        node.routes[method] = route
    return root


def find_route(provider: Provider, call: Call) -> tuple[Route | tuple[str, ...], tuple[str, ...]] | None:
    """Find the route of a call.

    Returns the route and the variable segments of the path; the allowed methods instead of the route, if the method is
    not one of them; None if there is no such path.
    """
    extra = _find_extra_endpoint(provider, call)
    if extra is not None:
        return extra, ()
    found = _find_node(provider, call)
    if found is None:
        return None
    node, captured = found
    route = node.routes.get("GET" if call.method == "HEAD" else call.method)
    # The text of AADSTS900561 names OPTIONS last (captures of it).
    return (
        tuple(sorted(node.routes, key=lambda each: (each == "OPTIONS", each))) if route is None else route
    ), captured


def step_of(provider: Provider, call: Call) -> SignInStep:
    """Return the step of a sign-in that the path of ``call`` belongs to, for any method; OTHER for an unknown path."""
    extra = _find_extra_endpoint(provider, call)
    if extra is not None:
        return extra.step
    found = _find_node(provider, call)
    if found is None:
        return SignInStep.OTHER
    routes = found[0].routes
    return (routes.get(call.method) or next(iter(routes.values()))).step


def first_steps(estate: Estate) -> dict[str, SignInStep]:
    """Return, by host name in lower case, the step of the first request that clients send to each host of ``estate``.

    This step stands for the host if no path is known: its name has no address, or the connection fails.
    """
    return {name.lower(): _FIRST_STEPS[service] for name, service in estate.list_identity_hosts()}


def _find_node(provider: Provider, call: Call) -> tuple[_Node, tuple[str, ...]] | None:
    service = provider.service_by_host.get(call.host)
    if service is None:
        return None
    find = _find_in_tree if len(call.target) <= _LONGEST_KEPT else _find_in_tree.__wrapped__
    return find(service, provider.at(call.host).estate.cloud, call.path)


@lru_cache(maxsize=4096)
def _find_in_tree(service: str, cloud: Cloud, path: tuple[str, ...]) -> tuple[_Node, tuple[str, ...]] | None:
    node, captured = _tree(service, cloud), []
    for segment in path:
        below = node.literal.get(segment.lower())
        if below is None:
            below = node.variable
            captured.append(segment)
        if below is None or not segment:
            return None
        node = below
    return (node, tuple(captured)) if node.routes else None

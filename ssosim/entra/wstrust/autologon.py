"""The autologon host: MEX, windowstransport, usernamemixed, and the two endpoints for browsers.

Sources: AADInternals Kerberos_utils.ps1 and KillChain_utils.ps1, ROADtools auth.py, MSAL.NET issues 1985 and 2044,
Seamless SSO how-it-works; the CORS headers for browsers follow from the XHR of the page and are unconfirmed.
"""

from __future__ import annotations

import hashlib

from ssosim.entra.core import endpoint_urls
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.messages import Call, HttpReply, make_guid
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.safe_xml import InvalidXmlError
from ssosim.entra.core.sealed_tokens import DesktopSsoClaims
from ssosim.entra.wstrust import mex
from ssosim.entra.wstrust.integrated_auth import authenticate, make_challenge, mutual_auth_headers, require_desktop_sso
from ssosim.entra.wstrust.kept_requests import KeptRequests
from ssosim.entra.wstrust.passwords import check_cloud_password
from ssosim.entra.wstrust.rst import Rst
from ssosim.entra.wstrust.rstr import SOAP_TYPE, Rstr, render_rstr
from ssosim.entra.wstrust.saml_write import TOKEN_TYPE_SAML1, AssertionFacts, sign_assertion, wrap_desktop_sso_token
from ssosim.estate import Tenant, User
from ssosim.trace import TokenIssued

__all__ = ["BROWSER_SSO_PURPOSE", "DESKTOP_SSO_PURPOSE", "handle_browser_preflight", "handle_browser_probe",
"handle_browser_sso", "handle_mex", "handle_username_mixed", "handle_windows_transport"]  # fmt: skip

DESKTOP_SSO_PURPOSE, BROWSER_SSO_PURPOSE = (
    "desktop-sso",
    "browser-sso",
)  # the purposes with which the two kinds of tokens are sealed
_WINDOWS, _PASSWORD = "urn:federation:authentication:windows", "urn:oasis:names:tc:SAML:1.0:am:password"
_read_request = KeptRequests().read_without_id
_PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")


def handle_mex(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:
    """GET …/winauth/trust/mex: no authentication."""
    require_desktop_sso(provider.directory.require_tenant(captured[0]))
    body = mex.render_autologon_mex(provider.estate.cloud, captured[0].lower(), call.correlation_id)
    return HttpReply(200, body, mex.MEX_TYPE)


def handle_windows_transport(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:
    """POST …/2005/windowstransport: challenge, ticket, RSTR."""
    tenant = require_desktop_sso(provider.directory.require_tenant(captured[0]))
    signed_on = authenticate(provider, call, tenant)
    if signed_on is None:
        return make_challenge()
    user, ticket = signed_on
    rst = _read_rst(provider, call)
    return _reply_with_assertion(provider, call, tenant, user, rst, "kerberos", mutual_auth_headers(provider, ticket))


def handle_username_mixed(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:
    """POST …/2005/usernamemixed: a password in the envelope. 81016 if Seamless SSO is off (AADInternals)."""
    tenant = provider.directory.require_tenant(captured[0])
    call.trace_buffer.auth = "password"
    rst = _read_rst(provider, call)
    if not tenant.desktop_sso:
        raise AadstsError(81016)
    if rst.username is None:
        raise AadstsError(81016, reason="The request carries no UsernameToken.")
    user = check_cloud_password(provider, tenant, rst.username, rst.password)
    if user.mfa_required:
        raise AadstsError(50076, resource=provider.estate.cloud.audience_urn)
    return _reply_with_assertion(provider, call, tenant, user, rst, "password")


def _read_rst(provider: Provider, call: Call) -> Rst:
    try:
        rst = _read_request(call.body, "2005", provider.settings.soap_limit)
    except InvalidXmlError as error:
        raise AadstsError(81016, reason=str(error)) from None
    if rst.applies_to not in ("", provider.estate.cloud.audience_urn):
        raise AadstsError(81016, reason="AppliesTo names no known relying party.")
    return rst


def _reply_with_assertion(
    provider: Provider,
    call: Call,
    tenant: Tenant,
    user: User,
    rst: Rst,
    grant: str,
    headers: tuple[tuple[str, str], ...] = (),
) -> HttpReply:
    cloud = provider.estate.cloud
    start = int(call.now)
    end = start + cloud.assertion_lifetime
    method = _WINDOWS if grant == "kerberos" else _PASSWORD
    if cloud.assertion == "signed-saml":
        facts = AssertionFacts(
            id=f"_{make_guid()}",
            issuer=endpoint_urls.autologon_issuer(cloud, tenant.id),
            audience=cloud.audience_urn,
            name_id=user.immutable_id or user.object_id,
            upn=user.upn,
            not_before=start,
            not_on_or_after=end,
            method=method,
        )
        token = sign_assertion(facts, provider.keys.cloud)
        assertion = token
    else:
        token = provider.sealer.seal(
            DESKTOP_SSO_PURPOSE,
            DesktopSsoClaims(make_guid(), tenant.id, user.object_id, cloud.audience_urn, start, end, method),
        )
        assertion = wrap_desktop_sso_token(token)
    call.trace_buffer.events.append(
        TokenIssued(
            kind="assertion",
            grant=grant,
            subject=user.upn,
            audience=cloud.audience_urn,
            digest=_digest(token),
            not_checked=call.trace_buffer.not_checked,
        )
    )
    rstr = Rstr(rst.version, TOKEN_TYPE_SAML1, cloud.audience_urn, assertion, call.now, end)
    return HttpReply(200, render_rstr(rstr), SOAP_TYPE, headers)


def _cors_headers(provider: Provider, call: Call) -> tuple[tuple[str, str], ...]:
    origin = call.headers.get("Origin", "")
    hosts = provider.estate.cloud.login_hosts
    allowed = origin if origin.lower() in {f"https://{host.lower()}" for host in hosts} else f"https://{hosts[0]}"
    return (
        ("Access-Control-Allow-Origin", allowed),
        ("Access-Control-Allow-Credentials", "true"),
        ("Vary", "Origin"),
        ("Cache-Control", "no-store"),
    )


def handle_browser_sso(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:
    """GET …/winauth/sso: the raw dssoToken as text, for the sign-in page's XHR."""
    tenant = require_desktop_sso(provider.directory.require_tenant(captured[0]))
    cors = _cors_headers(provider, call)
    signed_on = authenticate(provider, call, tenant)
    if signed_on is None:
        return make_challenge(*cors)
    user, ticket = signed_on
    start = int(call.now)
    cloud = provider.estate.cloud
    end = start + cloud.assertion_lifetime
    token = provider.sealer.seal(
        BROWSER_SSO_PURPOSE,
        DesktopSsoClaims(make_guid(), tenant.id, user.object_id, cloud.audience_urn, start, end, _WINDOWS),
    )
    event = TokenIssued(
        kind="browser",
        grant="kerberos",
        subject=user.upn,
        audience=cloud.audience_urn,
        digest=_digest(token),
        not_checked=call.trace_buffer.not_checked,
    )
    call.trace_buffer.events.append(event)
    return HttpReply(200, token.encode(), "text/plain; charset=utf-8", (*cors, *mutual_auth_headers(provider, ticket)))


def handle_browser_probe(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:
    """GET …/winauth/ssoprobe: tests whether the browser sends tickets.

    The body of the 200, one pixel, is unconfirmed.
    """
    tenant = require_desktop_sso(provider.directory.require_tenant(captured[0]))
    cors = _cors_headers(provider, call)
    signed_on = authenticate(provider, call, tenant)
    if signed_on is None:
        return make_challenge(*cors)
    return HttpReply(200, _PIXEL, "image/gif", (*cors, *mutual_auth_headers(provider, signed_on[1])))


def handle_browser_preflight(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:
    """OPTIONS for both: the CORS preflight of an XHR with credentials and custom headers."""
    provider.directory.require_tenant(captured[0])
    return HttpReply(
        204,
        headers=(
            *_cors_headers(provider, call),
            ("Access-Control-Allow-Methods", "GET, OPTIONS"),
            ("Access-Control-Allow-Headers", "client-request-id"),
        ),
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:12]

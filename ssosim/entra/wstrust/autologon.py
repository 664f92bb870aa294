"""The autologon host: MEX, windowstransport, usernamemixed, and the browser's two addresses.

Sources: AADInternals Kerberos_utils.ps1 and KillChain_utils.ps1, ROADtools auth.py, MSAL.NET issues 1985 and 2044,
Seamless SSO how-it-works; CORS headers of the browser's part are implied by its XHR and unconfirmed.
"""

from __future__ import annotations

import hashlib

from ssosim.entra.core import endpoint_urls
from ssosim.entra.core.errors import Refusal
from ssosim.entra.core.messages import Answer, Call, new_guid
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.safe_xml import XmlRefusedError
from ssosim.entra.core.sealed_tokens import DesktopSsoGrant
from ssosim.entra.wstrust import mex
from ssosim.entra.wstrust.integrated_auth import challenge, mutual, opted_in, sign_on
from ssosim.entra.wstrust.passwords import check_cloud_password, mfa_claims
from ssosim.entra.wstrust.rst import Rst, parse_rst
from ssosim.entra.wstrust.rstr import SOAP_TYPE, Rstr, render_rstr
from ssosim.entra.wstrust.saml_write import TOKEN_TYPE_SAML1, AssertionFacts, desktop_sso_assertion, issue
from ssosim.estate import Tenant, User
from ssosim.trace import TokenIssued

__all__ = ["BROWSER", "DESKTOP_SSO", "browser_preflight", "browser_probe", "browser_sso", "mex_document",
           "username_mixed", "windows_transport"]  # fmt: skip

DESKTOP_SSO, BROWSER = "desktop-sso", "browser-sso"  # purposes of sealed tokens
_WINDOWS, _PASSWORD = "urn:federation:authentication:windows", "urn:oasis:names:tc:SAML:1.0:am:password"
_PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")


def mex_document(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:
    """GET …/winauth/trust/mex: no authentication."""
    opted_in(provider.directory.strict_tenant(captured[0]))
    body = mex.autologon_mex(provider.estate.cloud, captured[0].lower(), call.correlation_id)
    return Answer(200, body, mex.MEX_TYPE)


def windows_transport(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:
    """POST …/2005/windowstransport: challenge, ticket, RSTR."""
    tenant = opted_in(provider.directory.strict_tenant(captured[0]))
    signed_on = sign_on(provider, call, tenant)
    if signed_on is None:
        return challenge()
    user, ticket = signed_on
    rst = _read(provider, call)
    return _issue(provider, call, tenant, user, rst, "kerberos", mutual(provider, ticket))


def username_mixed(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:
    """POST …/2005/usernamemixed: a password in the envelope. 81016 where Seamless SSO is off (AADInternals)."""
    tenant = provider.directory.strict_tenant(captured[0])
    call.journal.auth = "password"
    rst = _read(provider, call)
    if not tenant.desktop_sso:
        raise Refusal(81016)
    if rst.username is None:
        raise Refusal(81016, reason="The request carries no UsernameToken.")
    user = check_cloud_password(provider.estate, provider.directory, tenant, rst.username, rst.password)
    if user.mfa_required:
        raise Refusal(50076, resource=provider.estate.cloud.audience_urn, claims=mfa_claims())
    return _issue(provider, call, tenant, user, rst, "password")


def _read(provider: Provider, call: Call) -> Rst:
    try:
        rst = parse_rst(call.body, "2005", provider.settings.soap_limit)
    except XmlRefusedError as error:
        raise Refusal(81016, reason=str(error)) from None
    if rst.applies_to not in ("", provider.estate.cloud.audience_urn):
        raise Refusal(81016, reason="AppliesTo names no known relying party.")
    return rst


def _issue(
    provider: Provider,
    call: Call,
    tenant: Tenant,
    user: User,
    rst: Rst,
    grant: str,
    headers: tuple[tuple[str, str], ...] = (),
) -> Answer:
    cloud = provider.estate.cloud
    start = int(call.now)
    end = start + cloud.assertion_lifetime
    method = _WINDOWS if grant == "kerberos" else _PASSWORD
    if cloud.assertion == "signed-saml":
        facts = AssertionFacts(
            id=f"_{new_guid()}",
            issuer=endpoint_urls.autologon_issuer(cloud, tenant.id),
            audience=cloud.audience_urn,
            name_id=user.immutable_id or user.object_id,
            upn=user.upn,
            not_before=start,
            not_on_or_after=end,
            method=method,
        )
        token = issue(facts, provider.keys.cloud)
        assertion = token
    else:
        token = provider.seal.close(
            DESKTOP_SSO,
            DesktopSsoGrant(new_guid(), tenant.id, user.object_id, cloud.audience_urn, start, end, method),
        )
        assertion = desktop_sso_assertion(token)
    call.journal.events.append(
        TokenIssued(kind="assertion", grant=grant, subject=user.upn, audience=cloud.audience_urn, digest=_digest(token))
    )
    rstr = Rstr(rst.version, TOKEN_TYPE_SAML1, cloud.audience_urn, assertion, call.now, end)
    return Answer(200, render_rstr(rstr), SOAP_TYPE, headers)


def _cors(provider: Provider, call: Call) -> tuple[tuple[str, str], ...]:
    origin = call.headers.get("Origin", "")
    hosts = provider.estate.cloud.login_hosts
    allowed = origin if origin.lower() in {f"https://{host.lower()}" for host in hosts} else f"https://{hosts[0]}"
    return (
        ("Access-Control-Allow-Origin", allowed),
        ("Access-Control-Allow-Credentials", "true"),
        ("Vary", "Origin"),
        ("Cache-Control", "no-store"),
    )


def browser_sso(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:
    """GET …/winauth/sso: the raw dssoToken as text, for the sign-in page's XHR."""
    tenant = opted_in(provider.directory.strict_tenant(captured[0]))
    cors = _cors(provider, call)
    signed_on = sign_on(provider, call, tenant)
    if signed_on is None:
        return challenge(*cors)
    user, ticket = signed_on
    start = int(call.now)
    cloud = provider.estate.cloud
    end = start + cloud.assertion_lifetime
    token = provider.seal.close(
        BROWSER, DesktopSsoGrant(new_guid(), tenant.id, user.object_id, cloud.audience_urn, start, end, _WINDOWS)
    )
    event = TokenIssued(
        kind="browser", grant="kerberos", subject=user.upn, audience=cloud.audience_urn, digest=_digest(token)
    )
    call.journal.events.append(event)
    return Answer(200, token.encode(), "text/plain; charset=utf-8", (*cors, *mutual(provider, ticket)))


def browser_probe(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:
    """GET …/winauth/ssoprobe: may this browser send tickets here? The body of the 200 is unconfirmed: one pixel."""
    tenant = opted_in(provider.directory.strict_tenant(captured[0]))
    cors = _cors(provider, call)
    signed_on = sign_on(provider, call, tenant)
    if signed_on is None:
        return challenge(*cors)
    return Answer(200, _PIXEL, "image/gif", (*cors, *mutual(provider, signed_on[1])))


def browser_preflight(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:
    """OPTIONS on the two: what an XHR with credentials and own headers needs."""
    provider.directory.strict_tenant(captured[0])
    return Answer(
        204,
        headers=(
            *_cors(provider, call),
            ("Access-Control-Allow-Methods", "GET, OPTIONS"),
            ("Access-Control-Allow-Headers", "client-request-id"),
        ),
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:12]

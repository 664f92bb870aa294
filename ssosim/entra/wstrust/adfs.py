"""The security token service of a federated domain. It stands for AD FS.

It has the same users, by their realm accounts. It accepts RSTs of WS-Trust 2005 and 1.3, and issues *signed*
assertions: SAML 1.1, or 2.0 if the RST requests it. Sources: AD FS MEX in MSAL.NET's test resources; HTTP 500 for
faults, as AD FS sends it.
"""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

from msgspec import Struct

from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.messages import Call, HttpReply, make_guid
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.realm_discovery import federation_service_of_domain
from ssosim.entra.core.safe_xml import InvalidXmlError
from ssosim.entra.core.ticket_acceptor import ChannelBindings, RefusedTicket
from ssosim.entra.core.timestamps import read_xml_time
from ssosim.entra.wstrust import mex
from ssosim.entra.wstrust.adfs_message import SAML2_NAMES, check_media_type, check_message, make_fault
from ssosim.entra.wstrust.integrated_auth import (
    accept_ticket,
    make_challenge,
    mutual_auth_headers,
    read_negotiate_token,
)
from ssosim.entra.wstrust.passwords import is_password_of
from ssosim.entra.wstrust.rst import WSSE, Rst, TrustVersion, find_message_id, parse_rst, read_transfer_get
from ssosim.entra.wstrust.rstr import SOAP_TYPE, Rstr, render_adfs_fault, render_adfs_rstr
from ssosim.entra.wstrust.saml_write import TOKEN_TYPE_SAML1, TOKEN_TYPE_SAML2, AssertionFacts, sign_assertion
from ssosim.estate import FederationService, User
from ssosim.estate.trust_endpoints import INTRANET_ONLY, ExtraEndpoint
from ssosim.trace import TokenIssued

__all__ = [
    "AUTHENTICATION_FAILED",
    "IssuedAssertion",
    "check_user",
    "find_extra_endpoint",
    "handle_adfs_extra",
    "handle_adfs_mex",
    "handle_adfs_other",
    "handle_adfs_username_mixed",
    "handle_adfs_windows_transport",
    "is_relying_party",
    "issue_assertion",
    "issuer_of_service",
    "make_federation_challenge",
    "render_adfs_error",
    "user_of_password",
    "user_of_ticket",
]

AUTHENTICATION_FAILED = 50126  # rendered without its number: AD FS has no AADSTS codes
_WINDOWS, _PASSWORD = "urn:federation:authentication:windows", "urn:oasis:names:tc:SAML:1.0:am:password"
_AUTHENTICATION_TEXT = "ID3242: The security token could not be authenticated or authorized."
_UNKNOWN_SCOPE = "ID3082: The request scope is not valid or is unsupported."
_INVALID_SECURITY = "An error occurred when verifying security for the message."
_CLOCK_SKEW = 300
"""Seconds that the clock of a client may differ: ``maxClockSkew`` of WCF, by default five minutes."""
_VERSIONS: dict[str, TrustVersion] = {"2005": "2005", "13": "13"}


class IssuedAssertion(Struct, frozen=True):
    """A signed assertion as text, its audience, and its end in seconds since the Unix epoch."""

    text: str
    audience: str
    expires: int


def handle_adfs_mex(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:  # noqa: ARG001  the signature of a Handler
    """GET /adfs/services/trust/mex, and POST of a WS-Transfer Get (IdentityServer2 issue 878), in an envelope then."""
    service = provider.federation_by_host[call.host]
    if service.protocol == "SAML20":
        raise AadstsError(81016, reason="There is no such endpoint.", status=404)
    if call.method != "POST":
        return HttpReply(200, mex.render_adfs_mex(service), mex.MEX_TYPE)
    try:
        message_id = read_transfer_get(call.body, provider.settings.soap_limit)
    except InvalidXmlError as error:
        raise AadstsError(81016, reason=str(error)) from None
    return HttpReply(200, mex.render_transfer_response(service, message_id), SOAP_TYPE)


def handle_adfs_windows_transport(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:
    """POST /adfs/services/trust/{2005,13}/windowstransport: a refused ticket is challenged again (unconfirmed).

    It is not published outside of the corporate network (AD FS document on endpoints; the status is unconfirmed).
    """
    _check_endpoint(provider, call, captured[0], "windowstransport")
    try:
        signed_on = user_of_ticket(provider, call)
    except AadstsError:
        return make_federation_challenge()
    if signed_on is None:
        return make_federation_challenge()
    return _reply_with_assertion(
        provider,
        call,
        signed_on[0],
        _read_rst(provider, call, captured[0], "windowstransport"),
        "kerberos",
        signed_on[1],
    )


def handle_adfs_username_mixed(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:
    """POST /adfs/services/trust/{2005,13}/usernamemixed."""
    call.trace_buffer.auth = "password"
    rst = _read_rst(provider, call, captured[0], "usernamemixed")
    return _reply_with_assertion(
        provider,
        call,
        user_of_password(provider, call, provider.federation_by_host[call.host], rst.username or "", rst.password),
        rst,
        "password",
    )


def handle_adfs_other(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:
    """POST to an endpoint for certificates, Kerberos messages or issued tokens: ID3242, as nobody has one here."""
    kind = captured[1].lower()
    if kind == "certificatetransport":  # at a port of its own
        raise AadstsError(81016, reason="There is no such endpoint.", status=404)
    _read_rst(provider, call, captured[0], kind)
    raise AadstsError(AUTHENTICATION_FAILED)


def handle_adfs_extra(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:  # noqa: ARG001  the signature of a Handler
    """POST to an extra endpoint of the estate, which is listed and cannot be used (MSAL Go issue 98)."""
    call.trace_buffer.auth = "password" if b":Password" in call.body else "none"
    raise AadstsError(81016, reason="The endpoint is not configured.")


def find_extra_endpoint(service: FederationService, call: Call) -> ExtraEndpoint | None:
    """Return the extra endpoint of ``service`` at the host, port and path of ``call``; None if there is none."""
    for endpoint in service.extra_endpoints:
        address = urlsplit(endpoint.address)
        here = (address.hostname or "", address.port or 443) == (call.host, call.port)
        if here and address.path.strip("/").lower() == "/".join(call.path).strip("/").lower():
            return endpoint
    return None


def user_of_ticket(provider: Provider, call: Call) -> tuple[User | None, tuple[tuple[str, str], ...]] | None:
    """Return the user of the request's ticket and the headers of the reply; None if the request has no ticket.

    The user is None if no user has the account. Raises AadstsError for a refused ticket.
    """
    token = read_negotiate_token(call)
    if token is None:
        return None
    verdict = accept_ticket(provider, call, token, _channel_bindings(provider, call))
    if isinstance(verdict, RefusedTicket):
        raise AadstsError(AUTHENTICATION_FAILED)
    account, _, realm = verdict.principal.rpartition("@")
    user = provider.directory.find_user_by_account(account)
    if user is not None and provider.estate.realm_of(user).name != realm:
        user = None
    return user, mutual_auth_headers(provider, verdict)


def make_federation_challenge() -> HttpReply:
    """Return the 401 of AD FS, which offers Negotiate and NTLM, in two header fields.

    A client that takes the last scheme, or looks at one field only, has no ticket to send (dotnet/corefx issues 27672
    and 32328, go-ntlmssp issue 21). NTLM itself is refused here. Source: scanners for NTLM find AD FS at
    ``/adfs/ls/wia`` and ``/adfs/services/trust/2005/windowstransport`` (github.com/nyxgeek/ntlmscan).
    """
    return make_challenge(("WWW-Authenticate", "NTLM"))


def _channel_bindings(provider: Provider, call: Call) -> ChannelBindings | None:
    """Return the TLS connection that a ticket has to be bound to; None if that does not matter.

    A ticket that is bound to another connection is refused, unless the check is off: so a client that computes its
    channel bindings wrongly, or behind a device that ends TLS, is asked for credentials again and again. Sources:
    Set-AdfsProperties, ExtendedProtectionTokenCheck; Windows documentation: HTTP_AUTHENTICATION_HARDENING_LEVELS;
    Microsoft support KB2461628; curl issues 3503 and 22466.
    """
    check = provider.federation_by_host[call.host].extended_protection_token_check
    own = provider.read_channel_bindings() if call.scheme == "https" else b""
    if check == "None" or (check == "Allow" and not own):
        return None
    return ChannelBindings(own, required=check == "Require")


def user_of_password(provider: Provider, call: Call, service: FederationService, name: str, password: str) -> User:
    """Check the password in ``call`` and return the user; raises AadstsError.

    ``name`` is a user principal name, or a domain, a backslash and an account.
    """
    user = _find_user(provider, service, name)
    if user is None:
        raise AadstsError(AUTHENTICATION_FAILED)
    if user.locked:
        raise _refuse_user(call, user, 50053)
    if not is_password_of(user, password):
        raise _refuse_user(call, user, 50126)
    if user.password_expired or user.force_change_password_next_sign_in or user.has_expired(provider.clock.now()):
        raise _refuse_user(call, user, 50055)
    return user


def _refuse_user(call: Call, user: User, code: int = 0) -> AadstsError:
    """Return the error for a request of ``user``, whose state or domain is the reason; Entra has ``code`` for that."""
    call.trace_buffer.refused_user = user.upn, code
    return AadstsError(AUTHENTICATION_FAILED)


def _find_user(provider: Provider, service: FederationService, name: str) -> User | None:
    r"""Find the user by ``DOMAIN\account`` or by a user principal name.

    The domain is the NetBIOS or the DNS name of the Active Directory domain. A name that exists in Entra only is good
    with ``alternate_login_id`` (AD FS document "Configuring Alternate Login ID").
    """
    domain, backslash, account = name.rpartition("\\")
    if backslash:
        user = provider.directory.find_user_by_account(account)
        if user is None:
            return None
        realm = provider.estate.realm_of(user)
        return user if domain.lower() in (realm.netbios.lower(), realm.domain.lower(), realm.name.lower()) else None
    found = provider.directory.find_user_on_premises(name)
    if found is None and service.alternate_login_id:
        found = provider.directory.find_user(name)
    return found


def render_adfs_error(error: AadstsError, call: Call) -> bytes:
    """Render ``error`` as AD FS does: ID3242, ID3082 and others, in the namespace of the endpoint's version.

    Sources: node-sp-auth issue 77 (ID3082), azure-cli issue 22244 (ID3242).
    """
    version: TrustVersion = "13" if "13" in call.path else "2005"
    message_id = find_message_id(call.body)
    if error.code == AUTHENTICATION_FAILED:
        return render_adfs_fault("FailedAuthentication", _AUTHENTICATION_TEXT, version, message_id)
    subcode, namespace = error.details.get("subcode", "InvalidRequest"), error.details.get("namespace", "")
    text = error.details.get("reason") or "The request is invalid or malformed."
    return render_adfs_fault(subcode, text, version, message_id, namespace)


def _check_endpoint(provider: Provider, call: Call, version: str, kind: str) -> FederationService:
    """Return the service of ``call`` if it has this endpoint for its client; raises AadstsError with status 404."""
    service = provider.federation_by_host[call.host]
    outside = kind in INTRANET_ONLY and provider.is_off_network(call.trace_buffer.client)
    if service.protocol == "SAML20" or f"{version}/{kind}" not in service.endpoints or outside:
        raise AadstsError(81016, reason="There is no such endpoint.", status=404)
    return service


def _read_rst(provider: Provider, call: Call, version: str, kind: str) -> Rst:
    service = _check_endpoint(provider, call, version, kind)
    check_media_type(call.headers, call.body)
    try:
        rst = parse_rst(call.body, _VERSIONS[version], provider.settings.soap_limit)
    except InvalidXmlError as error:
        raise AadstsError(81016, reason=str(error)) from None
    if not _is_timely(rst, provider.client_time(call)):
        call.trace_buffer.refused_date = True
        raise make_fault("InvalidSecurity", _INVALID_SECURITY, WSSE)
    check_message(rst, kind)
    if not is_relying_party(provider, service, rst.applies_to):
        raise make_fault("InvalidScope", _UNKNOWN_SCOPE)
    return rst


def _is_timely(rst: Rst, now: float) -> bool:
    """Whether the Timestamp of ``rst`` is valid at ``now``, the time by the clock of the client; one without is.

    WCF refuses one that was created in the future or has expired by more than five minutes, and one that is none.
    Sources: php-crm-toolkit issues 29 and 74, XrmToolBox
    issue 473, WCF document on ``maxClockSkew``.
    """
    try:
        created, expires = (read_xml_time(text) if text else now for text in (rst.created, rst.expires))
    except ValueError:
        return False
    return created <= now + _CLOCK_SKEW and expires > now - _CLOCK_SKEW and created <= expires


def is_relying_party(provider: Provider, service: FederationService, identifier: str) -> bool:
    """Whether ``service`` issues tokens for ``identifier``: the cloud, or an enabled relying party of the estate."""
    if identifier == provider.estate.cloud.audience_urn:
        return True
    return any(identifier in each.identifiers for each in service.relying_parties if each.enabled)


def _is_user_of_service(provider: Provider, service: FederationService, user: User) -> bool:
    entry = provider.directory.find_domain(user.upn)
    return entry is not None and federation_service_of_domain(provider.estate, entry) == service


def check_user(
    provider: Provider, call: Call, service: FederationService, user: User | None, *, for_cloud: bool = True
) -> User:
    """Return ``user``, of whom ``service`` may tell the cloud; raises AadstsError for nobody and for others' users."""
    if user is not None and not user.enabled:
        raise _refuse_user(call, user, 50057)
    if user is None:
        raise AadstsError(AUTHENTICATION_FAILED)
    if for_cloud and not _is_user_of_service(provider, service, user):
        raise _refuse_user(call, user)
    return user


def issuer_of_service(service: FederationService, user: User) -> str:
    """Return the issuer of an assertion for the cloud: one for all domains, or that of the user's domain.

    Source: AD FS claim rule of ``SupportMultipleDomain`` (mandiant/ADFSpoof issue 6).
    """
    if not service.issuer_per_domain:
        return service.issuer
    return f"http://{user.upn.rpartition('@')[2].lower()}/adfs/services/trust/"


def issue_assertion(
    provider: Provider,
    call: Call,
    user: User | None,
    grant: str,
    token_type: str = TOKEN_TYPE_SAML1,
    audience: str = "",
) -> IssuedAssertion:
    """Issue a signed assertion about ``user`` by the federation service at the host of ``call``.

    ``audience`` is the relying party, by default the cloud. Raises AadstsError for a user of another domain, if it is
    the cloud. ``grant``: ``kerberos`` or ``password``.
    """
    audience = audience or provider.estate.cloud.audience_urn
    for_cloud = audience == provider.estate.cloud.audience_urn
    service = provider.federation_by_host[call.host]
    user = check_user(provider, call, service, user, for_cloud=for_cloud)
    start = int(call.now)
    end = start + service.token_lifetime
    named = user.upn if service.alternate_login_id else user.on_premises_upn or user.upn
    identifiers = {"immutable-id": user.immutable_id or "", "upn": named, "none": ""}
    facts = AssertionFacts(
        id=f"_{make_guid()}",
        issuer=issuer_of_service(service, user) if for_cloud else service.issuer,
        audience=audience,
        name_id=identifiers[service.name_id] if for_cloud else named,
        upn=named if service.upn_claim == "upn" else "",
        not_before=start,
        not_on_or_after=end,
        method=_WINDOWS if grant == "kerberos" else _PASSWORD,
    )
    assertion = sign_assertion(facts, provider.keys.federation[service.name], token_type)
    digest = hashlib.sha256(assertion.encode()).hexdigest()[:12]
    call.trace_buffer.events.append(
        TokenIssued(
            kind="assertion",
            grant=grant,
            subject=user.upn,
            audience=audience,
            digest=digest,
            not_checked=call.trace_buffer.not_checked,
        )
    )
    return IssuedAssertion(assertion, audience, end)


def _reply_with_assertion(
    provider: Provider,
    call: Call,
    user: User | None,
    rst: Rst,
    grant: str,
    headers: tuple[tuple[str, str], ...] = (),
) -> HttpReply:
    token_type = TOKEN_TYPE_SAML2 if rst.token_type in SAML2_NAMES else TOKEN_TYPE_SAML1
    issued = issue_assertion(provider, call, user, grant, token_type, rst.applies_to)
    service = provider.federation_by_host[call.host]
    named = service.token_type or token_type
    rstr = Rstr(rst.version, named, issued.audience, issued.text, call.now, issued.expires)
    return HttpReply(200, render_adfs_rstr(rstr, rst.message_id), SOAP_TYPE, headers)

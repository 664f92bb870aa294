"""Integrated Windows authentication: from the Authorization header of a request to the user of its Kerberos ticket.

Theory of operation
-------------------

HTTP Negotiate (RFC 4559) at the autologon host has two requests:

1. The client sends a request without ``Authorization``. The reply is 401 with ``WWW-Authenticate: Negotiate`` and an
   empty body (``make_challenge``).
2. The client gets a service ticket for ``HTTP/<host>`` from the KDC and repeats the request with ``Authorization:
   Negotiate <token>``. The token is an AP-REQ, usually inside SPNEGO, in base64. A client may send it in its first
   request.

``authenticate`` handles both requests. Its steps, each with the code of its refusal:

1. The size of all headers: above the limit the ticket is too large (81001). This comes first: the token of such a
   request is not decoded.
2. ``read_negotiate_token``: no header or another scheme means that a challenge is due (None); the scheme NTLM is 81005,
   a value that is not base64 is 81009.
3. ``accept_ticket``: the acceptor of the host checks the token with its key table. It is a port
   (``core/ticket_acceptor.py``); in a lab it is GSSAPI. It returns the principal, or one of a fixed set of reasons,
   which ``Settings.ticket_codes`` maps to codes (81002 to 81010).
4. ``find_ticket_owner``: the principal becomes a user. The realm must be the estate's (81013); the account must belong
   to a synced user with a SID in this tenant (81011); the user must be enabled (50057).

A reply to an accepted ticket also carries the acceptor's AP-REP (``mutual_auth_headers``), so that a client that wants
mutual authentication can verify the host.

Rules that always hold:

- A refused ticket is never challenged again at the autologon host: the reply is 403 with the code
  (``Settings.refused_ticket_status``). A second 401 would make clients try again or ask for a password. The federation
  service (``adfs.py``) challenges again, because AD FS does that; it uses the functions here, but not ``authenticate``.
- Each token that reaches the acceptor gives one ``TicketChecked`` event, accepted or refused, and the trace never
  contains the token.
- ``call.trace_buffer.auth`` is set before a refusal is raised, so the trace has the method also for a broken token:
  ``kerberos`` or ``ntlm`` if the mechanism is known, ``negotiate`` if not.
- Channel bindings of a ticket are not checked at the autologon host: whether the real one does is unconfirmed. The
  federation service checks them (``adfs.py``).
- The tenant in the path does not select the key. One service account has the keys of all autologon host names, and the
  tenant only limits the users.

What can go wrong: ``find_ticket_owner`` compares the whole principal name. A principal such as ``alice/admin`` is not
the account ``alice``.

Sources: Seamless SSO how-it-works, troubleshooting page and FAQ; AADInternals Kerberos.ps1 (header in the first
request); public posts about windowstransport report the 403, its body is unconfirmed.
"""

from __future__ import annotations

import base64
import binascii

from ssosim.entra.core.directory import Directory
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.messages import Call, HttpReply, list_fields
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.ticket_acceptor import AcceptedTicket, ChannelBindings, RefusedTicket
from ssosim.estate import Estate, Tenant, User
from ssosim.trace import TicketChecked

__all__ = [
    "CHALLENGE",
    "accept_ticket",
    "authenticate",
    "find_ticket_owner",
    "make_challenge",
    "mutual_auth_headers",
    "read_negotiate_token",
    "require_desktop_sso",
]

CHALLENGE = ("WWW-Authenticate", "Negotiate")
_TIME_REASONS = frozenset({"skew", "not-yet-valid", "expired"})


def make_challenge(*headers: tuple[str, str]) -> HttpReply:
    """Return 401 with ``WWW-Authenticate: Negotiate``, the given headers and an empty body."""
    return HttpReply(401, headers=(CHALLENGE, *headers))


def read_negotiate_token(call: Call) -> bytes | None:
    """Return the token of ``Authorization: Negotiate …``; None if the request has no such header.

    Raises AadstsError 81009 for a value that is not base64, 81005 for the scheme NTLM. Two header fields are refused,
    even if they are equal: Authorization is no list (RFC 9110, sections 5.3 and 11.6.2), and servers answer 400 or join
    them to a value that is no token (janus issue 3163, sentry-cli issue 663).
    """
    if len(list_fields(call.headers, "Authorization")) > 1:
        call.trace_buffer.auth = "negotiate"
        raise AadstsError(81009, reason="There is more than one Authorization header.")
    scheme, _, value = call.headers.get("Authorization", "").strip().partition(" ")
    kind = scheme.lower()
    if kind == "ntlm":
        call.trace_buffer.auth = "ntlm"
        raise AadstsError(81005)
    if kind != "negotiate":
        return None
    call.trace_buffer.auth = "negotiate"
    try:
        token = base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise AadstsError(81009, reason="The header's value is not base64.") from None
    if not token:
        raise AadstsError(81009, reason="The header carries no token.")
    return token


def accept_ticket(
    provider: Provider, call: Call, token: bytes, bindings: ChannelBindings | None = None
) -> AcceptedTicket | RefusedTicket:
    """Have the acceptor of the host check ``token``, and record its verdict in ``call.trace_buffer``.

    ``bindings``: the TLS connection that the token has to be bound to; None: any.
    """
    acceptor = provider.acceptors.get(call.host)
    verdict = (
        RefusedTicket("unknown", "other", f"No key table is configured for {call.host}.")
        if acceptor is None
        else acceptor.accept(token, bindings)
    )
    if isinstance(verdict, AcceptedTicket):
        call.trace_buffer.auth = "kerberos"
        event = TicketChecked(
            accepted=True,
            mechanism="kerberos",
            service=verdict.service,
            principal=verdict.principal,
            kvno=verdict.kvno,
            etype=verdict.etype,
            session_etype=verdict.session_etype,
        )
    else:
        call.trace_buffer.auth = "negotiate" if verdict.mechanism == "unknown" else verdict.mechanism
        reason = f"{verdict.reason}: {verdict.text}" if verdict.text else verdict.reason
        faults = verdict.faults
        if verdict.reason in _TIME_REASONS:
            text, faults = provider.clocks.explain_refused_ticket(
                call.trace_buffer.client, call.host, of_ticket=verdict.reason != "skew"
            )
            reason += f" ({text})" if text else ""
        event = TicketChecked(
            accepted=False,
            mechanism=verdict.mechanism,
            service=call.host,
            reason=reason,
            kvno=verdict.kvno,
            etype=verdict.etype,
            session_etype=verdict.session_etype,
            faults=faults,
        )
    call.trace_buffer.events.append(event)
    return verdict


def require_desktop_sso(tenant: Tenant) -> Tenant:
    """Return the tenant if Seamless SSO is on; raises AadstsError 81007 if not."""
    if not tenant.desktop_sso:
        raise AadstsError(81007)
    return tenant


def find_ticket_owner(directory: Directory, estate: Estate, tenant: Tenant, principal: str) -> User:
    """Find the synced user of ``principal``: by the account, its realm and its SID.

    Raises AadstsError: 81013 for a realm that ``estate`` does not have, 81011 when no synced user of ``tenant``
    has the SID, 50057 for a disabled one. Source: the name of 81011 (DesktopSsoLookupUserBySidFailed) in the Entra
    error-code reference.
    """
    account, _, of_realm = principal.rpartition("@")
    if of_realm not in (realm.name for realm in estate.realms):
        raise AadstsError(81013)
    # The whole name, never its first component: a principal such as alice/admin is another account.
    user = directory.find_user_by_account(account)
    if user is None or estate.realm_of(user).name != of_realm:
        raise AadstsError(81011)
    if user.sid is None or not user.synced or directory.find_home_tenant(user).id != tenant.id:
        raise AadstsError(81011)
    if not user.enabled:
        raise AadstsError(50057, user=user.upn)
    return user


def mutual_auth_headers(provider: Provider, ticket: AcceptedTicket) -> tuple[tuple[str, str], ...]:
    """Return the header with the token for mutual authentication; none if the settings say so or there is no token."""
    if not ticket.reply or not provider.mutual_authentication:
        return ()
    return (("WWW-Authenticate", f"Negotiate {base64.b64encode(ticket.reply).decode()}"),)


def authenticate(provider: Provider, call: Call, tenant: Tenant) -> tuple[User, AcceptedTicket] | None:
    """Return the user and the ticket of a request; None if a challenge is due.

    Raises AadstsError with the HTTP status for refused tickets.
    """
    try:
        return _authenticate_ticket(provider, call, tenant)
    except AadstsError as error:
        error.status = provider.settings.refused_ticket_status
        raise


def _authenticate_ticket(provider: Provider, call: Call, tenant: Tenant) -> tuple[User, AcceptedTicket] | None:
    if call.header_bytes > provider.settings.header_limit:
        call.trace_buffer.auth = "negotiate" if "Authorization" in call.headers else "none"
        raise AadstsError(81001)
    token = read_negotiate_token(call)
    if token is None:
        return None
    verdict = accept_ticket(provider, call, token)
    if isinstance(verdict, RefusedTicket):
        raise AadstsError(provider.settings.ticket_codes[verdict.reason], reason=verdict.text)
    try:
        user = find_ticket_owner(provider.directory, provider.estate, tenant, verdict.principal)
    except AadstsError as error:
        if owner := error.details.get("user"):
            call.trace_buffer.refused_user = str(owner), error.code
        raise
    return user, verdict

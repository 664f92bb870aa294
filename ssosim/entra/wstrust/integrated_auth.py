"""Integrated Windows authentication at the autologon host: from the Authorization header to the user.

Sources: Seamless SSO how-it-works, troubleshooting page and FAQ; AADInternals Kerberos.ps1 (pre-emptive header); the
403 is reported by public posts about windowstransport, its body is unconfirmed.
"""

from __future__ import annotations

import base64
import binascii

from ssosim.entra.core.directory import Directory
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.messages import Call, HttpReply
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.ticket_acceptor import AcceptedTicket, RefusedTicket
from ssosim.estate import Tenant, User
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


def make_challenge(*headers: tuple[str, str]) -> HttpReply:
    """401 with an empty body: the Kerberos challenge."""
    return HttpReply(401, headers=(CHALLENGE, *headers))


def read_negotiate_token(call: Call) -> bytes | None:
    """The token of ``Authorization: Negotiate …``; None when the request carries no such header.

    Raises AadstsError 81009 for a value that is no base64, 81005 for the bare NTLM scheme.
    """
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


def accept_ticket(provider: Provider, call: Call, token: bytes) -> AcceptedTicket | RefusedTicket:
    """Let the host's acceptor judge, and put what it found into the trace_buffer."""
    acceptor = provider.acceptors.get(call.host)
    verdict = (
        RefusedTicket("unknown", "other", f"No key table is configured for {call.host}.")
        if acceptor is None
        else acceptor.accept(token)
    )
    if isinstance(verdict, AcceptedTicket):
        call.trace_buffer.auth = "kerberos"
        event = TicketChecked(accepted=True, mechanism="kerberos", service=verdict.service, principal=verdict.principal)
    else:
        call.trace_buffer.auth = "negotiate" if verdict.mechanism == "unknown" else verdict.mechanism
        reason = f"{verdict.reason}: {verdict.text}" if verdict.text else verdict.reason
        event = TicketChecked(accepted=False, mechanism=verdict.mechanism, service=call.host, reason=reason)
    call.trace_buffer.events.append(event)
    return verdict


def require_desktop_sso(tenant: Tenant) -> Tenant:
    """The tenant itself if it has Seamless SSO on; raises AadstsError 81007."""
    if not tenant.desktop_sso:
        raise AadstsError(81007)
    return tenant


def find_ticket_owner(directory: Directory, realm: str, tenant: Tenant, principal: str) -> User:
    """The synced user behind ``principal``: realm account, its SID, the Entra user who has that SID.

    Raises AadstsError: 81013 for a foreign realm, 81011 when no synced user of ``tenant`` has the SID, 50057 for a
    disabled one. Source: the name of 81011 (DesktopSsoLookupUserBySidFailed) in the Entra error-code reference.
    """
    account, _, of_realm = principal.rpartition("@")
    if of_realm != realm:
        raise AadstsError(81013)
    # The whole name, never its first component: a principal such as alice/admin is somebody else.
    user = directory.find_user_by_account(account)
    if user is None or user.sid is None or not user.synced or directory.find_home_tenant(user).id != tenant.id:
        raise AadstsError(81011)
    if not user.enabled:
        raise AadstsError(50057)
    return user


def mutual_auth_headers(provider: Provider, ticket: AcceptedTicket) -> tuple[tuple[str, str], ...]:
    """The header that proves the server to the client, if settings say so."""
    if not ticket.reply or not provider.settings.mutual_authentication:
        return ()
    return (("WWW-Authenticate", f"Negotiate {base64.b64encode(ticket.reply).decode()}"),)


def authenticate(provider: Provider, call: Call, tenant: Tenant) -> tuple[User, AcceptedTicket] | None:
    """Who sits at the device, by the ticket in the request; None when a challenge is due.

    Raises AadstsError, with the status for refused tickets.
    """
    try:
        return _sign_on(provider, call, tenant)
    except AadstsError as error:
        error.status = provider.settings.refused_ticket_status
        raise


def _sign_on(provider: Provider, call: Call, tenant: Tenant) -> tuple[User, AcceptedTicket] | None:
    if call.header_bytes > provider.settings.header_limit:
        call.trace_buffer.auth = "negotiate" if "Authorization" in call.headers else "none"
        raise AadstsError(81001)
    token = read_negotiate_token(call)
    if token is None:
        return None
    verdict = accept_ticket(provider, call, token)
    if isinstance(verdict, RefusedTicket):
        raise AadstsError(provider.settings.ticket_codes[verdict.reason], reason=verdict.text)
    user = find_ticket_owner(provider.directory, provider.estate.default_realm.name, tenant, verdict.principal)
    return user, verdict

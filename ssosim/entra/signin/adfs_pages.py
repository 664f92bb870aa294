"""The sign-in page of a federation service. It stands for the page of AD FS.

Sources: AD FS documentation (``/adfs/ls/``; the ticket is tried at ``/adfs/ls/wia`` for the browsers in
``WIASupportedUserAgents``; fields ``UserName``, ``Password``, ``AuthMethod``); WS-Federation 1.2, section 13. A
password is answered with a redirect to the same page and the cookie ``MSISAuth``, and that page has the response
(DavMail O365Authenticator.java needs the redirect). Unlike the one of AD FS, the cookie is good for this sign-in only:
any other request shows the page.
"""

from __future__ import annotations

import re
from urllib.parse import urlencode, urlsplit

import msgspec

from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.messages import Call, HttpReply, make_guid
from ssosim.entra.core.page_views import PageView, record_unattended, seal_page_view
from ssosim.entra.core.pages import NO_STORE, render_federation_page, render_form_post_page, render_message_page
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.sealed_tokens import SealedTokenError
from ssosim.entra.oauth.token_request import read_form
from ssosim.entra.wstrust.adfs import (
    check_user,
    issue_assertion,
    make_federation_challenge,
    user_of_password,
    user_of_ticket,
)
from ssosim.entra.wstrust.ws_federation import PASSWORD_METHOD, WSIGNIN, render_wresult
from ssosim.estate import User

__all__ = ["handle_adfs_page", "handle_adfs_password", "handle_adfs_wia"]

_SESSION = "adfs-session"  # purpose of sealed texts
_SESSION_LIFETIME = 300  # seconds
_COOKIE = "MSISAuth"
_COOKIE_VALUE = re.compile(rf"(?:^|;\s*){_COOKIE}=([A-Za-z0-9_-]{{1,4096}})(?:;|$)")
_ATTRIBUTES = "Path=/adfs; Secure; HttpOnly; SameSite=None"
_EXPIRED = f"Max-Age=0; {_ATTRIBUTES}"
_WRONG = "The user name or the password is wrong."


class _SignedIn(msgspec.Struct, frozen=True, array_like=True):
    """Who has given the password in which sign-in, until when in seconds since the Unix epoch."""

    id: str
    subject: str
    sign_in: str
    not_on_or_after: int


def handle_adfs_page(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:  # noqa: ARG001  the signature of a Handler
    """GET /adfs/ls/: the form, or a redirect to the ticket endpoint for a browser that supports it.

    A request for a password (``wauth``) or with ``prompt=login`` gets the form (AD FS document "AD FS prompt=login
    parameter support").
    """
    problem = _find_problem(provider, call)
    if problem is not None:
        return problem
    signed_in = _find_signed_in(provider, call)
    if signed_in is not None:
        return _post_assertion(provider, call, signed_in, "password", (("Set-Cookie", f"{_COOKIE}=; {_EXPIRED}"),))
    browser = call.headers.get("User-Agent", "")[:512]  # limited, because the patterns are slow on long texts
    inside = not provider.is_off_network(call.trace_buffer.client)  # the proxy has no integrated authentication
    form = call.query.get("wauth") == PASSWORD_METHOD or call.query.get("prompt") == "login"
    if inside and not form and any(pattern.search(browser) for pattern in provider.settings.wia_browsers):
        return HttpReply(302, headers=(("Location", f"/adfs/ls/wia?{urlencode(call.query)}"), *NO_STORE))
    return _show_page(provider, call, call.query.get("username", ""))


def handle_adfs_password(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:  # noqa: ARG001  the signature of a Handler
    """POST /adfs/ls/: user name and password. If they are wrong, the reply is the page again."""
    problem = _find_problem(provider, call)
    if problem is not None:
        return problem
    call.trace_buffer.auth = "password"
    record_unattended(provider, call, _sign_in_id(call), f"sign-in page of {call.host}")
    name = ""
    try:
        form = read_form(call.body)
        service = provider.federation_by_host[call.host]
        name = form.get("UserName", "").strip()[:256]
        user = user_of_password(provider, call, service, name, form.get("Password", ""))
        check_user(provider, call, service, user)
    except AadstsError:
        return _show_page(provider, call, name, _WRONG)
    session = provider.sealer.seal(
        _SESSION, _SignedIn(make_guid(), user.object_id, _sign_in_id(call), int(call.now) + _SESSION_LIFETIME)
    )
    location = f"https://{call.host}/adfs/ls/?{urlencode({**call.query, 'client-request-id': call.correlation_id})}"
    return HttpReply(
        302, headers=(("Location", location), ("Set-Cookie", f"{_COOKIE}={session}; {_ATTRIBUTES}"), *NO_STORE)
    )


def _find_signed_in(provider: Provider, call: Call) -> User | None:
    """Return the user who has just given the password in this sign-in; None if nobody has. The cookie is good once."""
    found = _COOKIE_VALUE.search(call.headers.get("Cookie", ""))
    if found is None:
        return None
    try:
        session = provider.sealer.open(_SESSION, found[1], _SignedIn)
    except SealedTokenError:
        return None
    if session.sign_in != _sign_in_id(call) or call.now >= session.not_on_or_after:
        return None
    if not provider.replay_cache.record_use(session.id, session.not_on_or_after, call.now):
        return None
    return provider.directory.find_user_by_id(session.subject)


def handle_adfs_wia(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:  # noqa: ARG001  the signature of a Handler
    """GET /adfs/ls/wia: sign-in by a ticket. A refused ticket is challenged again (unconfirmed).

    From outside of the corporate network there is no such page: a proxy answers, which shows the form (AD FS document
    "Configure intranet forms-based authentication"; the status is unconfirmed).
    """
    problem = _find_problem(provider, call)
    if problem is not None:
        return problem
    if provider.is_off_network(call.trace_buffer.client):
        return render_message_page("An error occurred", "The resource is not available here.", status=404)
    try:
        signed_on = user_of_ticket(provider, call)
        if signed_on is None:
            return make_federation_challenge()
        return _post_assertion(provider, call, signed_on[0], "kerberos", signed_on[1])
    except AadstsError:
        return make_federation_challenge()


def _find_problem(provider: Provider, call: Call) -> HttpReply | None:
    """Return an error page for a request that this relying party does not send; None for a good one."""
    if call.query.get("wa") != WSIGNIN:
        return render_message_page("An error occurred", "Only wa=wsignin1.0 is known here.", status=400)
    if call.query.get("wtrealm") != provider.estate.cloud.audience_urn:
        return render_message_page("An error occurred", "MSIS7007: The relying party trust is unknown.", status=400)
    if _reply_url(provider, call) is None:
        return render_message_page("An error occurred", "The reply address is not the relying party's.", status=400)
    return None


def _reply_url(provider: Provider, call: Call) -> str | None:
    """Return the reply URL: ``/login.srf`` at one of the login hosts. None if the request names another URL."""
    hosts = provider.estate.cloud.login_hosts
    given = call.query.get("wreply") or f"https://{hosts[0]}/login.srf"
    try:
        parts = urlsplit(given)
    except ValueError:
        return None
    host = parts.netloc.lower()
    if parts.scheme != "https" or host not in {each.lower() for each in hosts} or parts.path != "/login.srf":
        return None
    return f"https://{host}/login.srf"


def _show_page(provider: Provider, call: Call, name: str, error: str = "") -> HttpReply:
    reason = f"sign-in page of {call.host}" + (", wrong password" if error else "")
    view = PageView(make_guid(), reason, int(call.now), _sign_in_id(call))
    logo = f"/adfs/portal/logo/logo.png?{seal_page_view(provider, view)}"
    action = f"https://{call.host}/adfs/ls/?{urlencode({**call.query, 'client-request-id': call.correlation_id})}"
    return render_federation_page(call.host, logo, action, name, error)


def _sign_in_id(call: Call) -> str:
    """Return the id of a sign-in, which all its pages have in their address (``client-request-id``)."""
    return f"{call.host} {call.correlation_id}"


def _post_assertion(
    provider: Provider, call: Call, user: User | None, grant: str, headers: tuple[tuple[str, str], ...] = ()
) -> HttpReply:
    """Return the form that posts the assertion to the login host; raises AadstsError for a user of another domain."""
    issued = issue_assertion(provider, call, user, grant)
    reply = _reply_url(provider, call)
    assert reply is not None  # noqa: S101  _find_problem has checked it
    fields = {"wa": WSIGNIN, "wresult": render_wresult(issued.text, issued.audience, call.now, issued.expires)}
    if "wctx" in call.query:
        fields["wctx"] = call.query["wctx"]
    page = render_form_post_page(reply, fields)
    return HttpReply(page.status, page.body, page.content_type, (*page.headers, *headers))

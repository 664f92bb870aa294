"""The logout page, ``end_session_endpoint``: it forgets the browser and returns to the application.

Sources: OpenID Connect RP-Initiated Logout 1.0; Entra document "OpenID Connect on the Microsoft identity platform",
section "Send a sign-out request" (``post_logout_redirect_uri``, ``logout_hint``, ``state``). There is no session, so
nobody is asked which account is meant. Front-channel logout URLs of applications are not part of the estate; none is
called.
"""

from __future__ import annotations

from urllib.parse import urlencode

from ssosim.entra.core.browser_cookie import expire_browser_cookie
from ssosim.entra.core.messages import Call, HttpReply
from ssosim.entra.core.pages import NO_STORE, render_message_page
from ssosim.entra.core.provider import Provider

__all__ = ["handle_logout"]


def handle_logout(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:
    """GET and POST /{tenant}/oauth2/logout and /{tenant}/oauth2/v2.0/logout.

    The browser is sent to ``post_logout_redirect_uri`` if an application has registered it as a redirect URI, and to no
    other address: a page says that the user has signed out. With ``client_id`` only that application counts. Raises
    AadstsError 90002 and 900023 (tenant).
    """
    provider.directory.find_authority(captured[0])
    cookie = ("Set-Cookie", expire_browser_cookie())
    target = call.query.get("post_logout_redirect_uri", "")
    if target and _is_registered(provider, target, call.query.get("client_id", "")):
        state = call.query.get("state")
        if state is not None:
            target += f"{'&' if '?' in target else '?'}{urlencode({'state': state})}"
        return HttpReply(302, headers=(("Location", target), cookie, *NO_STORE))
    page = render_message_page("You signed out of your account", "It's a good idea to close all browser windows.")
    return HttpReply(page.status, page.body, page.content_type, (*page.headers, cookie))


def _is_registered(provider: Provider, uri: str, client_id: str) -> bool:
    applications = provider.estate.applications
    if client_id:
        found = provider.directory.find_application(client_id)
        applications = () if found is None else (found,)
    return any(uri == known.uri for application in applications for known in application.list_redirect_uris())

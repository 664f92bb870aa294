"""The logout page, ``end_session_endpoint``: it forgets the browser and returns to the application.

Sources: OpenID Connect RP-Initiated Logout 1.0; Entra document "OpenID Connect on the Microsoft identity platform",
sections "Send a sign-out request" (``post_logout_redirect_uri``, ``logout_hint``, ``state``) and "Single sign-out";
OpenID Connect Front-Channel Logout 1.0; nginx-openid-connect issue 117 (``sid`` is sent, ``iss`` is not). Nobody is
asked which account is meant.
"""

from __future__ import annotations

from urllib.parse import urlencode

from ssosim.entra.core.browser_cookie import expire_browser_cookie, read_browser_cookie
from ssosim.entra.core.browser_sessions import session_id_of
from ssosim.entra.core.messages import Call, HttpReply
from ssosim.entra.core.pages import NO_STORE, render_logout_page
from ssosim.entra.core.provider import Provider

__all__ = ["handle_logout"]


def handle_logout(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:
    """GET and POST /{tenant}/oauth2/logout and /{tenant}/oauth2/v2.0/logout.

    A page loads the front-channel logout URL of each application that the user of this browser has signed in to. Then
    the browser is sent to ``post_logout_redirect_uri`` if an application has registered it as a redirect URI, and to no
    other address: a page says that the user has signed out. With ``client_id`` only that application counts. Raises
    AadstsError 90002 and 900023 (tenant).
    """
    provider.directory.find_authority(captured[0])
    cookie = ("Set-Cookie", expire_browser_cookie())
    frames = _list_logout_urls(provider, call)
    target = call.query.get("post_logout_redirect_uri", "")
    if target and _is_registered(provider, target, call.query.get("client_id", "")):
        state = call.query.get("state")
        if state is not None:
            target += f"{'&' if '?' in target else '?'}{urlencode({'state': state})}"
        if frames:
            return _with_cookie(render_logout_page(frames, target), cookie)
        return HttpReply(302, headers=(("Location", target), cookie, *NO_STORE))
    return _with_cookie(render_logout_page(frames), cookie)


def _with_cookie(page: HttpReply, cookie: tuple[str, str]) -> HttpReply:
    return HttpReply(page.status, page.body, page.content_type, (*page.headers, cookie))


def _list_logout_urls(provider: Provider, call: Call) -> tuple[str, ...]:
    """End the session of the browser; return the addresses to load, each with the session id."""
    browser = read_browser_cookie(call)
    session = urlencode({"sid": session_id_of(browser)})
    found = (provider.estate.application(client_id) for client_id in provider.sessions.end(browser))
    urls = (application.logout_url for application in found if application is not None)
    return tuple(f"{url}{'&' if '?' in url else '?'}{session}" for url in urls if url is not None)


def _is_registered(provider: Provider, uri: str, client_id: str) -> bool:
    applications = provider.estate.applications
    if client_id:
        found = provider.directory.find_application(client_id)
        applications = () if found is None else (found,)
    return any(uri == known.uri for application in applications for known in application.list_redirect_uris())

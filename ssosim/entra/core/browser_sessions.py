"""The sessions of browsers at the login host: who has signed in, and to which applications.

A silent request (``prompt=none``) needs such a session, and a logout tells its applications. Sources: OpenID Connect
Core, section 3.1.2.1 (``prompt``), OpenID Connect Front-Channel Logout 1.0; Entra documents "OpenID Connect on the
Microsoft identity platform", section "Single sign-out" (``logoutUrl`` of an application), and "Configurable token
lifetimes" (a session without "keep me signed in" ends after a day without use).
"""

from __future__ import annotations

from collections import OrderedDict
from uuid import NAMESPACE_OID, uuid5

from msgspec import Struct, field

from ssosim.entra.core.authentication import Authentication

__all__ = ["SESSION_LIFETIME", "BrowserSession", "BrowserSessions", "session_id_of"]

SESSION_LIFETIME = 86_400
"""Seconds without use after which a session ends."""

_CAPACITY = 10_000  # browsers
_MOST_APPLICATIONS = 50


def session_id_of(browser: str) -> str:
    """Return the session id (``sid``) of the browser with this cookie. The cookie cannot be computed from it."""
    return str(uuid5(NAMESPACE_OID, browser))


class BrowserSession(Struct):
    """A session: the object id of the user who signed in last, how, when it was used, and the client ids."""

    subject: str
    authentication: Authentication
    used: float
    client_ids: list[str] = field(default_factory=list)


class BrowserSessions:
    """The sessions by browser cookie, of at most ``capacity`` browsers."""

    def __init__(self, capacity: int = _CAPACITY) -> None:
        self._capacity = capacity
        self._sessions: OrderedDict[str, BrowserSession] = OrderedDict()

    def record_sign_in(
        self, browser: str, client_id: str, subject: str, authentication: Authentication, now: float
    ) -> None:
        """Record that the user ``subject`` has signed in to the application ``client_id`` in ``browser``."""
        session = self._sessions.setdefault(browser, BrowserSession(subject, authentication, now))
        session.subject, session.authentication, session.used = subject, authentication, now
        if client_id not in session.client_ids and len(session.client_ids) < _MOST_APPLICATIONS:
            session.client_ids.append(client_id)
        self._sessions.move_to_end(browser)
        if len(self._sessions) > self._capacity:
            self._sessions.popitem(last=False)

    def find(self, browser: str, now: float) -> BrowserSession | None:
        """Return the session of ``browser``; None if it has none, or none that is still alive."""
        session = self._sessions.get(browser)
        return session if session is not None and now - session.used < SESSION_LIFETIME else None

    def end(self, browser: str) -> tuple[str, ...]:
        """Forget the session of ``browser``; return its client ids in the order of sign-in."""
        session = self._sessions.pop(browser, None)
        return () if session is None else tuple(session.client_ids)

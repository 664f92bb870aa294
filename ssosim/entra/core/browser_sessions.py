"""Which applications the user of a browser has signed in to: whom a logout must tell.

Source: OpenID Connect Front-Channel Logout 1.0; Entra document "OpenID Connect on the Microsoft identity platform",
section "Single sign-out" (``logoutUrl`` of an application).
"""

from __future__ import annotations

from collections import OrderedDict
from uuid import NAMESPACE_OID, uuid5

__all__ = ["BrowserSessions", "session_id_of"]

_CAPACITY = 10_000  # browsers
_MOST_APPLICATIONS = 50


def session_id_of(browser: str) -> str:
    """Return the session id (``sid``) of the browser with this cookie. The cookie cannot be computed from it."""
    return str(uuid5(NAMESPACE_OID, browser))


class BrowserSessions:
    """The client ids by browser cookie, of at most ``capacity`` browsers."""

    def __init__(self, capacity: int = _CAPACITY) -> None:
        self._capacity = capacity
        self._clients: OrderedDict[str, list[str]] = OrderedDict()

    def record_sign_in(self, browser: str, client_id: str) -> None:
        """Record that the user of ``browser`` has signed in to the application ``client_id``."""
        known = self._clients.setdefault(browser, [])
        if client_id not in known and len(known) < _MOST_APPLICATIONS:
            known.append(client_id)
        self._clients.move_to_end(browser)
        if len(self._clients) > self._capacity:
            self._clients.popitem(last=False)

    def end(self, browser: str) -> tuple[str, ...]:
        """Forget the session of ``browser``; return its client ids in the order of sign-in."""
        return tuple(self._clients.pop(browser, ()))

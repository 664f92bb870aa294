"""The cookie that binds the pages of one sign-in to one browser.

Source: captures of the sign-in page (``esctx``). The cookie has ``SameSite=None``, because the page of a federation
service posts its response from another site. The cookie alone never authorizes a post.
"""

from __future__ import annotations

import hmac
import re

from ssosim.entra.core.messages import Call

__all__ = ["expire_browser_cookie", "format_browser_cookie", "is_from_browser", "read_browser_cookie"]

_NAME = "esctx"
_VALUE = re.compile(rf"(?:^|;\s*){_NAME}=([A-Za-z0-9-]{{36}})(?:;|$)")


def read_browser_cookie(call: Call) -> str:
    """Return the browser id in the request's cookie, or ``""`` if the request has no such cookie."""
    found = _VALUE.search(call.headers.get("Cookie", ""))
    return found[1] if found else ""


def format_browser_cookie(browser: str) -> str:
    """Return the Set-Cookie value that stores the browser id ``browser``."""
    return f"{_NAME}={browser}; Path=/; Secure; HttpOnly; SameSite=None"


def expire_browser_cookie() -> str:
    """Return the Set-Cookie value that removes the browser id."""
    return f"{_NAME}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=None"


def is_from_browser(call: Call, browser: str) -> bool:
    """Whether the cookie of ``call`` holds the browser id ``browser`` (compared in constant time)."""
    return hmac.compare_digest(read_browser_cookie(call).encode(), browser.encode())

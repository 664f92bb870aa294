"""The cookie that ties the pages of one sign-in to one browser.

Source: captures of the sign-in page (``esctx``). ``SameSite=None``, since a federation service's page posts its answer
from another site; no post is believed for the cookie alone.
"""

from __future__ import annotations

import hmac
import re

from ssosim.entra.core.messages import Call

__all__ = ["format_browser_cookie", "is_from_browser", "read_browser_cookie"]

_NAME = "esctx"
_VALUE = re.compile(rf"(?:^|;\s*){_NAME}=([A-Za-z0-9-]{{36}})(?:;|$)")


def read_browser_cookie(call: Call) -> str:
    """The browser's cookie, ``""`` without one."""
    found = _VALUE.search(call.headers.get("Cookie", ""))
    return found[1] if found else ""


def format_browser_cookie(browser: str) -> str:
    """The value of Set-Cookie for ``browser``."""
    return f"{_NAME}={browser}; Path=/; Secure; HttpOnly; SameSite=None"


def is_from_browser(call: Call, browser: str) -> bool:
    """Whether ``call`` comes from ``browser``."""
    return hmac.compare_digest(read_browser_cookie(call).encode(), browser.encode())

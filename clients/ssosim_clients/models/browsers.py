"""Browsers: silent if it works, the ordinary sign-in page if it does not."""

from __future__ import annotations

from typing import Final

from ssosim_clients.flows import BrowserFlow
from ssosim_clients.models.client import Client
from ssosim_clients.policies import PromptAtOnce
from ssosim_clients.spn import RULES

__all__ = ["BROWSER_LINUX", "BROWSER_WINDOWS", "FIREFOX_WINDOWS", "browser"]

_PAGE: Final = "Entra documentation: the page's script tries in the background and falls back to the password box"


def browser(name: str, what: str, rule: str) -> Client:
    """A browser that names services by ``rule``. It never shows an error of the silent attempt."""
    return Client(
        name=name,
        description=f"{what}: /winauth/sso in the background, then always the password box",
        sources=(_PAGE, RULES[rule].source),
        spn=RULES[rule],
        policy=PromptAtOnce(),
        flow=BrowserFlow(),
    )


BROWSER_WINDOWS: Final = browser("browser-windows", "Edge or Chrome on Windows", "chromium-windows")
BROWSER_LINUX: Final = browser("browser-linux", "Chromium on Linux, canonicalised twice", "chromium-linux")
"""One that may send tickets: the host is on its allow list, its profile has seen a Negotiate header before, and
third-party cookies are not blocked. Without any of these Chromium 156 shows the password box (measured).
"""
FIREFOX_WINDOWS: Final = browser("firefox-windows", "Firefox on Windows", "firefox-windows")
"""Gives Negotiate up where its own look-up fails; Chromium goes on with the name as typed."""

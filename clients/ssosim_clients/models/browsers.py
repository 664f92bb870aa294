"""Browsers: silent sign-in if it succeeds, otherwise the password box of the sign-in page."""

from __future__ import annotations

from typing import Final

from ssosim_clients.flows import BrowserFlow
from ssosim_clients.models.client import Client
from ssosim_clients.policies import PromptAtOnce
from ssosim_clients.spn import RULES

__all__ = ["BROWSER_LINUX", "BROWSER_WINDOWS", "FIREFOX_LINUX", "FIREFOX_WINDOWS", "build_browser"]

_PAGE: Final = "Entra documentation: the page's script tries in the background and falls back to the password box"


def build_browser(name: str, program: str, rule: str) -> Client:
    """A browser that forms SPNs by the rule named ``rule``. It never shows an error of the silent attempt."""
    return Client(
        name=name,
        description=f"{program}: /winauth/sso in the background, then always the password box",
        sources=(_PAGE, RULES[rule].source),
        spn=RULES[rule],
        policy=PromptAtOnce(),
        flow=BrowserFlow(),
    )


BROWSER_WINDOWS: Final = build_browser("browser-windows", "Edge or Chrome on Windows", "chromium-windows")
BROWSER_LINUX: Final = build_browser("browser-linux", "Chromium on Linux, canonicalised twice", "chromium-linux")
"""A Chromium that may send tickets: the host is on its allow list, its profile has received a Negotiate header before,
and third-party cookies are not blocked. If one of these is missing, Chromium 156 shows the password box (measured)."""
FIREFOX_WINDOWS: Final = build_browser("firefox-windows", "Firefox on Windows", "firefox-windows")
"""It gives up Negotiate if its own look-up fails. Chromium continues with the name as typed."""

FIREFOX_LINUX: Final = build_browser("firefox-linux", "Firefox on Linux, libkrb5 canonicalises", "firefox-linux")
"""A Firefox that may send tickets: the host is among ``network.negotiate-auth.trusted-uris``."""

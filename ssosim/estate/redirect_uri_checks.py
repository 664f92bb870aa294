"""Check the redirect URIs of applications: those that Entra does not register, and those that only look different.

Source: Entra document "Redirect URI (reply URL) outline and restrictions" (reply-url.md); RFC 6749, section 3.1.2 (no
fragment); error AADSTS500119, "Redirect URIs with 'urn:' schemes are prohibited". Applications of Microsoft are not
checked: their addresses are as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from ssosim.estate.applications import Application, RedirectUri
from ssosim.estate.toml_lines import KeyPath

__all__ = ["find_redirect_uri_mistakes"]

Mistake = tuple[KeyPath, str]

_LONGEST = 256
_MOST, _MOST_PERSONAL = 256, 100
_NATIVE_CLIENT = "https://login.microsoftonline.com/common/oauth2/nativeclient"
_LOOPBACK = ("localhost", "127.0.0.1")
_SPECIAL = "!$'(),;"
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")  # RFC 3986: a scheme, and no blanks


def find_redirect_uri_mistakes(application: Application, here: KeyPath) -> Iterator[Mistake]:
    """Yield every mistake in the redirect URIs of ``application``, whose key path is ``here``."""
    if application.first_party:
        return
    uris = application.list_redirect_uris()
    personal = "Personal" in application.sign_in_audience
    most = _MOST_PERSONAL if personal else _MOST
    if len(uris) > most:
        yield (*here, "redirect_uris"), f"{len(uris)} redirect URIs: an application has at most {most}"
    by_port: dict[str, RedirectUri] = {}
    for number, each in enumerate(uris):
        path: KeyPath = (*here, "redirect_uris", number)
        wrong = _find_mistake(each, personal)
        if wrong:
            yield path, f"{each.uri[:_LONGEST]!r}: {wrong}"
            continue
        parts = urlsplit(each.uri)
        if parts.scheme == "http":
            other = by_port.setdefault(f"{parts.hostname}{parts.path or '/'}", each)
            if other.type != each.type:
                text = f"differs from {other.uri!r} in its port only, which Entra ignores"
                yield path, f"{each.uri!r} {text}: it takes the type of either; give them different paths"


def _find_mistake(redirect: RedirectUri, personal: bool) -> str:
    """Return what is wrong with a redirect URI and what is expected; ``""`` for a good one."""
    uri = redirect.uri
    if not _URI.fullmatch(uri):
        return "is no URI; expected e.g. https://app.contoso.com/signin or http://localhost"
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        return f"is no URI: {error}"
    web = parts.scheme in ("http", "https")
    special = next((mark for mark in _SPECIAL if mark in uri), "")
    rules = (
        (len(uri) > _LONGEST, f"has {len(uri)} characters; a redirect URI has at most {_LONGEST}"),
        ("#" in uri, "a redirect URI has no fragment"),
        ("*" in uri, "addresses are compared as a whole here; name each one instead of a wildcard"),
        (special, f"a redirect URI cannot contain {special}"),
        (host == "::1", "the IPv6 loopback address is not supported; use http://localhost or http://127.0.0.1"),
        (personal and "?" in uri, "an application for personal accounts has no query in its redirect URIs"),
        (parts.scheme == "http" and host not in _LOOPBACK, "the scheme http is for localhost only; use https"),
        (parts.scheme == "urn", f"the scheme urn is refused (AADSTS500119); use {_NATIVE_CLIENT}"),
        (not web and redirect.type != "native", f'the scheme {parts.scheme} is for type = "native" only; use https'),
        (web and not host, "names no host"),
    )
    return next((text for broken, text in rules if broken), "")

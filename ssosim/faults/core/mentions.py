"""Whether a request names a user, an application or a domain: as a whole name, and not as a part of another one."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote

__all__ = ["mentions"]

_ESCAPED_SIGN = (
    r"(?<=%[0-9a-f]{2})(?<!%2[137de])(?<!%3[0-9])(?<!%[46][1-9a-f])(?<!%[57][0-9a])(?<!%5[ef])(?<!%7e)"
    r"(?<!%[89a-f][0-9a-f])"
)
_BEFORE = rf"(?:(?<![a-z0-9._'!#^~-])|{_ESCAPED_SIGN})"
"""No character of a user name or domain: another sign, or the percent escape of another sign, such as ``%3D``.

Source: Microsoft Entra document "Prepare to provision users" (characters of userPrincipalName).
"""
_AFTER = r"(?![a-z0-9_-]|\.[a-z0-9])"


def mentions(text: str, name: str) -> bool:
    """Return whether ``text``, a target and body in lower case, names ``name``, plain or percent-encoded.

    ``ann@contoso.com`` is not named by ``joann@contoso.com``, nor ``contoso.com`` by ``eu.contoso.com``.
    """
    return any(form in text and _find_whole(form).search(text) is not None for form in _list_forms(name))


@lru_cache(maxsize=1024)
def _list_forms(name: str) -> tuple[str, ...]:
    lower = name.lower()
    return tuple(dict.fromkeys((lower, quote(lower).lower(), quote(lower, safe="").lower()))) if lower else ()


@lru_cache(maxsize=1024)
def _find_whole(form: str) -> re.Pattern[str]:
    return re.compile(_BEFORE + re.escape(form) + _AFTER)

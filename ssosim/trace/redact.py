"""Remove secrets from the output of programs: tickets, assertions and tokens, by their form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from itertools import pairwise

__all__ = ["CUT", "redact", "shorten_output"]

CUT = "… (cut)"
"""The end of the output of a program that is not there as a whole."""

# Possessive, so that each run is matched once: with a possible start at each letter the time would be quadratic.
_TOKEN = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]++(?:\.[A-Za-z0-9_-]*+)++")
_JWT = re.compile(r"\beyJ(?=[A-Za-z0-9_-]{8})")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{64,}={0,2}")
_AUTHORIZATION = re.compile(r"(?i)(\b(?:negotiate|bearer|basic|ntlm)\s++)[A-Za-z0-9+/_.~-]{16,}=*")

_HIDDEN = "(redacted)"

_OUTPUT = 8_000


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return ``text`` without long base64 runs, JWTs, dotted tokens and credentials of an Authorization header.

    ``secrets``, such as passwords, are removed as well: as they are, and as encoded in URLs, forms, JSON, XML and
    Python.
    """
    for secret in sorted({encoded for each in secrets if each for encoded in _encode(each)}, key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    text = _AUTHORIZATION.sub(r"\1(redacted)", text)
    return _BASE64.sub(_HIDDEN, _TOKEN.sub(_remove_token, text))


def shorten_output(text: str) -> str:
    """Return what a program printed, at most 8,000 characters of it; what is left out is marked at the end."""
    text = text.strip()
    return text if len(text) <= _OUTPUT else f"{text[:_OUTPUT]} {CUT}"


def _remove_token(found: re.Match[str]) -> str:
    """Return a run of labels and dots up to the JWT or dotted token in it."""
    labels = found[0].split(".")
    at = 0
    for label, after in pairwise(labels):
        jwt = _JWT.search(label) if after else None
        bare = label.lstrip("-")
        if jwt is not None or (len(bare) >= 30 and len(after) >= 10):
            begin = len(label) - len(bare) if jwt is None else jwt.start()
            return found[0][: at + begin] + _HIDDEN
        at += len(label) + 1
    return found[0]


def _encode(secret: str) -> Iterable[str]:
    import html  # noqa: PLC0415 - takes 5 ms, and reading a trace does not need it
    from urllib.parse import quote, quote_plus  # noqa: PLC0415

    web = quote(secret), quote(secret, safe=""), quote_plus(secret), html.escape(secret)
    return secret, *web, repr(secret)[1:-1], json.dumps(secret)[1:-1]

"""Take secrets out of what programs print: tickets, assertions and tokens look like nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from itertools import pairwise

__all__ = ["redacted"]

# Taken whole and once: where a token could begin at each letter of a run, time would be quadratic.
_TOKEN = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]++(?:\.[A-Za-z0-9_-]*+)++")
_JWT = re.compile(r"\beyJ(?=[A-Za-z0-9_-]{8})")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{64,}={0,2}")
_AUTHORIZATION = re.compile(r"(?i)(\b(?:negotiate|bearer|basic|ntlm)\s++)[A-Za-z0-9+/_.~-]{16,}=*")

_HIDDEN = "(redacted)"


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """``text`` without long base64 runs, JWTs, dotted tokens and credentials of an Authorization header.

    ``secrets`` are taken out as well, such as passwords: as they are, and as URL, form, JSON, XML or Python spell them.
    """
    for secret in sorted({spelt for each in secrets if each for spelt in _spellings(each)}, key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    text = _AUTHORIZATION.sub(r"\1(redacted)", text)
    return _BASE64.sub(_HIDDEN, _TOKEN.sub(_without_tokens, text))


def _without_tokens(found: re.Match[str]) -> str:
    """A run of labels and dots without the JWT or dotted token in it, from its beginning on."""
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


def _spellings(secret: str) -> Iterable[str]:
    import html  # noqa: PLC0415 - five milliseconds, which nobody who only reads a trace has to wait
    from urllib.parse import quote, quote_plus  # noqa: PLC0415

    web = quote(secret), quote(secret, safe=""), quote_plus(secret), html.escape(secret)
    return secret, *web, repr(secret)[1:-1], json.dumps(secret)[1:-1]

"""Take secrets out of what programs print: tickets, assertions and tokens look like nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

__all__ = ["redacted"]

_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{64,}={0,2}")
_DOTTED = re.compile(r"\b[A-Za-z0-9_-]{30,}\.[A-Za-z0-9_-]{10,}[A-Za-z0-9._-]*")
_AUTHORIZATION = re.compile(r"(?i)(\b(?:negotiate|bearer|basic|ntlm)\s+)[A-Za-z0-9+/_.~-]{16,}=*")


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """``text`` without long base64 runs, JWTs, dotted tokens and credentials of an Authorization header.

    ``secrets`` are taken out as well, such as passwords: as they are, and as URL, form, JSON, XML or Python spell them.
    """
    for secret in sorted({spelt for each in secrets if each for spelt in _spellings(each)}, key=len, reverse=True):
        text = text.replace(secret, "(redacted)")
    text = _AUTHORIZATION.sub(r"\1(redacted)", text)
    for pattern in (_JWT, _DOTTED, _BASE64):
        text = pattern.sub("(redacted)", text)
    return text


def _spellings(secret: str) -> Iterable[str]:
    import html  # noqa: PLC0415 - five milliseconds, which nobody who only reads a trace has to wait
    from urllib.parse import quote, quote_plus  # noqa: PLC0415

    web = quote(secret), quote(secret, safe=""), quote_plus(secret), html.escape(secret)
    return secret, *web, repr(secret)[1:-1], json.dumps(secret)[1:-1]

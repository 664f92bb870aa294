"""Take secrets out of what programs print: tickets, assertions and tokens look like nothing else."""

from __future__ import annotations

import re

__all__ = ["redacted"]

_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{64,}={0,2}")
_DOTTED = re.compile(r"\b[A-Za-z0-9_-]{30,}\.[A-Za-z0-9_-]{10,}[A-Za-z0-9._-]*")
_AUTHORIZATION = re.compile(r"(?i)(\b(?:negotiate|bearer|basic|ntlm)\s+)[A-Za-z0-9+/_.~-]{16,}=*")


def redacted(text: str) -> str:
    """``text`` without long base64 runs, JWTs, dotted tokens and credentials of an Authorization header."""
    text = _AUTHORIZATION.sub(r"\1(redacted)", text)
    for pattern in (_JWT, _DOTTED, _BASE64):
        text = pattern.sub("(redacted)", text)
    return text

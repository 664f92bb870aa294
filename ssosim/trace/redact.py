"""Remove secrets from the output of programs: tickets, assertions and tokens, by their form."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
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
_PLAIN = re.compile(r"[A-Za-z0-9]+")
_BYTE, _ONE_UNIT = 0x100, 4
_ENTITIES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos", "\xa0": "nbsp"}
_SHORT_ESCAPES = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}

_OUTPUT = 8_000


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return ``text`` without long base64 runs, JWTs, dotted tokens and credentials of an Authorization header.

    ``secrets``, such as passwords, are removed as well: as they are, and as encoded in URLs, forms, JSON, XML, HTML and
    Python, in large or small letters, and encoded again.
    """
    for secret in sorted({each for each in secrets if each}, key=len, reverse=True):
        text = _remove_secret(text, secret)
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


def _remove_secret(text: str, secret: str) -> str:
    """Return ``text`` without ``secret``, each character of which may be written in one of its forms."""
    text = text.replace(secret, _HIDDEN)
    if secret.isascii() and secret.isalnum():
        return text
    kept = max(_PLAIN.findall(secret), key=len, default="")
    return _compile(secret).sub(_HIDDEN, text) if kept in text else text


@lru_cache(maxsize=1024)
def _compile(secret: str) -> re.Pattern[str]:
    """Return the pattern of a secret in URLs, forms, JSON, XML, HTML and source code, also encoded twice."""
    return re.compile("".join(map(_list_forms, secret)))


def _list_forms(character: str) -> str:
    """Return a pattern of the forms of a character; letters and digits of ASCII are written as they are.

    Sources: RFC 3986, section 2.1 (also in small letters, as .NET writes it, and encoded again); HTML standard, form
    data and character references; RFC 8259, section 7; Python, string and bytes literals.
    """
    if character.isascii() and character.isalnum():
        return character
    octets = character.encode("utf-8", "surrogatepass")
    units = character.encode("utf-16-be", "surrogatepass").hex()
    forms = [
        rf"\\*{re.escape(character)}",
        "".join(rf"(?i:%(?:25)*{each:02x})" for each in octets),
        "".join(rf"\\+(?i:u{units[at : at + 4]})" for at in range(0, len(units), 4)),
        "".join(rf"\\+(?i:x{each:02x})" for each in octets),
        rf"(?i:&(?:amp;)*\#(?:0*{ord(character)}|x0*{ord(character):x});)",
    ]
    if len(units) > _ONE_UNIT:
        forms.append(rf"\\+(?:U{ord(character):08x}|U{ord(character):08X})")
    if ord(character) < _BYTE:
        forms.append(rf"\\+(?i:x{ord(character):02x})")
    if name := _ENTITIES.get(character):
        forms.append(f"&(?:amp;)*{name};")
    if character == " ":
        forms.append(r"\+")
    if short := _SHORT_ESCAPES.get(character):
        forms.append(rf"\\+{short}")
    return f"(?:{'|'.join(forms)})"

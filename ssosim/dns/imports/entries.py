"""The entries of a zone file (RFC 1035 section 5.1), without their meaning: an owner or directive, and words.

dnspython reads records. This reads what has to be known before: the owner of the SOA, ``$INCLUDE``, records of types
that only one provider has, and owners outside the zone. No text is a mistake here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

__all__ = ["Entry", "Record", "iter_entries", "split_record"]

_COMPLEX = re.compile(r'[;"()\\]')
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|;.*|[()]|(?:[^\s;"()\\]|\\.?)+')
_TTL = re.compile(r"\d+(?:[smhdw]\d*)*", re.IGNORECASE)
_CLASSES = frozenset({"IN", "CH", "HS", "CHAOS", "HESIOD", "AZURE", "AWS"})
_CLASS_NUMBER = re.compile(r"CLASS\d+", re.IGNORECASE)
"""A class by its number. Source: RFC 3597 section 5."""


class Entry(Struct, frozen=True):
    """One entry: ``owner`` is empty if the line begins with a blank; ``line`` and ``last`` count from 1."""

    line: int
    last: int
    owner: str
    words: tuple[str, ...]


class Record(Struct, frozen=True):
    """The words of a record in their places; ``ttl`` and ``kind`` (upper case) are empty if there is none."""

    ttl: str
    rrclass: str
    kind: str
    values: tuple[str, ...]


def iter_entries(text: str) -> Iterator[Entry]:
    """Yield every entry that is not empty; parentheses join lines, comments are left out."""
    first, depth, owner = 0, 0, ""
    words: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        tokens = _TOKEN.findall(line) if _COMPLEX.search(line) else line.split()
        if not depth:
            first, words = number, []
            has_owner = line[:1] not in ("", " ", "\t", ";", "(", "\r")
            owner = tokens.pop(0) if has_owner and tokens else ""
        for token in tokens:
            if token == "(":  # noqa: S105 - a parenthesis, no secret
                depth += 1
            elif token == ")":  # noqa: S105
                depth = max(depth - 1, 0)
            elif not token.startswith(";"):
                words.append(token)
        if not depth and (owner or words):
            yield Entry(first, number, owner, tuple(words))
    if depth and (owner or words):
        yield Entry(first, text.count("\n") + 1, owner, tuple(words))


def split_record(words: tuple[str, ...]) -> Record:
    """Find TTL, class, type and values among the words after an owner."""
    ttl = rrclass = ""
    for at, word in enumerate(words):
        if not rrclass and (word.upper() in _CLASSES or _CLASS_NUMBER.fullmatch(word)):
            rrclass = word.upper()
        elif not ttl and _TTL.fullmatch(word):
            ttl = word
        else:
            return Record(ttl, rrclass, word.upper(), words[at + 1 :])
    return Record(ttl, rrclass, "", ())

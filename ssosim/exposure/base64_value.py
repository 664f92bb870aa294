"""The views of a header field that is one base64 value, such as a Negotiate token, without decoding each of them.

A full search decodes such a field from many places: from its start, behind its first slashes, and between its plus
signs, which are blanks in a form. With a ticket that gives some thirty views of random octets, and takes a millisecond.
But base64 writes three octets as four characters. So the octets of every such view are in one of four decodings of the
whole value: from its first, second, third or fourth character on. Whatever is found in a view by the octets that it
holds is found in these four.

Two kinds of views need more. A ticket is recognised by where it begins, so each view is kept for that. And what is text
or compressed stands for further views, so it is searched by itself.

Sources: RFC 4648, section 4 (base64); RFC 4559, section 4.1 (Negotiate); ``ssosim.exposure.decoding`` for the places.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from msgspec import Struct

from ssosim.exposure.decoding import (
    BASE64_RUN,
    SHORTEST_BINARY,
    SHORTEST_RUN,
    has_hex_run,
    is_text,
    is_utf16,
    list_starts,
    read_binary,
)

__all__ = ["Base64Views", "split_base64_value"]

_LONGEST = 64 * 1024
_VALUE = re.compile(rb"[A-Za-z]+ [A-Za-z0-9+/]+={0,2}")


class Base64Views(Struct, frozen=True):
    """The views of a value. Everything that a full search finds in the value is in one of them.

    ``texts`` are the value itself and the value with blanks for plus signs. ``octets`` hold the octets of every decoded
    view. ``opaque`` are those decoded views that are neither text nor compressed, ``others`` all other decoded views.
    """

    texts: tuple[bytes, ...]
    octets: bytes
    opaque: tuple[bytes, ...]
    others: tuple[bytes, ...]


def split_base64_value(value: bytes) -> Base64Views | None:
    """Return the views of ``value``, a word and one base64 value; None if it is anything else, or holds hexadecimal."""
    if len(value) > _LONGEST or _VALUE.fullmatch(value) is None or has_hex_run(value):
        return None
    word, _, encoded = value.partition(b" ")
    encoded = encoded.rstrip(b"=")
    decodings = tuple(_decode_from(encoded, start) for start in range(4))
    texts = (value, value.replace(b"+", b" ")) if b"+" in value else (value,)
    opaque: list[bytes] = []
    others: list[bytes] = []
    for view in (*_decode_word(word), *_list_decoded(encoded, decodings, in_form=len(texts) > 1)):
        if is_text(view) or is_utf16(view):
            others.append(view)
        elif len(view) >= SHORTEST_BINARY:
            (opaque if next(read_binary(view), None) is None else others).append(view)
    return Base64Views(texts, b"\n".join(decodings), tuple(opaque), tuple(others))


def _decode_word(word: bytes) -> Iterator[bytes]:
    for run in BASE64_RUN.findall(word):
        yield _decode_from(run, 0)


def _decode_from(encoded: bytes, start: int) -> bytes:
    """Decode from the character ``start`` on; a last character that begins an octet only is left out."""
    part = encoded[start:]
    if len(part) % 4 == 1:
        part = part[:-1]
    return binascii.a2b_base64(part + b"=" * (-len(part) % 4))


def _list_decoded(encoded: bytes, decodings: tuple[bytes, ...], *, in_form: bool) -> Iterator[bytes]:
    """Yield what ``decode`` makes of the value as it is, and with blanks for its plus signs."""
    end = len(encoded)
    for begin in list_starts(encoded):
        yield _cut_octets(decodings, begin, end)
    if not in_form:
        return
    end = -1
    for piece in encoded.split(b"+"):
        at, end = end + 1, end + 1 + len(piece)
        if len(piece) >= SHORTEST_RUN:
            yield _cut_octets(decodings, at, end)
            if b"/" in piece:
                for start in list_starts(piece)[1:]:
                    yield _cut_octets(decodings, at + start, end)


def _cut_octets(decodings: tuple[bytes, ...], begin: int, end: int) -> bytes:
    """Return what the characters from ``begin`` to ``end`` stand for: six bits each, and whole octets only."""
    first = begin & ~3  # the first character of a group of four, which is three octets, of that decoding
    at = first // 4 * 3
    return decodings[begin & 3][at : at + (end - begin) * 6 // 8]

"""Undo the usual encodings of text in a request: every form in which a credential may be written.

``decode`` returns the views of some bytes: the bytes themselves, and what each encoding in them stands for, up to
``MAX_DEPTH`` encodings inside each other. Encodings: percent (RFC 3986, section 2.1) and forms (``+``), character
references of HTML and XML, escapes of JSON and of programming languages, base64 in both alphabets (RFC 4648, also in
lines as in MIME), hexadecimal digits, quoted-printable (RFC 2045), UTF-16, gzip, zlib and raw DEFLATE (as the SAML
redirect binding has it).

Rules that always hold: the function never raises, whatever the bytes are; the work is bounded by ``MAX_VIEWS`` and
``MAX_BYTES``, also for compressed bytes that would grow without end.
"""

from __future__ import annotations

import base64
import binascii
import html
import quopri
import re
import zlib
from collections.abc import Iterator
from itertools import islice
from urllib.parse import unquote_to_bytes

__all__ = [
    "BASE64_RUN",
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_VIEWS",
    "SHORTEST_BINARY",
    "SHORTEST_RUN",
    "decode",
    "has_hex_run",
    "is_text",
    "is_utf16",
    "list_starts",
    "read_binary",
]

MAX_DEPTH = 5
"""Encodings inside each other, for example base64 of JSON in a form is three."""
MAX_VIEWS = 20_000
"""Views of one part of a request. Each takes some microseconds; a body of 650 KB of base64 words has so many."""
MAX_BYTES = 8 * 1024 * 1024
"""Bytes of all views of one part of a request."""

_INFLATED = 1024 * 1024
_MOST_SUFFIXES = 6
BASE64_RUN = re.compile(rb"[A-Za-z0-9+/_-]{6,}={0,2}")
SHORTEST_RUN = 6
_IS_HEX = bytes(byte in b"0123456789abcdefABCDEF" for byte in range(256))
_TWELVE = bytes([True] * 12)
_HEX_RUN = re.compile(rb"(?:[0-9a-fA-F]{2}){6,}")
SHORTEST_BINARY = 24
"""Octets from which on what base64 stands for is a view even if it is no text."""
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([\"'\\/]))")
_QUOTED = re.compile(rb"=(?:[0-9A-F]{2}|\r?\n)")
_FOLD = re.compile(rb"(?<=[A-Za-z0-9+/_=-])\r?\n[ \t]*(?=[A-Za-z0-9+/_=-])")
_SEPARATORS = re.compile(rb"[/_-]")
_ZLIB_METHOD, _BLOCK_HEAD, _STORED, _NO_KIND = 8, 5, 0, 3
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_SAMPLE = 256


def decode(data: bytes) -> Iterator[bytes]:
    """Yield ``data`` and everything that its encodings stand for, each once."""
    seen = {data}
    todo = [(data, 0)]
    size = len(data)
    for view, depth in todo:  # it grows while it is read
        yield view
        if depth == MAX_DEPTH:
            continue
        for found in _decode_once(view):
            if found in seen or len(found) < 3:
                continue
            size += len(found)
            if len(seen) >= MAX_VIEWS or size > MAX_BYTES:
                return
            seen.add(found)
            todo.append((found, depth + 1))


def _decode_once(view: bytes) -> Iterator[bytes]:
    if not is_text(view):
        yield from read_binary(view)
        return
    yield from _undo_escapes(view)
    for run in BASE64_RUN.findall(view):
        for start in list_starts(run):
            yield from _read_base64(run[start:])
    for run in _HEX_RUN.findall(view) if has_hex_run(view) else ():
        yield binascii.unhexlify(run)


def _undo_escapes(view: bytes) -> Iterator[bytes]:
    if b"%" in view:
        yield unquote_to_bytes(view)
    if b"+" in view:
        yield unquote_to_bytes(view.replace(b"+", b" "))
    if b"&" in view and b";" in view:
        yield html.unescape(view.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogatepass")
    if b"\\" in view:
        yield _ESCAPE.sub(_unescape, view)
    if _QUOTED.search(view):
        yield quopri.decodestring(view)
    if b"\n" in view:
        yield _FOLD.sub(b"", view)


def has_hex_run(view: bytes) -> bool:
    """Return whether twelve hexadecimal digits follow one another in ``view``: a tenth of the time of the pattern."""
    return _TWELVE in view.translate(_IS_HEX)


def list_starts(run: bytes) -> list[int]:
    """Return the places in a run at which base64 may begin: a path puts other segments before it."""
    return [0, *[found.end() for found in islice(_SEPARATORS.finditer(run), _MOST_SUFFIXES)]]


def _read_base64(run: bytes) -> Iterator[bytes]:
    plain = run.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    if len(plain) % 4 == 1:  # a letter that belongs to what follows
        plain = plain[:-1]
    try:
        decoded = base64.b64decode(plain + b"=" * (-len(plain) % 4))
    except ValueError:
        return
    if is_text(decoded) or is_utf16(decoded) or len(decoded) >= SHORTEST_BINARY:
        yield decoded


def read_binary(view: bytes) -> Iterator[bytes]:
    """Yield what ``view``, which is no text, stands for: UTF-16, or compressed text."""
    if is_utf16(view):
        for codec in ("utf-16-le", "utf-16-be"):
            yield view.decode(codec, "replace").encode("utf-8", "surrogatepass")
        return
    for window in _list_windows(view):
        inflater = zlib.decompressobj(window)
        try:
            inflated = inflater.decompress(view, _INFLATED)
        except zlib.error:
            continue
        if inflated and (window == 31 or is_text(inflated) or is_utf16(inflated)):
            yield inflated
            return


def _list_windows(view: bytes) -> Iterator[int]:
    """Yield what to tell zlib of data that may be gzip, zlib or DEFLATE, by their first octets.

    Most octets are none of these, and asking zlib takes longer than to see that. Sources: RFC 1952, section 2.3.1; RFC
    1950, section 2.2 (method 8, and a multiple of 31); RFC 1951, section 3.2.3 (three types of blocks) and 3.2.4 (a
    stored block has its length twice).
    """
    if len(view) < _BLOCK_HEAD:
        yield from (15, -15)
        return
    if view[:2] == b"\x1f\x8b":
        yield 31
    if view[0] & 0x0F == _ZLIB_METHOD and (view[0] << 8 | view[1]) % 31 == 0:
        yield 15
    kind = view[0] >> 1 & 3
    if kind == _STORED:
        if view[1] ^ view[3] == view[2] ^ view[4] == 0xFF:
            yield -15
    elif kind != _NO_KIND:
        yield -15


def _unescape(found: re.Match[bytes]) -> bytes:
    if found[3]:
        return found[3]
    return chr(int(found[1] or found[2], 16)).encode("utf-8", "surrogatepass")


def is_text(data: bytes) -> bool:
    """Whether ``data`` has no control characters, apart from the usual ones, and is UTF-8 or nearly ASCII."""
    if _CONTROL.search(data, 0, _SAMPLE) is not None:
        return False
    sample = data[:_SAMPLE]
    if sample.isascii():
        return True
    try:
        sample.decode()
    except UnicodeDecodeError as error:
        if len(data) > len(sample) and error.start > len(sample) - 4:  # the sample ends inside of a character
            return True
    else:
        return True
    return sum(byte >= 0x80 for byte in sample) * 3 <= len(sample)


def is_utf16(data: bytes) -> bool:
    """Whether ``data`` looks like UTF-16 of western text: nearly every second byte is 0."""
    size = min(len(data), _SAMPLE)
    return size >= 6 and data.count(0, 0, size) * 5 >= size * 2

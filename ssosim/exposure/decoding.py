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
from urllib.parse import unquote_to_bytes

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_VIEWS", "decode"]

MAX_DEPTH = 5
"""Encodings inside each other, for example base64 of JSON in a form is three."""
MAX_VIEWS = 2_000
"""Views of one part of a request."""
MAX_BYTES = 8 * 1024 * 1024
"""Bytes of all views of one part of a request."""

_INFLATED = 1024 * 1024
_MOST_SUFFIXES = 6
_RUN = re.compile(rb"[A-Za-z0-9+/_-]{6,}={0,2}")
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){6,}")
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([\"'\\/]))")
_QUOTED = re.compile(rb"=(?:[0-9A-F]{2}|\r?\n)")
_FOLD = re.compile(rb"(?<=[A-Za-z0-9+/_=-])\r?\n[ \t]*(?=[A-Za-z0-9+/_=-])")
_SEPARATORS = re.compile(rb"[/_-]")
_CONTROL = bytes(range(9)) + bytes(range(14, 32))


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
        yield from _read_binary(view)
        return
    yield from _undo_escapes(view)
    for run in _RUN.findall(view):
        for start in (0, *(found.end() for found in _first(_SEPARATORS.finditer(run)))):
            yield from _read_base64(run[start:])
    for run in _HEX.findall(view):
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


def _first(found: Iterator[re.Match[bytes]]) -> Iterator[re.Match[bytes]]:
    """Limit the places inside a run at which base64 may begin: a path puts other segments before it."""
    for _, match in zip(range(_MOST_SUFFIXES), found, strict=False):
        yield match


def _read_base64(run: bytes) -> Iterator[bytes]:
    plain = run.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    if len(plain) % 4 == 1:  # a letter that belongs to what follows
        plain = plain[:-1]
    try:
        decoded = base64.b64decode(plain + b"=" * (-len(plain) % 4))
    except ValueError:
        return
    if is_text(decoded) or is_utf16(decoded) or len(decoded) >= 24:
        yield decoded


def _read_binary(view: bytes) -> Iterator[bytes]:
    if is_utf16(view):
        for codec in ("utf-16-le", "utf-16-be"):
            yield view.decode(codec, "replace").encode("utf-8", "surrogatepass")
        return
    for window in (31, 15, -15) if view[:2] == b"\x1f\x8b" else (15, -15):
        inflater = zlib.decompressobj(window)
        try:
            inflated = inflater.decompress(view, _INFLATED)
        except zlib.error:
            continue
        if inflated and (window == 31 or is_text(inflated) or is_utf16(inflated)):
            yield inflated
            return


def _unescape(found: re.Match[bytes]) -> bytes:
    if found[3]:
        return found[3]
    return chr(int(found[1] or found[2], 16)).encode("utf-8", "surrogatepass")


def is_text(data: bytes) -> bool:
    """Whether ``data`` has no control characters, apart from the usual ones, and is UTF-8 or nearly ASCII."""
    sample = data[:256]
    if len(sample.translate(None, _CONTROL)) != len(sample):
        return False
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
    sample = data[:256]
    return len(sample) >= 6 and sample.count(0) * 5 >= len(sample) * 2

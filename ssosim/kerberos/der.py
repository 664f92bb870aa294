"""Just enough DER for Kerberos and SPNEGO messages: strict, bounded, no recursion.

Only single-byte tags and definite, minimally encoded lengths are read (X.690, section 10.1); that is all that
RFC 4120 and RFC 4178 use.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "DerError",
    "Element",
    "application",
    "children",
    "context",
    "encode",
    "encode_integer",
    "fields",
    "integer",
    "only",
    "read",
]

SEQUENCE = 0x30
INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
OID = 0x06
GENERAL_STRING = 0x1B
GENERALIZED_TIME = 0x18

MAX_CHILDREN = 512


class DerError(ValueError):
    """Bytes are not the DER that was expected there. The text says what was wrong, never what the bytes held."""


@dataclass(frozen=True, slots=True)
class Element:
    """One tag-length-value; ``value`` is the content without its header."""

    tag: int
    value: bytes

    def expect(self, tag: int) -> bytes:
        """The content, if the tag is ``tag``; raises DerError otherwise."""
        if self.tag != tag:
            raise DerError(f"tag 0x{self.tag:02x} where 0x{tag:02x} belongs")
        return self.value


def read(data: bytes) -> tuple[Element, bytes]:
    """The first element of ``data``, and what follows it. Raises DerError."""
    element, end = _read_at(data, 0)
    return element, data[end:]


def _read_at(data: bytes, at: int) -> tuple[Element, int]:
    if len(data) < at + 2:
        raise DerError("cut off in a header")
    tag, length = data[at], data[at + 1]
    if tag & 0x1F == 0x1F:
        raise DerError("a tag of more than one byte")
    start = at + 2
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4:
            raise DerError("an indefinite or oversized length")
        start += count
        if len(data) < start:
            raise DerError("cut off in a length")
        length = int.from_bytes(data[at + 2 : start], "big")
        if length < 0x80 or data[at + 2] == 0:
            raise DerError("a length in more bytes than it needs")
    end = start + length
    if len(data) < end:
        raise DerError("cut off in a value")
    return Element(tag, data[start:end]), end


def only(data: bytes) -> Element:
    """The one element that ``data`` is; raises DerError if something follows."""
    element, rest = read(data)
    if rest:
        raise DerError("bytes after the end")
    return element


def children(value: bytes) -> list[Element]:
    """The elements inside a constructed value, at most 512; raises DerError."""
    found: list[Element] = []
    at = 0
    while at < len(value):
        if len(found) == MAX_CHILDREN:
            raise DerError("too many elements")
        element, at = _read_at(value, at)
        found.append(element)
    return found


def fields(sequence: Element) -> dict[int, Element]:
    """The explicitly tagged members ``[n]`` of a SEQUENCE, in ascending order as DER has them; raises DerError."""
    found: dict[int, Element] = {}
    last = -1
    for member in children(sequence.expect(SEQUENCE)):
        number = member.tag & 0x1F
        if member.tag & 0xE0 != 0xA0 or number <= last:
            raise DerError("a member out of place")
        last = number
        found[number] = only(member.value)
    return found


def integer(element: Element) -> int:
    """An INTEGER of at most 8 bytes; raises DerError."""
    value = element.expect(INTEGER)
    if not 1 <= len(value) <= 8:
        raise DerError("an integer of no or too many bytes")
    if len(value) > 1 and value[0] in (0, 0xFF) and (value[0] ^ value[1]) < 0x80:
        raise DerError("an integer in more bytes than it needs")
    return int.from_bytes(value, "big", signed=True)


def encode(tag: int, *parts: bytes) -> bytes:
    """An element with ``tag`` around the joined ``parts``."""
    value = b"".join(parts)
    size = len(value)
    if size < 0x80:
        return bytes((tag, size)) + value
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + value


def encode_integer(number: int) -> bytes:
    """An INTEGER."""
    bits = (number if number >= 0 else ~number).bit_length()
    return encode(INTEGER, number.to_bytes(bits // 8 + 1, "big", signed=True))


def context(number: int, *parts: bytes) -> bytes:
    """An explicit context tag ``[number]``."""
    return encode(0xA0 | number, *parts)


def application(number: int, *parts: bytes) -> bytes:
    """An application tag ``[APPLICATION number]``, as around every Kerberos message."""
    return encode(0x60 | number, *parts)

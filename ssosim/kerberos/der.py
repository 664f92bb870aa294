"""Read and write the part of DER that Kerberos and SPNEGO messages use. Strict, bounded, without recursion.

Only single-byte tags and definite, minimally encoded lengths are accepted (X.690, section 10.1). RFC 4120 and RFC 4178
use nothing else.
"""

from __future__ import annotations

from msgspec import Struct

__all__ = [
    "DerError",
    "Element",
    "encode_application",
    "encode_context",
    "encode_element",
    "encode_integer",
    "read_children",
    "read_element",
    "read_fields",
    "read_integer",
    "read_single",
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
    """The bytes are not valid DER, or not the expected element. The text describes the error, never the content."""


class Element(Struct, frozen=True):
    """One tag-length-value element. ``value`` is the content without tag and length."""

    tag: int
    value: bytes

    def expect(self, tag: int) -> bytes:
        """The content, if the element has the tag ``tag``. Raises DerError otherwise."""
        if self.tag != tag:
            raise DerError(f"tag 0x{self.tag:02x}, expected 0x{tag:02x}")
        return self.value


def read_element(data: bytes) -> tuple[Element, bytes]:
    """The first element of ``data``, and the bytes after it. Raises DerError."""
    element, end = _read_at(data, 0)
    return element, data[end:]


def _read_at(data: bytes, at: int) -> tuple[Element, int]:
    tag, start, end = _read_header(data, at)
    return Element(tag, data[start:end]), end


def _read_header(data: bytes, at: int) -> tuple[int, int, int]:
    """The tag of the element at ``at``, and where its content starts and ends. Raises DerError."""
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
    return tag, start, end


def read_single(data: bytes) -> Element:
    """The element in ``data``. Raises DerError if bytes follow it."""
    element, rest = read_element(data)
    if rest:
        raise DerError("bytes after the end")
    return element


def read_children(value: bytes) -> list[Element]:
    """The elements of a constructed value, at most 512. Raises DerError."""
    found: list[Element] = []
    at = 0
    while at < len(value):
        if len(found) == MAX_CHILDREN:
            raise DerError("too many elements")
        element, at = _read_at(value, at)
        found.append(element)
    return found


def read_fields(sequence: Element) -> dict[int, Element]:
    """The explicitly tagged members ``[n]`` of a SEQUENCE by number. DER orders them. Raises DerError."""
    value = sequence.expect(SEQUENCE)
    found: dict[int, Element] = {}
    last, at = -1, 0
    while at < len(value):
        outer, at, end = _read_header(value, at)
        number = outer & 0x1F
        if outer & 0xE0 != 0xA0 or number <= last:
            raise DerError("a member out of order")
        tag, start, inner_end = _read_header(value, at)
        if inner_end != end:
            raise DerError("bytes after the end" if inner_end < end else "cut off in a value")
        found[number] = Element(tag, value[start:end])
        last, at = number, end
    return found


def read_integer(element: Element) -> int:
    """The value of an INTEGER of at most 8 bytes. Raises DerError."""
    value = element.expect(INTEGER)
    if not 1 <= len(value) <= 8:
        raise DerError("an integer of no or too many bytes")
    if len(value) > 1 and value[0] in (0, 0xFF) and (value[0] ^ value[1]) < 0x80:
        raise DerError("an integer in more bytes than it needs")
    return int.from_bytes(value, "big", signed=True)


def encode_element(tag: int, *parts: bytes) -> bytes:
    """An element with the tag ``tag``, whose content is the joined ``parts``."""
    value = b"".join(parts)
    size = len(value)
    if size < 0x80:
        return bytes((tag, size)) + value
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + value


def encode_integer(number: int) -> bytes:
    """An INTEGER element."""
    bits = (number if number >= 0 else ~number).bit_length()
    return encode_element(INTEGER, number.to_bytes(bits // 8 + 1, "big", signed=True))


def encode_context(number: int, *parts: bytes) -> bytes:
    """``parts`` under the explicit context tag ``[number]``."""
    return encode_element(0xA0 | number, *parts)


def encode_application(number: int, *parts: bytes) -> bytes:
    """``parts`` under the tag ``[APPLICATION number]``, which every Kerberos message has."""
    return encode_element(0x60 | number, *parts)

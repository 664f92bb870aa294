"""Domain names that compute their hash and their lower case once.

dnspython computes both anew for each look-up, octet by octet, and gives many similar names the same hash (h19 and h20).
A zone of 100,000 names looks its names up several times each. A ``CachedName`` equals the ``Name`` of the same labels
and has its hash, so that both may be keys of one dictionary.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from dns.name import Name

__all__ = ["CachedName", "NameMaker", "cached", "has_known_hash", "lower_labels_of", "make_name"]

LONGEST_NAME, LONGEST_LABEL = 255, 63
"""Octets on the wire, length octets included in the first. Source: RFC 1035 section 2.3.4."""


class CachedName(Name):
    """A name with its hash and its lower case."""

    __slots__ = ("hash_value", "lower_labels")
    hash_value: int
    lower_labels: tuple[bytes, ...]

    def __init__(self, labels: Iterable[bytes | str]) -> None:
        super().__init__(labels)
        _set_lower_labels(self, tuple([label.lower() for label in self.labels]))
        _set_hash(self, super().__hash__())

    def __hash__(self) -> int:
        return self.hash_value

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if other.__class__ is CachedName:
            return self.lower_labels == other.lower_labels
        return isinstance(other, Name) and self.lower_labels == lower_labels_of(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __reduce__(self) -> tuple[Any, ...]:
        return CachedName, (self.labels,)

    def is_subdomain(self, other: Name) -> bool:
        """Whether this name is ``other`` or below it."""
        ends = lower_labels_of(other)
        return self.lower_labels[-len(ends) :] == ends if ends else super().is_subdomain(other)

    def parent(self) -> Name:
        """The name without its first label; raises dns.name.NoParent for the root."""
        if len(self.labels) < 2:
            return super().parent()
        return _fill(self.labels[1:], self.lower_labels[1:])


_new: Any = object.__new__
_slots: Any = CachedName
_set_labels = _slots.labels.__set__
_set_lower_labels = _slots.lower_labels.__set__
_set_hash = _slots.hash_value.__set__
"""They set the slots of a name without dnspython's check, which takes longer than all the rest."""


def has_known_hash() -> bool:
    """Whether dnspython computes the hash of a name as this module does: a polynomial in 9 of the octets."""
    return Name((b"aB", b"c", b"")).__hash__() == (97 * 9 + 98) * 9 + 99


_HAS_KNOWN_HASH = has_known_hash()
"""False with another version of dnspython: then each name asks for its hash, which is slower."""


def _fill(labels: tuple[bytes, ...], lower: tuple[bytes, ...]) -> CachedName:
    if not _HAS_KNOWN_HASH:
        return CachedName(labels)
    total = 0
    for octet in lower[0]:
        total = total * 9 + octet  # as dnspython computes it
    if len(lower) > 1:
        power, tail = _hash_tail(lower[1:])
        total = total * power + tail
    made: CachedName = _new(CachedName)
    _set_labels(made, labels)
    _set_lower_labels(made, lower)
    _set_hash(made, total)
    return made


@lru_cache(maxsize=32)
def _hash_tail(lower: tuple[bytes, ...]) -> tuple[int, int]:
    """Return by how much these labels multiply the hash of what is before them, and their own hash.

    New names mostly have known labels behind their first one.
    """
    octets, total = b"".join(lower), 0
    for octet in octets:
        total = total * 9 + octet
    return 9 ** len(octets), total


def make_name(labels: tuple[bytes, ...]) -> CachedName:
    """The name of labels whose lengths are known to be right; the last one is empty."""
    return _fill(labels, tuple([label.lower() for label in labels]))


class NameMaker:
    """Makes names below an origin; what they have in common is computed once."""

    __slots__ = ("_hash", "_lower", "_power", "_room", "origin")

    def __init__(self, origin: Name) -> None:
        self.origin = cached(origin)
        self._lower = self.origin.lower_labels
        self._hash = self.origin.hash_value
        octets = sum(map(len, self._lower))
        self._power = 9**octets  # dnspython's hash is a polynomial in 9 of the octets
        self._room = LONGEST_NAME - octets - len(self._lower)

    def make(self, own: tuple[bytes, ...]) -> CachedName:
        """The name with the labels ``own`` before those of the origin. Raises dns.name.NameTooLong and others."""
        octets = b"".join(own)
        if len(octets) + len(own) > min(self._room, LONGEST_LABEL) or b"" in own or not _HAS_KNOWN_HASH:
            return CachedName((*own, *self.origin.labels))
        lower, total = octets.lower(), 0
        for octet in lower:
            total = total * 9 + octet
        made: CachedName = _new(CachedName)
        _set_labels(made, own + self.origin.labels)
        own = own if lower == octets else tuple([label.lower() for label in own])
        _set_lower_labels(made, own + self._lower)
        _set_hash(made, total * self._power + self._hash)
        return made


def lower_labels_of(name: Name) -> tuple[bytes, ...]:
    """The labels of ``name`` in lower case."""
    if name.__class__ is CachedName:
        return name.lower_labels
    return tuple([label.lower() for label in name.labels])


def cached(name: Name) -> CachedName:
    """``name`` as a ``CachedName``."""
    return name if isinstance(name, CachedName) else CachedName(name.labels)

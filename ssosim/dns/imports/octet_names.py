"""Names of zone files with letters beyond ASCII: name servers take their octets as they are, and never make ``xn--``.

Clients ask for the ``xn--`` form (RFC 5891 section 4.4), so such a name is found by nobody. Measured with
named-compilezone 9.18 and nsd-checkzone 4.6, alike.
"""

from __future__ import annotations

import contextlib

import dns.name
from dns.exception import DNSException

__all__ = ["OctetNames"]


class OctetNames(dns.name.IDNACodec):
    """Encodes labels as their octets in UTF-8; ``labels`` are those that are not ASCII."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.labels: dict[str, None] = {}

    def encode(self, label: str) -> bytes:
        """The octets of the label. Raises LabelTooLong."""
        octets = label.encode()
        if len(octets) > 63:
            raise dns.name.LabelTooLong
        if not label.isascii():
            self.labels[label] = None
        return octets

    def describe(self, source: str) -> list[str]:
        """A line for each label that is not ASCII."""
        return [
            f"{source}: the name {label!r} is served as its octets, as name servers do: clients ask for "
            f"{_to_ascii(label)}; write that"
            for label in self.labels
        ]


def _to_ascii(label: str) -> str:
    with contextlib.suppress(DNSException, UnicodeError):
        return dns.name.IDNA_2003_Practical.encode(label).decode()
    return "its xn-- form"

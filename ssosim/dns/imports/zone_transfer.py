"""Zones by zone transfer (AXFR, RFC 5936) from a server that the user names: ``axfr:192.0.2.53/example.com``.

It asks and changes nothing. Several zones of one server are separated by commas; a port follows the address after a
colon, and an IPv6 address is in brackets. The whole transfer of a zone has ``TRANSFER_TIME`` seconds.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from pathlib import Path

import dns.exception
import dns.message
import dns.rdata
import dns.xfr
from dns.name import Name
from dns.rdatatype import SOA, RdataType
from msgspec import Struct

from ssosim.dns.imports.import_errors import MAX_RECORDS, Imported
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.rrset import RRset, plain, to_name, to_type
from ssosim.estate.toml import TomlMistakeError

__all__ = ["TRANSFER_TIME", "Transfer", "parse_transfer", "transfer_zone"]

TRANSFER_TIME = 60.0
"""The longest transfer of one zone, seconds."""

_PREFIX = "axfr:"
_SERVER = re.compile(r"(?:\[(?P<v6>[0-9a-fA-F:]+)\]|(?P<host>[^:\[\]/]+))(?::(?P<port>\d{1,5}))?")


class Transfer(Struct, frozen=True):
    """What to transfer: server, port and zones."""

    server: str
    port: int
    zones: tuple[Name, ...]


def parse_transfer(path: Path) -> Transfer | None:
    """Read ``axfr:SERVER[:PORT]/ZONE[,ZONE]``; None for any other path. Raises TomlMistakeError."""
    text = str(path)
    if not text.startswith(_PREFIX):
        return None
    server, _, names = text.removeprefix(_PREFIX).lstrip("/").partition("/")
    found = _SERVER.fullmatch(server)
    zones = [name for name in names.split(",") if name]
    if found is None or not zones or not 0 < int(found["port"] or 53) < 65536:
        raise TomlMistakeError(f"{text}: expected axfr:SERVER[:PORT]/ZONE, as in axfr:192.0.2.53/example.com")
    try:
        origins = tuple(to_name(f"{name.rstrip('.')}.") for name in zones)
    except DnsChangeError as error:
        raise TomlMistakeError(f"{text}: {error}") from error
    return Transfer(found["v6"] or found["host"], int(found["port"] or 53), origins)


def transfer_zone(transfer: Transfer, origin: Name, seconds: float = TRANSFER_TIME) -> Imported:
    """Transfer one zone. Raises TomlMistakeError if the server refuses, stops, or takes too long."""
    import dns.query  # noqa: PLC0415 - it imports ssl, and only a transfer needs it

    label = f"axfr:{transfer.server}/{plain(origin)}"
    try:
        address = socket.getaddrinfo(transfer.server, transfer.port, type=socket.SOCK_STREAM)[0][4][0]
        messages = dns.query.xfr(
            str(address), origin, port=transfer.port, relativize=False, timeout=seconds, lifetime=seconds
        )
        return _collect(origin, label, messages)
    except dns.xfr.TransferError as error:
        raise TomlMistakeError(
            f"{label}: the server refuses the transfer ({error}): allow it for this machine (allow-transfer)"
        ) from error
    except dns.exception.Timeout as error:
        raise TomlMistakeError(f"{label}: the transfer took more than {seconds:g} seconds") from error
    except (OSError, EOFError, ValueError, dns.exception.DNSException) as error:
        text = str(error) or type(error).__name__
        raise TomlMistakeError(f"{label}: the transfer failed: {text}; does the server answer TCP here?") from error


def _collect(origin: Name, label: str, messages: Iterable[dns.message.Message]) -> Imported:
    """Put the records of the messages into record sets; the second SOA ends the transfer (RFC 5936 section 2.2)."""
    zone = Imported(origin, file=label)
    found: dict[tuple[Name, RdataType], tuple[int, dict[dns.rdata.Rdata, None]]] = {}
    for message in messages:
        for rrset in message.answer:
            kind = RdataType(rrset.rdtype)
            if not rrset.name.is_subdomain(origin):
                raise ValueError(f"{plain(rrset.name)} is outside the zone")
            if (rrset.name, kind) not in found and len(found) >= MAX_RECORDS:
                raise ValueError(f"more than {MAX_RECORDS} record sets")
            kept = found.setdefault((rrset.name, kind), (rrset.ttl, {}))
            kept[1].update(dict.fromkeys(rrset))
    if (origin, SOA) not in found:
        raise ValueError("no SOA record came")
    for (name, kind), (ttl, rdatas) in found.items():
        zone.add(RRset(name, to_type(kind), ttl, tuple(rdatas)), f"{label}: {plain(name)}")
    return zone

"""Plain data of providers' JSON files, read with limits, and what comes of it: zones, profiles, mistakes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from dns.name import Name
from dns.rdatatype import RdataType

from ssosim.dns.imports.import_errors import MAX_RECORDS, Imported
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.from_estate import check_ttl
from ssosim.dns.zones.rrset import RRset, plain, to_name, to_rdatas, to_type
from ssosim.estate import TrafficManager
from ssosim.estate.toml import TomlMistakeError

__all__ = ["Fields", "ProviderData", "quote_text", "read_json"]

MAX_JSON_OCTETS = 256 * 1024 * 1024
"""The largest JSON file, octets: a Terraform plan of ten thousand resources has about 50 million."""


def read_json(path: Path) -> object:
    """Read a JSON file; raises TomlMistakeError with the place of the mistake."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_JSON_OCTETS + 1)
    except (OSError, ValueError) as error:
        raise TomlMistakeError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(content) > MAX_JSON_OCTETS:
        raise TomlMistakeError(f"{path}: larger than {MAX_JSON_OCTETS >> 20} MiB: export a part of it")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        content = content.decode("utf-16", "replace").encode()
    try:
        return msgspec.json.decode(content.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise TomlMistakeError(f"{path}: not valid JSON: {error}") from error


class Fields:
    """A JSON object whose keys are found in any case and with or without underscores: ``aRecords``, ``ARecords``.

    azure-cli wrote ``arecords``, then ``aRecords``, then ``ARecords`` in its versions.
    """

    def __init__(self, data: object) -> None:
        """Take an object; anything else has no keys."""
        pairs = data.items() if isinstance(data, Mapping) else ()
        self._data: dict[str, Any] = {str(key).replace("_", "").lower(): value for key, value in pairs}

    def get(self, *keys: str) -> Any:
        """The value of the first of ``keys`` that is there and not null; None if there is none."""
        values = (self._data.get(key.replace("_", "").lower()) for key in keys)
        return next((value for value in values if value is not None), None)

    def text(self, *keys: str) -> str:
        """As ``get``, as text; raises DnsChangeError if there is none."""
        found = self.get(*keys)
        if found is None or isinstance(found, (list, dict)):
            raise DnsChangeError(f"the key {keys[0]!r} is missing: expected a text or number")
        return str(found)

    def items(self, *keys: str) -> list[Any]:
        """As ``get``, as a list; a single value is a list of itself, nothing an empty one."""
        found = self.get(*keys)
        return [] if found is None else found if isinstance(found, list) else [found]

    def seconds(self, *keys: str, default: int | None = None) -> int:
        """As ``get``, as a TTL in seconds. Raises DnsChangeError."""
        found = self.get(*keys)
        if found is None and default is not None:
            return default
        try:
            seconds = -1 if isinstance(found, bool) else int(found)
        except (OverflowError, TypeError, ValueError):
            seconds = -1
        if seconds < 0 or (isinstance(found, float) and found != seconds):
            raise DnsChangeError(f"the key {keys[0]!r} is {found!r}: expected a TTL in seconds")
        check_ttl(seconds)
        return seconds


def quote_text(text: str) -> str:
    """Quote a text of any length as the strings of a TXT record, 255 octets each."""
    octets = text.encode()
    pieces = [octets[at : at + 255] for at in range(0, len(octets), 255)] or [b""]
    escaped = ("".join(chr(o) if 32 <= o < 127 and o not in b'"\\' else f"\\{o:03}" for o in each) for each in pieces)
    return " ".join(f'"{each}"' for each in escaped)


@dataclass(slots=True)
class ProviderData:
    """The zones and profiles of one file; ``warnings`` say what was not read.

    ``interruptions`` are record sets that the change itself can take away (``ZoneSet.interruptions``).
    """

    source: str
    zones: dict[Name, Imported] = field(default_factory=dict)
    profiles: list[tuple[TrafficManager, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    records: int = 0
    identities: dict[Name, str] = field(default_factory=dict)
    interruptions: dict[tuple[Name, RdataType], str] = field(default_factory=dict)

    def zone(self, name: str | Name, identity: str = "") -> Imported:
        """The zone of that name; it is added if it is new.

        ``identity`` is what the provider knows it by. Raises DnsChangeError for a name that is none, and for a second
        zone of that name: its records would be mixed with those of the first.
        """
        origin = to_name(f"{name.rstrip('.')}.") if isinstance(name, str) else name
        known = self.identities.setdefault(origin, identity) if identity else identity
        if known != identity:
            raise DnsChangeError(
                f"there are two zones {plain(origin)} ({known} and {identity}), as in split horizon: read each "
                "on its own"
            )
        return self.zones.setdefault(origin, Imported(origin, file=self.source))

    def add(self, zone: Imported, name: Name, kind: str, ttl: int, values: Iterable[str], where: str) -> None:
        """Add a record set, or its values to that of the same name and type. Raises DnsChangeError."""
        self.records += 1
        if self.records > MAX_RECORDS:
            raise TomlMistakeError(f"{self.source}: more than {MAX_RECORDS} record sets: export a part of the zones")
        if not name.is_subdomain(zone.origin):
            raise DnsChangeError(f"{plain(name)} is outside the zone {plain(zone.origin)}")
        rdtype = to_type(kind)
        zone.add(RRset(name, rdtype, ttl, to_rdatas(values, rdtype, zone.origin)), where)

    @contextmanager
    def mistakes_at(self, where: str) -> Iterator[None]:
        """Note a DnsChangeError in the block as a mistake at ``where``."""
        try:
            yield
        except DnsChangeError as error:
            self.mistakes.append(f"{where}: {error}")

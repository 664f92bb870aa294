"""Writes zones as a tree of zone files or of octoDNS, with ``ssosim.toml`` for what these cannot express.

``read_tree`` of what is written gives the same record sets. What a format cannot express has a line in the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml
from dns.rdata import Rdata
from dns.rdatatype import NS, SOA, TXT, RdataType

from ssosim.dns.imports.tree import EXTRAS
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.rrset import RRset, plain
from ssosim.dns.zones.zone import Zone
from ssosim.dns.zones.zone_file_text import format_zone_file, zone_file_name
from ssosim.dns.zones.zone_set import ZoneSet
from ssosim.estate import TrafficManager

__all__ = ["TreeFormat", "write_tree"]

TreeFormat = Literal["zone-files", "octodns"]

_CONFIGURATION = """\
providers:
  config:
    class: octodns.provider.yaml.YamlProvider
    directory: ./zones
    enforce_order: false
    escaped_semicolons: true
zones:
"""


def write_tree(zones: ZoneSet, folder: Path, form: TreeFormat) -> list[str]:
    """Write every zone into ``folder``, which is new or empty; return a line for each record set left out.

    Raises DnsChangeError if the folder has files, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise DnsChangeError(f"{folder}: is not empty: name a new folder")
        own = [zone for origin, zone in zones.zones.items() if len(origin) > 1 or _has_records(zone)]
        left = _write_zone_files(zones, own, folder) if form == "zone-files" else _write_octodns(own, folder)
        aliases = [rrset for rrset in left if rrset.shape == "alias"] if form == "zone-files" else []
        _write_extras([*zones.profiles.values()], aliases, folder / EXTRAS)
    except OSError as error:
        raise DnsChangeError(f"{folder}: cannot be written: {error.strerror}") from error
    lines = [
        f"{plain(rrset.name)} {RdataType.to_text(rrset.type)}: left out: {_reason(rrset, form)}"
        for rrset in left
        if rrset not in aliases
    ]
    joined = [rrset for zone in own for rrset in zone.rrsets() if form == "octodns" and _has_short_strings(rrset)]
    return lines + [f"{plain(rrset.name)} TXT: its strings are joined: octoDNS has one text" for rrset in joined]


def _has_short_strings(rrset: RRset) -> bool:
    """Whether a text is in other pieces than those of 255 octets in which it will be sent."""
    texts = [rdata.strings for rdata in rrset.rdatas] if rrset.type == TXT else []  # type: ignore[attr-defined]
    return any(len(piece) < 255 for strings in texts for piece in strings[:-1])


def _has_records(zone: Zone) -> bool:
    return any(rrset.type not in (NS, SOA) for rrset in zone.rrsets())


def _reason(rrset: RRset, form: TreeFormat) -> str:
    if rrset.shape == "empty":
        return "no format has a record set without records"
    return "octoDNS sets it by itself" if rrset.type == SOA else f"{form} has no form of it here"


def _write_zone_files(zones: ZoneSet, own: list[Zone], folder: Path) -> list[RRset]:
    left = []
    for zone in own:
        text, more = format_zone_file(zone, zones.version)
        (folder / zone_file_name(zone, ".zone")).write_text(text, encoding="utf-8")
        left += more
    return left


def _write_octodns(own: list[Zone], folder: Path) -> list[RRset]:
    left: list[RRset] = []
    (folder / "zones").mkdir()
    configuration = _CONFIGURATION
    for zone in own:
        configuration += f"  {zone.origin}: {{sources: [config]}}\n"
        names: dict[str, list[dict[str, Any]]] = {}
        for rrset in sorted(zone.rrsets(), key=lambda each: (each.name, each.type)):
            if rrset.is_profile_name:
                continue
            record = _octodns(rrset)
            if record is None:
                left.append(rrset)
            else:
                label = rrset.name.relativize(zone.origin).to_text()
                names.setdefault("" if label == "@" else label, []).append(record)
        text = yaml.safe_dump(names, sort_keys=True, allow_unicode=True, width=1_000)
        (folder / "zones" / f"{zone.origin}yaml").write_text(text, encoding="utf-8")
    (folder / "octodns.yaml").write_text(configuration, encoding="utf-8")
    return left


def _octodns(rrset: RRset) -> dict[str, Any] | None:
    """The record of octoDNS; None if there is no form of it."""
    head: dict[str, Any] = {"type": RdataType.to_text(rrset.type), "ttl": rrset.ttl}
    if rrset.alias is not None:
        return head | {"octodns": {"ssosim": {"alias": rrset.alias}}}
    if rrset.alias_record is not None:
        return head | {"octodns": {"ssosim": {"alias_record": rrset.alias_record.to_text()}}}
    make = _VALUES.get(head["type"])
    if make is None or not rrset.rdatas:
        return None
    try:
        values = [make(rdata) for rdata in rrset.rdatas]
    except ValueError:  # no text in UTF-8, or one that octoDNS would read as another
        return None
    return head | ({"value": values[0]} if len(values) == 1 else {"values": values})


def _text(rdata: Any) -> str:
    """The text as octoDNS reads it: one that begins with a quote is taken for quoted pieces, so it gets quotes.

    Raises ValueError for a text that cannot be written.
    """
    text = b"".join(rdata.strings).decode("utf-8").replace(";", "\\;")
    if '" "' in text:
        raise ValueError("octoDNS takes a quote, a blank and a quote for the end of a piece")
    return f'"{text}"' if text.startswith('"') else text


def _fields(**fields: str) -> Callable[[Any], dict[str, Any]]:
    """Make a value of these keys, each from the field of dnspython's record."""

    def make(rdata: Any) -> dict[str, Any]:
        found = {key: getattr(rdata, field) for key, field in fields.items()}
        return {key: int(value) if isinstance(value, int) else _plain_value(value) for key, value in found.items()}

    return make


def _plain_value(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _hex(field: str, **fields: str) -> Callable[[Any], dict[str, Any]]:
    def make(rdata: Any) -> dict[str, Any]:
        name, attribute = field.split("=")
        return _fields(**fields)(rdata) | {name: getattr(rdata, attribute).hex()}

    return make


_VALUES: Mapping[str, Callable[[Rdata], Any]] = {
    "A": str,
    "AAAA": str,
    "CAA": _fields(flags="flags", tag="tag", value="value"),
    "CNAME": str,
    "DNAME": str,
    "DS": _hex("digest=digest", key_tag="key_tag", algorithm="algorithm", digest_type="digest_type"),
    "MX": _fields(preference="preference", exchange="exchange"),
    "NAPTR": _fields(
        order="order",
        preference="preference",
        flags="flags",
        service="service",
        regexp="regexp",
        replacement="replacement",
    ),
    "NS": str,
    "PTR": str,
    "SPF": _text,
    "SRV": _fields(priority="priority", weight="weight", port="port", target="target"),
    "SSHFP": _hex("fingerprint=fingerprint", algorithm="algorithm", fingerprint_type="fp_type"),
    "TLSA": _hex(
        "certificate_association_data=cert", certificate_usage="usage", selector="selector", matching_type="mtype"
    ),
    "TXT": _text,
    "URI": _fields(priority="priority", weight="weight", target="target"),
}


def _write_extras(profiles: list[TrafficManager], aliases: list[RRset], path: Path) -> None:
    if not profiles and not aliases:
        return
    entries = [
        {"name": plain(rrset.name), "type": RdataType.to_text(rrset.type), "ttl": rrset.ttl}
        | ({"profile": rrset.alias} if rrset.alias is not None else {"record": plain(rrset.alias_record or rrset.name)})
        for rrset in aliases
    ]
    lines = [line for entry in entries for line in ("[[aliases]]", *_toml(entry), "")]
    for profile in profiles:
        lines += ["[[traffic_managers]]", *_toml(msgspec.to_builtins(profile)), ""]
    path.write_text("\n".join(lines), encoding="utf-8")


def _toml(data: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {_toml_value(value)}" for key, value in data.items() if value is not None]


def _toml_value(value: Any) -> str:
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key} = {_toml_value(each)}" for key, each in value.items() if each is not None)
        return f"{{ {inner} }}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_toml_value(each) for each in value)}]"
    return msgspec.json.encode(value).decode()

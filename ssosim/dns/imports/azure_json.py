"""Record sets of Azure DNS as JSON: ``az network dns record-set list`` and ``az network private-dns record-set list``.

Names in values are absolute there, with or without a dot at their end. A record set with neither records nor a target
is empty: its target was deleted. A link to a traffic manager profile is in ``targetResource`` or, since API version
2023-07-01-preview, in ``trafficManagementProfile``. Source: REST API of Azure DNS, record sets; the documentation of
alias record sets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ssosim.dns.imports.azure_ids import add_azure_alias
from ssosim.dns.imports.provider_data import Fields, ProviderData, quote_text
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.rrset import RRset, to_name, to_type

__all__ = ["absolute", "is_azure_record_set", "read_azure_record_set"]

_TYPE = re.compile(r"Microsoft\.Network/(?:private)?dnszones/(?P<type>[A-Z0-9]+)$", re.IGNORECASE)
_ZONE_ID = re.compile(r".*/(?:private)?dnszones/[^/]+(?=/)", re.IGNORECASE)
_ZONE = re.compile(r"/(?:private)?dnszones/(?P<zone>[^/]+)/", re.IGNORECASE)


def is_azure_record_set(data: object) -> bool:
    """Whether the JSON object is a record set of Azure DNS."""
    return isinstance(data, Mapping) and _TYPE.search(str(data.get("type", ""))) is not None


def read_azure_record_set(data: Mapping[str, object], found: ProviderData, where: str) -> None:
    """Add one record set. Raises DnsChangeError."""
    outer = Fields(data)
    inner = Fields({**data, **(data["properties"] if isinstance(data.get("properties"), Mapping) else {})})  # type: ignore[dict-item]
    kind = _TYPE.search(outer.text("type"))
    assert kind is not None  # noqa: S101 - by is_azure_record_set
    name = outer.text("name")
    identity = _ZONE_ID.match(str(outer.get("id") or ""))
    zone = found.zone(_zone_name(outer, inner, name), identity[0].lower() if identity else "")
    owner, ttl = to_name(name, zone.origin), inner.seconds("ttl")
    where = f"{where} ({name} {kind['type'].upper()})"
    target = Fields(inner.get("targetResource")).get("id") or Fields(inner.get("trafficManagementProfile")).get("id")
    values = [_render(kind["type"].upper(), Fields(each)) for each in _entries(kind["type"].upper(), inner)]
    if target:
        if values:
            raise DnsChangeError("has both records and a target resource: an alias record set has no records")
        add_azure_alias(zone, owner, kind["type"], ttl, str(target), where)
    elif values:
        found.add(zone, owner, kind["type"], ttl, values, where)
    else:
        zone.add(RRset(owner, to_type(kind["type"]), ttl), where)
        zone.warnings.append(f"{where}: an empty record set: it has neither records nor a target")


def _zone_name(outer: Fields, inner: Fields, name: str) -> str:
    if found := _ZONE.search(str(outer.get("id") or "")):
        return found["zone"]
    full = str(inner.get("fqdn") or "").rstrip(".")
    if not full:
        raise DnsChangeError("has neither id nor fqdn: the zone is not known; list it with az network dns record-set")
    return full if name == "@" else full.removeprefix(f"{name}.")


def _entries(kind: str, inner: Fields) -> list[object]:
    key = f"{kind.lower()}record" if kind in ("CNAME", "SOA") else f"{kind.lower()}records"
    return inner.items(key)


def absolute(name: str) -> str:
    """The name with the dot at its end."""
    return f"{name.rstrip('.')}."


def _txt(entry: Fields) -> str:
    return " ".join(quote_text(str(each)) for each in entry.items("value"))


def _ds(entry: Fields) -> str:
    digest = Fields(entry.get("digest"))
    words = (entry.text("keyTag"), entry.text("algorithm"), digest.text("algorithmType"), digest.text("value"))
    return " ".join(words)


def _soa(entry: Fields) -> str:
    names = (absolute(entry.text("host")), absolute(entry.text("email").replace("@", ".")))
    numbers = ("serialNumber", "refreshTime", "retryTime", "expireTime", "minimumTTL")
    return " ".join((*names, *(entry.text(key) for key in numbers)))


def _words(*keys: str, name: str = "") -> Callable[[Fields], str]:
    def render(entry: Fields) -> str:
        words = [entry.text(key) for key in keys]
        return " ".join([*words, absolute(entry.text(name))] if name else words)

    return render


_RENDER: Mapping[str, Callable[[Fields], str]] = {
    "A": _words("ipv4Address"),
    "AAAA": _words("ipv6Address"),
    "CAA": lambda entry: f"{entry.text('flags')} {entry.text('tag')} {quote_text(entry.text('value'))}",
    "CNAME": _words(name="cname"),
    "DS": _ds,
    "MX": _words("preference", name="exchange"),
    "NS": _words(name="nsdname"),
    "PTR": _words(name="ptrdname"),
    "SOA": _soa,
    "SRV": _words("priority", "weight", "port", name="target"),
    "TLSA": _words("usage", "selector", "matchingType", "certAssociationData"),
    "TXT": _txt,
}


def _render(kind: str, entry: Fields) -> str:
    render = _RENDER.get(kind)
    if render is None:
        raise DnsChangeError(f"record sets of type {kind} are not read from JSON: known here: {', '.join(_RENDER)}")
    return render(entry)

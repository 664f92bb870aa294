"""The resolved configuration of dnscontrol as JSON: ``dnscontrol print-ir`` (or ``check --out``).

Records of providers that are no DNS records (redirects, worker routes) are unserved. ``AZURE_ALIAS`` and ``R53_ALIAS``
are read as in exports of these providers. Source: dnscontrol documentation, ``print-ir``, and its record model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dns.name import Name
from dns.rdatatype import AAAA, A

from ssosim.dns.imports.azure_ids import add_azure_alias
from ssosim.dns.imports.cloudflare_lines import PROXIED, PROXIED_REASON, PROXIED_TYPES
from ssosim.dns.imports.import_errors import Imported, NameAlias, Unserved
from ssosim.dns.imports.provider_data import Fields, ProviderData, quote_text
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.rrset import plain, to_name, to_type

__all__ = ["is_dnscontrol", "read_dnscontrol"]

DEFAULT_TTL = 300
"""Seconds. Source: dnscontrol documentation, ``DefaultTTL``."""


def is_dnscontrol(data: object) -> bool:
    """Whether the JSON value is a resolved configuration."""
    return isinstance(data, Mapping) and "domains" in data and ("dns_providers" in data or "registrars" in data)


def read_dnscontrol(data: Mapping[str, Any], found: ProviderData, where: str) -> None:
    """Add every domain. Mistakes of records are noted with their places."""
    for number, each in enumerate(Fields(data).items("domains")):
        domain = Fields(each)
        at = f"{where}: domains[{number}]"
        with found.mistakes_at(at):
            zone = found.zone(domain.text("name").partition("!")[0], f"domains[{number}] {domain.text('name')}")
            _add_domain(domain, zone, found, at)


def _add_domain(domain: Fields, zone: Imported, found: ProviderData, where: str) -> None:
    if domain.get("keepunknown") is True:
        found.warnings.append(f"{where}: NO_PURGE: records that others manage are not seen")
    for key in ("ignored_names", "ignored_targets", "unmanaged"):
        if domain.items(key):
            found.warnings.append(f"{where}: {key}: records that others manage are not seen")
    values: dict[tuple[Name, str], tuple[int, list[str], str]] = {}
    for number, each in enumerate(domain.items("records")):
        at = f"{where}: records[{number}]"
        with found.mistakes_at(at):
            record = Fields(each)
            if _is_proxied(record, domain):
                name = to_name(record.text("name") or "@", zone.origin)
                zone.unserved.append(Unserved(at, plain(name), PROXIED, PROXIED_REASON))
            else:
                _collect(record, zone, values, at)
    servers = [Fields(each).text("name") for each in domain.items("nameservers")]
    if servers and (zone.origin, "NS") not in values:
        ttl = Fields(domain.get("meta")).seconds("ns_ttl", default=DEFAULT_TTL) or DEFAULT_TTL
        names = [f"{name.rstrip('.')}." for name in servers]
        values[zone.origin, "NS"] = (ttl, names, f"{where}: nameservers")
    for (name, kind), (ttl, texts, at) in values.items():
        with found.mistakes_at(f"{at} ({plain(name)} {kind})"):
            found.add(zone, name, kind, ttl, texts, at)


def _is_proxied(record: Fields, domain: Fields) -> bool:
    """Whether Cloudflare proxies the record.

    Source: dnscontrol documentation of the provider Cloudflare, ``cloudflare_proxy`` and ``cloudflare_proxy_default``.
    """
    if record.text("type").upper() not in (*PROXIED_TYPES, "ALIAS") or record.get("ensure_absent") is True:
        return False
    own = Fields(record.get("meta")).get("cloudflare_proxy")
    given = Fields(domain.get("meta")).get("cloudflare_proxy_default") if own is None else own
    return str(given or "").lower() in ("on", "full")


def _collect(
    record: Fields, zone: Imported, values: dict[tuple[Name, str], tuple[int, list[str], str]], where: str
) -> None:
    kind = record.text("type").upper()
    name = to_name(record.text("name") or "@", zone.origin)
    ttl = record.seconds("ttl", default=DEFAULT_TTL) or DEFAULT_TTL
    if record.get("ensure_absent") is True:
        return  # says that the record is not there
    target = str(record.get("target") or "")
    if kind == "AZURE_ALIAS":
        add_azure_alias(zone, name, Fields(record.get("azure_alias")).text("type"), ttl, target, where)
        return
    if kind in ("R53_ALIAS", "ALIAS", "ANAME"):
        types = (to_type(Fields(record.get("r53_alias")).text("type")),) if kind == "R53_ALIAS" else (A, AAAA)
        zone.name_aliases.append(NameAlias(where, name, ttl, to_name(target, zone.origin), types, kind))
        return
    try:
        to_type(kind)
    except DnsChangeError:
        reason = "it is a feature of the provider, no DNS record"
        zone.unserved.append(Unserved(where, plain(name), kind, reason))
        return
    render = _RENDER.get(kind)
    text = render(record, target) if render else target
    kept = values.setdefault((name, kind), (ttl, [], where))
    if kept[0] != ttl:
        raise DnsChangeError(
            f"{plain(name)} {kind} has TTL {ttl} here and {kept[0]} at {kept[2]}: give the set one TTL"
        )
    kept[1].append(text)


def _words(*keys: str) -> Callable[[Fields, str], str]:
    """The values of ``keys`` (0 where dnscontrol leaves out a zero), then the target."""
    return lambda record, target: " ".join([*(str(record.get(key) or 0) for key in keys), target])


def _naptr(record: Fields, target: str) -> str:
    texts = (quote_text(str(record.get(key) or "")) for key in ("naptrflags", "naptrservice", "naptrregexp"))
    return " ".join([str(record.get("naptrorder") or 0), str(record.get("naptrpreference") or 0), *texts, target])


def _txt(record: Fields, target: str) -> str:
    strings = record.items("txtstrings")
    return " ".join(quote_text(str(each)) for each in strings) if strings else quote_text(target)


def _soa(record: Fields, target: str) -> str:
    mbox = str(record.get("soambox") or "hostmaster.invalid").replace("@", ".").rstrip(".")
    numbers = ("soaserial", "soarefresh", "soaretry", "soaexpire", "soaminttl")
    return " ".join([target, f"{mbox}.", *(str(record.get(key) or 1) for key in numbers)])


def _preference(record: Fields, target: str) -> str:
    rdata = Fields(record.get("rdata"))
    return f"{record.get('mxpreference') or rdata.get('preference') or 0} {target or rdata.get('mx')}"


_RENDER: Mapping[str, Callable[[Fields, str], str]] = {
    "CAA": lambda record, target: f"{record.get('caaflag') or 0} {record.text('caatag')} {quote_text(target)}",
    "DS": lambda record, _target: " ".join(
        [*(str(record.get(key) or 0) for key in ("dskeytag", "dsalgorithm", "dsdigesttype")), record.text("dsdigest")]
    ),
    "HTTPS": lambda record, target: f"{record.get('svcpriority') or 0} {target} {record.get('svcparams') or ''}",
    "MX": _preference,
    "NAPTR": _naptr,
    "SOA": _soa,
    "SRV": _words("srvpriority", "srvweight", "srvport"),
    "SSHFP": _words("sshfpalgorithm", "sshfpfingerprint"),
    "SVCB": lambda record, target: f"{record.get('svcpriority') or 0} {target} {record.get('svcparams') or ''}",
    "TLSA": _words("tlsausage", "tlsaselector", "tlsamatchingtype"),
    "TXT": _txt,
}

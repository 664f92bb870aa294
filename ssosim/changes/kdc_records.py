"""What URI records do to devices that find their KDCs in DNS: MIT krb5 asks for them first, and then for nothing else.

Source: krb5 1.15 and later, lib/krb5/os/locate_kdc.c (``locate_server``: SRV records are asked for only where no URI
record is usable) and the krb5 document "Hostnames for KDCs" (the form of the records). Windows and Heimdal ask for SRV
records only, whose loss is a rule of ``risk``.
"""

from __future__ import annotations

from collections.abc import Iterator

from dns.exception import DNSException
from dns.name import Name
from dns.rdatatype import SRV, URI

from ssosim.changes.diff import Delta
from ssosim.changes.risk import Level, Reason
from ssosim.dns.zones.answer import answer
from ssosim.dns.zones.kdc_uri import read_kdc_uri
from ssosim.dns.zones.rrset import plain, to_name
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = ["find_hidden_kdcs"]

_SERVICES = {b"_kerberos": 88, b"_kerberos-adm": 749, b"_kpasswd": 464}
"""The services that have URI records, and their ports."""


def find_hidden_kdcs(before: ZoneSet, after: ZoneSet, delta: Delta) -> Iterator[Reason]:
    """Reasons of risk for realms some of whose KDCs are asked no longer, since a URI record came, went or changed."""
    names = (each.name for each in delta.records if each.type == URI and each.name.labels[0].lower() in _SERVICES)
    for name in dict.fromkeys(names):
        was, now = _find_servers(before, name), _find_servers(after, name)
        lost = sorted(was - now)
        if lost:
            left = f"only {', '.join(sorted(now))}" if now else "nobody"
            text = f"comes before SRV records for MIT krb5: it now finds {left}, and not {', '.join(lost)}"
            yield Reason(Level.HIGH, f"{plain(name)} URI {text}")


def _find_servers(zones: ZoneSet, name: Name) -> frozenset[str]:
    """Return the servers, as host and port or as a URL, that a client finds: by URI records, else by SRV records."""
    port = _SERVICES[name.labels[0].lower()]
    records = (rdata for rrset in answer(zones, name, URI).answer if rrset.type == URI for rdata in rrset.rdatas)
    named = [rdata.target.decode("ascii", "replace") for rdata in records]  # type: ignore[attr-defined]
    found = frozenset(server for text in named if (server := _read_server(text, port)))
    return found or frozenset(_list_srv_servers(zones, name))


def _read_server(text: str, port: int) -> str:
    uri = read_kdc_uri(text)
    return "" if uri is None else uri.url or f"{uri.host}:{uri.port or port}"


def _list_srv_servers(zones: ZoneSet, name: Name) -> Iterator[str]:
    service, _, domain = plain(name).partition(".")
    for transport in ("_udp", "_tcp"):
        try:
            asked = to_name(f"{service}.{transport}.{domain}")
        except (DNSException, ValueError):  # too long: nobody can ask for it
            continue
        for rrset in answer(zones, asked, SRV).answer:
            for rdata in rrset.rdatas if rrset.type == SRV else ():
                host = plain(rdata.target)  # type: ignore[attr-defined]
                if host not in ("", "."):
                    yield f"{host}:{rdata.port}"  # type: ignore[attr-defined]

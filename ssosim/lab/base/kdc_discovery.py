"""How a client finds the KDCs of a realm in DNS: the same for both kinds of devices.

URI records come first (RFC 7553); without them SRV records for UDP and for TCP (RFC 2782, RFC 4120 section 7.2.3), in
the order of their priorities, then of the answer. Source: krb5 1.20, lib/krb5/os/locate_kdc.c and dnssrv.c.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from ssosim.dns.zones.kdc_uri import read_kdc_uri
from ssosim.dns.zones.stub import LookupResult
from ssosim.estate import Estate, KdcHost, find_kdc_at

__all__ = ["KdcTarget", "find_kdc_targets", "find_kdcs_in_dns", "find_kdcs_of_site"]

LookUp = Callable[[str, str], Awaitable[LookupResult]]
"""Looks up a name and a record type."""

_URI_PARTS, _SRV_PARTS = 3, 4
_KDC_PORT = 88
"""The port of the KDCs of a lab, and of a URI record without a port. Source: RFC 4120, section 7.2.1."""


class KdcTarget(NamedTuple):
    """The host and the port that a record names; ``port`` is 88 where a URI record has none."""

    host: str
    port: int = _KDC_PORT


async def find_kdcs_in_dns(look_up: LookUp, realm: str, estate: Estate) -> tuple[KdcHost, ...]:
    """Return the KDCs of ``realm`` to which records lead, in the order in which a client asks them.

    An address that is no KDC of the realm, and a port that is not the KDC's, give no reply, and are left out. libkrb5
    asks at the port of the record (krb5 1.20, lib/krb5/os/locate_kdc.c).
    """
    domain = realm.lower()
    targets = find_kdc_targets((await look_up(f"_kerberos.{domain}", "URI")).values)
    if not targets:
        for transport in ("_udp", "_tcp"):
            targets += find_kdc_targets((await look_up(f"_kerberos.{transport}.{domain}", "SRV")).values)
    hosts = [target.host for target in targets if target.port == _KDC_PORT]
    return await _find_hosts(look_up, hosts, realm, estate)


async def find_kdcs_of_site(
    look_up: LookUp, realm: str, estate: Estate, site: str, is_answered: Callable[[Sequence[KdcHost]], bool]
) -> tuple[KdcHost, ...]:
    """Return the KDCs of ``realm`` as the DC locator of Windows finds them: those of ``site``, then all of the domain.

    ``is_answered`` returns whether one of some KDCs answers; if so, the others of the domain are not looked for. That
    it asks the KDCs of a site one after the other, as libkrb5 does, is unconfirmed: Windows sends an LDAP ping to
    several. It takes the hosts from the records, and asks each at port 88. Source: Microsoft documentation, How domain
    controllers are located in Windows; MS-ADTS section 6.3.2.3.
    """
    domain = f"dc._msdcs.{realm.lower()}"
    found: tuple[KdcHost, ...] = ()
    for name in (f"_kerberos._tcp.{site.lower()}._sites.{domain}", f"_kerberos._tcp.{domain}"):
        targets = find_kdc_targets((await look_up(name, "SRV")).values)
        hosts = [target.host for target in targets]
        found = tuple(dict.fromkeys((*found, *await _find_hosts(look_up, hosts, realm, estate))))
        if found and is_answered(found):
            break
    return found


async def _find_hosts(look_up: LookUp, targets: Iterable[str], realm: str, estate: Estate) -> tuple[KdcHost, ...]:
    found: dict[KdcHost, None] = {}
    for target in dict.fromkeys(targets):
        for address in (await look_up(target, "A")).values:
            kdc = find_kdc_at(estate, address)
            if kdc is not None and kdc.realm == realm:
                found[kdc] = None
    return tuple(found)


def find_kdc_targets(values: Iterable[str]) -> list[KdcTarget]:
    """Return what URI and SRV records name, in the order of their priorities, then of the records.

    The target "." of a SRV record says that there is no KDC (RFC 2782). What cannot be read is passed over.
    """

    def read() -> Iterator[tuple[int, KdcTarget]]:
        for value in values:
            parts = value.split()
            if len(parts) == _SRV_PARTS:
                yield int(parts[0]), KdcTarget(parts[3].rstrip(".").lower(), int(parts[2]))
            elif len(parts) == _URI_PARTS:
                uri = read_kdc_uri(parts[2])
                if uri is not None and (not uri.port or uri.port.isdigit()):
                    yield int(parts[0]), KdcTarget(uri.host, int(uri.port or _KDC_PORT))

    return [target for _, target in sorted(read(), key=lambda each: each[0]) if target.host]

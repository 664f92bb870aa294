"""Estates for faults that need more than the default estate has: a signed zone, locations with resolvers."""

from __future__ import annotations

from datetime import UTC, datetime

import dns.dnssec
import dns.zone
import msgspec
from cryptography.hazmat.primitives.asymmetric import ed25519
from dns.rdatatype import RdataType

from ssosim.estate import DnsResolver, DnsSettings, Estate, Location, RecordSet, Zone, default_estate

from .rows import AUTOLOGON, ZONE

__all__ = ["ESTATES", "located_estate", "signed_estate"]


def signed_estate(*resolvers: DnsResolver) -> Estate:
    """The default estate with plain addresses in a signed zone, by a key of this process."""
    estate = default_estate()
    text = f"""
@ 300 IN SOA ns1.dns.example. hostmaster.lab.invalid. 1 3600 900 1209600 60
@ 300 IN NS ns1.dns.example.
{AUTOLOGON}. 300 IN A 192.0.2.20
"""
    zone = dns.zone.from_text(text, origin=ZONE, relativize=False)
    private = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    key = dns.dnssec.make_dnskey(private.public_key(), dns.dnssec.Algorithm.ED25519)
    dns.dnssec.sign_zone(
        zone,
        keys=[(private, key)],
        add_dnskey=True,
        inception=datetime(2025, 1, 1, tzinfo=UTC),
        expiration=datetime(2035, 1, 1, tzinfo=UTC),
    )
    records = tuple(
        RecordSet(
            name=name.to_text().removesuffix(f".{ZONE}.").replace(f"{ZONE}.", "@"),
            type=RdataType.to_text(rdataset.rdtype),
            ttl=300,
            values=tuple(rdata.to_text() for rdata in rdataset),
        )
        for name, node in zone.nodes.items()
        for rdataset in _merged(node)
    )
    zones = tuple(Zone(name=ZONE, records=records) if each.name == ZONE else each for each in estate.zones)
    return msgspec.structs.replace(estate, zones=zones, resolvers=resolvers)


def _merged(node: dns.node.Node) -> list[dns.rdataset.Rdataset]:
    """The record sets of a name, with all signatures in one."""
    found: dict[int, dns.rdataset.Rdataset] = {}
    for rdataset in node:
        if rdataset.rdtype in found:
            for rdata in rdataset:
                found[rdataset.rdtype].items[rdata] = None
        else:
            found[rdataset.rdtype] = rdataset
    return list(found.values())


def located_estate() -> Estate:
    """The default estate with two locations, a resolver in each: ``desk-2`` asks the one in Lyon."""
    estate = default_estate()
    locations = (
        Location(name="munich", subnets=("10.10.0.0/25",)),
        Location(name="lyon", subnets=("192.168.7.0/24",)),
    )
    resolvers = (
        DnsResolver(name="in-munich", address="10.10.0.54"),
        DnsResolver(name="in-lyon", address="10.10.0.200", location="192.168.7.0/24", devices=("desk-2",)),
    )
    return msgspec.structs.replace(estate, dns=DnsSettings(locations=locations), resolvers=resolvers)


ESTATES = {
    "signature-expired": signed_estate(),
    "signature-tampered": signed_estate(),
    "wrong-view": located_estate(),
}
"""By the fault's name."""

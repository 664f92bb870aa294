"""Wildcards, delegations and DNAMEs come to the same in memory and over sockets, without and behind a resolver."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ssosim.estate import DnsResolver, Estate, RecordSet, default_estate

from .both import RESOLVER, in_memory, over_sockets, scenario

ZONE = "microsoftonline.com"
FEW = ("office", "browser-linux", "msal4j-iwa")


def record(name: str, kind: str, *values: str) -> RecordSet:
    """A record set of the zone."""
    return RecordSet(name=name, type=kind, values=values)


CASES = {
    "wildcard": (lambda login: (msgspec.structs.replace(login, name="*"),), True),
    "hidden-wildcard": (lambda login: (msgspec.structs.replace(login, name="*"), record("x.login", "TXT", "t")), False),
    "delegated": (lambda login: (login, record("login", "NS", "ns.other.test.")), False),
    "dname": (
        lambda login: (
            record("login", "CNAME", "login.old"),
            record("old", "DNAME", "new"),
            msgspec.structs.replace(login, name="login.new"),
        ),
        True,
    ),
    "own-name-server": (
        lambda login: (login, record("@", "NS", "ns9.provider.test."), record("@", "CAA", '0 issue "ca.test"')),
        True,
    ),
}
"""The records of the login host instead of its A record, and whether the name resolves."""


def estate_with(case: str) -> Estate:
    """The default estate with the records of ``case`` at the login host."""
    estate = default_estate()
    zones = []
    for zone in estate.zones:
        if zone.name.rstrip(".") != ZONE:
            zones.append(zone)
            continue
        (login,) = (each for each in zone.records if each.name == "login" and each.type == "A")
        rest = tuple(each for each in zone.records if each is not login)
        zones.append(msgspec.structs.replace(zone, records=(*rest, *CASES[case][0](login))))
    return msgspec.structs.replace(estate, zones=tuple(zones))


@pytest.mark.parametrize("resolvers", [(), (RESOLVER,)], ids=["direct", "resolver"])
@pytest.mark.parametrize("case", CASES)
def test_zones_mean_the_same_in_memory_and_over_sockets(
    case: str, resolvers: tuple[DnsResolver, ...], prepared: Path
) -> None:
    """The same verdicts; a client is silent exactly where the name of the login host resolves by the RFCs."""
    estate, played = estate_with(case), scenario([], FEW, resolvers=resolvers)
    found = in_memory(played, estate)
    assert found == over_sockets(played, prepared, estate)
    assert (found["broken", "office"].outcome == "silent") is CASES[case][1]

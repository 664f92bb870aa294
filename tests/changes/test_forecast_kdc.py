"""The forecast of a change of the records by which clients find their KDC."""

from __future__ import annotations

import msgspec
import pytest

from ssosim.dns import ZoneSet, zones_of
from ssosim.entra import Keys
from ssosim.estate import Estate, parse_estate
from ssosim.scenario.forecast import Forecast, forecast_change
from tests.realm_estates import found_by_dns, two_kdcs

BY_DNS, BY_FILE = parse_estate(found_by_dns(), "dns.toml"), parse_estate(two_kdcs(), "file.toml")
AUTOLOGON, SERVICES = "autologon.microsoftazuread-sso.com", ["_kerberos._udp", "_kerberos._tcp"]


def without(estate: Estate, names: list[str]) -> tuple[ZoneSet, ZoneSet]:
    """The zones of ``estate``, and those without the records of ``names`` in the realm's domain."""
    zones = tuple(
        msgspec.structs.replace(zone, records=tuple(each for each in zone.records if each.name not in names))
        if zone.name == "corp.contoso.com"
        else zone
        for zone in estate.zones
    )
    return zones_of(estate), zones_of(msgspec.structs.replace(estate, zones=zones))


def losers(estate: Estate, names: list[str]) -> dict[str, tuple[str, ...]]:
    """The models that are worse off without the records of ``names``, by host."""

    def keys() -> Keys:
        return Keys.generate([service.name for service in estate.federation_services])

    before, after = without(estate, names)
    found: tuple[Forecast, ...] = forecast_change(before, after, estate, keys, ())
    return {each.host: each.worse for each in found}


@pytest.mark.parametrize("names", [SERVICES, ["dc1"]], ids=["srv", "address"])
def test_a_change_that_hides_the_kdc_stops_ticket_clients(names: list[str]) -> None:
    """Without SRV records, or the address of their target, no client that needs a ticket signs in silently."""
    found = losers(BY_DNS, names)
    assert {"office", "native-prompt", "msal-dotnet-iwa"} <= set(found[AUTOLOGON])
    assert "prt-device" not in found[AUTOLOGON]
    assert "federated-user" in found["sts.fabrikam.com"]


def test_one_transport_is_enough() -> None:
    """With the SRV records of one transport clients still find the KDC: nobody is worse off."""
    assert set(losers(BY_DNS, SERVICES[:1]).values()) == {()}


def test_a_client_with_the_address_needs_no_records() -> None:
    """Where krb5.conf names the KDCs, their records matter to nobody."""
    assert losers(BY_FILE, SERVICES) == {}

"""Three estates that are not Contoso: without federation, with other names for everything, and of the US Government."""

from __future__ import annotations

import msgspec

from ssosim.estate import Estate, default_estate, parse_estate
from ssosim.estate.reference import default_estate_text

__all__ = ["ESTATES", "other_names", "us_government", "without_federation", "without_profile"]

_NEW_NAMES = (
    ("www.tm.a.prd.aadg.trafficmanager.net", "sso.edge.trafficmanager.net"),
    ("aadg-autologon", "sso-edge"),
    ("CORP.CONTOSO.COM", "AD.NORTHWIND.EXAMPLE"),
    ("corp.contoso.com", "ad.northwind.example"),
    ("contoso.onmicrosoft.com", "northwind.onmicrosoft.com"),
    ("contoso.com", "northwind.example"),
    ("fabrikam.com", "tailspin.example"),
    ("fabrikam-sts", "tailspin-adfs"),
    ("sts.tailspin", "adfs.tailspin"),
    ('name = "sts"\ntype = "A"\nvalues = ["198.51.100.30"]', 'name = "adfs"\ntype = "A"\nvalues = ["203.0.113.30"]'),
    ("198.51.100.30", "203.0.113.30"),
    ("100.51.198.in-addr", "113.0.203.in-addr"),
    ("192.0.2.2", "192.0.2.12"),
    ("10.10.0.88", "10.10.0.54"),
    ("10.10.in-addr.arpa", "10.10.in-addr.arpa"),
    ('name = "88.0"', 'name = "54.0"'),
    ("dc1", "kdc-a"),
    ("ns1.ad", "dns-a.ad"),
    ('name = "ns1"', 'name = "dns-a"'),
    ("desk-1", "pc-1001"),
    ("desk-2", "pc-1002"),
    ("desk-3", "pc-2001"),
    ("laptop-1", "pc-9001"),
    ("alice@", "maria.silva@"),
    ('"alice"', '"msilva"'),
    ("bob@", "li.wei@"),
    ('"bob"', '"lwei"'),
    ("frank@", "tom.tail@"),
    ('"frank"', '"ttail"'),
)
_US_GOVERNMENT = (
    (
        '["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"]',
        '["login.microsoftonline.us"]\ncloud_instance_name = "microsoftonline.us"',
    ),
    ("autologon.microsoftazuread-sso.com", "autologon.microsoftazuread-sso.us"),
    ('name = "microsoftazuread-sso.com"', 'name = "microsoftazuread-sso.us"'),
    ('name = "microsoftonline.com"', 'name = "microsoftonline.us"'),
    ("https://graph.microsoft.com", "https://graph.microsoft.us"),
)


def _rename(text: str, names: tuple[tuple[str, str], ...]) -> Estate:
    for old, new in names:
        assert old in text, old
        text = text.replace(old, new)
    return parse_estate(text, "other.toml")


def other_names() -> Estate:
    """Return Contoso under other names: company, domains, users, devices, hosts, profile, addresses.

    Its first devices are a laptop at home and one of a federated user, and a host has the address of the resolver of
    the scenario negative-cache.
    """
    estate = _rename(default_estate_text(), _NEW_NAMES)
    return msgspec.structs.replace(estate, name="northwind", devices=tuple(reversed(estate.devices)))


def without_federation() -> Estate:
    """Return Contoso without a federated domain, and without an application that has a certificate."""
    estate = default_estate()
    tenants = tuple(
        msgspec.structs.replace(each, domains=tuple(domain for domain in each.domains if domain.kind == "managed"))
        for each in estate.tenants
    )
    return msgspec.structs.replace(
        estate,
        name="managed-only",
        tenants=tenants,
        users=tuple(each for each in estate.users if not each.upn.endswith("@fabrikam.com")),
        devices=tuple(each for each in estate.devices if each.name != "desk-3"),
        federation_services=(),
        hosts=tuple(each for each in estate.hosts if each.name != "sts"),
        zones=tuple(each for each in estate.zones if each.name != "fabrikam.com"),
        applications=tuple(each for each in estate.applications if not each.certificates),
    )


def us_government() -> Estate:
    """Return Contoso in the cloud of the US Government: other login host, other autologon host."""
    return msgspec.structs.replace(_rename(default_estate_text(), _US_GOVERNMENT), name="us-government")


def without_profile() -> Estate:
    """Return Contoso with an A record instead of the alias record set, and without a traffic manager profile."""
    estate = default_estate()
    zones = tuple(
        msgspec.structs.replace(
            zone,
            records=tuple(
                msgspec.structs.replace(each, alias=None, values=("192.0.2.20",)) if each.alias else each
                for each in zone.records
            ),
        )
        for zone in estate.zones
    )
    return msgspec.structs.replace(estate, name="plain-records", traffic_managers=(), zones=zones)


ESTATES = {"managed-only": without_federation, "other-names": other_names, "us-government": us_government}

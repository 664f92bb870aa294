"""URI records of KDCs: what a client looks for, and what the plan of a change compares, are read by one function."""

from __future__ import annotations

import pytest

from ssosim.dns.zones.kdc_uri import KdcUri, read_kdc_uri
from ssosim.lab.base.kdc_discovery import KdcTarget, find_kdc_targets


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("krb5srv:m:udp:DC1.corp.contoso.com.", KdcUri("dc1.corp.contoso.com")),
        ("KRB5SRV::tcp:dc1.corp.contoso.com:750", KdcUri("dc1.corp.contoso.com", "750")),
        ("krb5srv::kkdcp:https://proxy.contoso.com/P", KdcUri("proxy.contoso.com", "", "https://proxy.contoso.com/p")),
        ("krb5srv::kkdcp:http://proxy.contoso.com/KdcProxy", None),
        ("krb5srv::sctp:dc1.corp.contoso.com", None),
        ("krb5srv::udp:", None),
        ("krb5srv::udp", None),
        ("ldap::udp:dc1.corp.contoso.com", None),
    ],
)  # fmt: skip
def test_what_a_record_names(text: str, found: KdcUri | None) -> None:
    """A host and its port, or a KDC proxy at a host; MIT Kerberos passes other texts over."""
    assert read_kdc_uri(text) == found
    named = [] if found is None else [KdcTarget(found.host, int(found.port or 88))]
    assert find_kdc_targets([f'10 1 "{text}"']) == named

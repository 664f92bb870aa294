"""Estates with several KDCs and realms, as changes of the default estate file."""

from __future__ import annotations

from importlib import resources

TEXT = (resources.files("ssosim.estate") / "contoso.toml").read_text(encoding="utf-8")
DC1, DC2, PROXY = "dc1.corp.contoso.com", "dc2.corp.contoso.com", "kdcproxy.contoso.com"
EUROPE, PARTNER = "EUROPE.CORP.CONTOSO.COM", "PARTNER.TEST"

_DC2 = """[[hosts]]
name = "dc2.corp.contoso.com"
address = "10.10.0.89"
services = ["kdc"]

"""
_DC2_RECORD = """[[zones.records]]
name = "dc2"
type = "A"
values = ["10.10.0.89"]

"""
_PROXY = """[[hosts]]
name = "kdcproxy"
address = "198.51.100.40"
services = ["kdc-proxy"]

[[zones]]
name = "contoso.com"

[[zones.records]]
name = "kdcproxy"
type = "A"
values = ["198.51.100.40"]

"""


def two_kdcs() -> str:
    """The default estate with a second domain controller."""
    text = TEXT.replace('[[hosts]]\nname = "ns1', _DC2 + '[[hosts]]\nname = "ns1', 1)
    return text.replace('[[zones.records]]\nname = "ns1"', _DC2_RECORD + '[[zones.records]]\nname = "ns1"', 1)


def with_proxy() -> str:
    """The default estate with a KDC proxy, which devices outside the corporate network reach."""
    text = TEXT.replace('domain = "corp.contoso.com"\n', f'domain = "corp.contoso.com"\nkdc_proxy = "{PROXY}"\n', 1)
    return text.replace("[[zones]]", _PROXY + "[[zones]]", 1)


def found_by_dns(records: str = "", *, realm: bool = False) -> str:
    """Two KDCs that clients find by DNS. ``records`` replace the SRV records; ``realm``: the realm of a host too."""
    wanted = "dns_lookup_kdc = true\n" + ("dns_lookup_realm = true\n" if realm else "")
    text = two_kdcs().replace('domain = "corp.contoso.com"\n', 'domain = "corp.contoso.com"\n' + wanted, 1)
    if not records:
        return text
    start = text.index('[[zones.records]]\nname = "_kerberos._udp"')
    end = text.index('[[zones.records]]\nname = "_kerberos"\n')
    return text[:start] + records + text[end:]


_REALM = """[[realms]]
name = "{name}"
domain = "{domain}"
services = [{services}]
{more}

[[hosts]]
name = "dc1.{domain}"
address = "{address}"
services = ["kdc"]
realm = "{name}"

[[users]]
upn = "{user}@contoso.com"
object_id = "0a1f5c1e-6f0d-4a6c-9a1d-{number}"
tenant = "contoso.onmicrosoft.com"
password = "{user}-lab-password-1"
sam_account = "{user}"
sid = "S-1-5-21-3623811015-3361044348-30300820-{number}"
realm = "{name}"

[[devices]]
name = "desk-{user}"
user = "{user}@contoso.com"

[[hosts]]
name = "dc1.corp"""


def other_realm(name: str, *, user: str, more: str = "", trusts: str = "", services: str = "", text: str = TEXT) -> str:
    """``text`` with a realm ``name``, in which ``user`` has an account and a device.

    ``more``: further lines of the realm. ``trusts``: the realms that the first realm trusts, as TOML.
    """
    number = {"erik": "999999999901", "petra": "999999999902"}[user]
    made = _REALM.format(
        name=name,
        domain=name.lower(),
        more=more,
        user=user,
        number=number,
        services=services,
        address=f"10.20.0.{number[-1]}",
    )
    head, first, tail = text.partition('[[hosts]]\nname = "dc1.corp')
    assert first
    if trusts:
        head = head.replace('domain = "corp.contoso.com"\n', f'domain = "corp.contoso.com"\ntrusts = {trusts}\n', 1)
    return head + made + tail

"""The ports of a device, one by one: what each gives, how long it takes and what is in the trace, on both labs."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from ssosim_clients.ports import Device

from ssosim.estate import default_estate
from ssosim.faults import fault_from

from .calls import Act, in_memory, over_sockets, request

LOGIN, AUTOLOGON = "login.microsoftonline.com", "autologon.microsoftazuread-sso.com"

NAMES = [LOGIN, f"{LOGIN}.", LOGIN.upper(), AUTOLOGON, "dc1", "nowhere", "bücher.example", "a b", "", "x" * 64, "..",
         "www.tm.a.prd.aadg.trafficmanager.net", "corp.contoso.com", "_kerberos.corp.contoso.com"]  # fmt: skip
ADDRESSES = ["10.10.0.88", "192.0.2.20", "203.0.113.1", "2001:db8::1"]
SPNS = [f"HTTP/{AUTOLOGON}", "HTTP/www.tm.a.prd.aadg.trafficmanager.net", "HTTP/intranet.corp.contoso.com", "alice",
        f"HTTP/{AUTOLOGON}@CORP.CONTOSO.COM", "HTTP/x@OTHER.REALM", "HTTP/192.0.2.10", "",
        "AZUREADSSOACC$"]  # fmt: skip
REQUESTS: list[tuple[str, str, dict[str, str], bytes]] = [
    ("GET", f"https://{LOGIN}/common/userrealm/alice@contoso.com?api-version=1.0", {}, b""),
    ("HEAD", f"https://{LOGIN}/common/discovery/keys", {}, b""),
    ("GET", f"https://{LOGIN}", {}, b""),
    ("GET", f"https://{LOGIN}/nope?x=1#there", {}, b""),
    ("PUT", f"https://{LOGIN}/common/discovery/keys", {}, b"x"),
    ("POST", f"https://{LOGIN}/contoso.com/oauth2/v2.0/token", {}, b"grant_type=password&password=no"),
    ("GET", f"https://user@{LOGIN}/common/discovery/keys", {"return-client-request-id": "true"}, b""),
    ("GET", f"https://{LOGIN}:8443/", {}, b""),
    ("GET", f"http://{LOGIN}/", {}, b""),
    ("GET", f"http://{LOGIN}:443/", {}, b""),
    ("GET", "https://192.0.2.10/", {}, b""),
    ("GET", "https://203.0.113.9/", {"Host": LOGIN}, b""),
    ("GET", "http://203.0.113.9:8080/", {}, b""),
    ("GET", f"https://{LOGIN}/common/discovery/keys", {"Host": AUTOLOGON}, b""),
    ("GET", "https://dc1.corp.contoso.com/", {}, b""),
    ("GET", "https://nowhere.example/", {}, b""),
    ("GET", f"https://{AUTOLOGON}/contoso.com/winauth/sso", {}, b""),
    ("GET", f"https://{AUTOLOGON}/contoso.com/winauth/sso", {"Authorization": "Negotiate !"}, b""),
    ("GET", f"https://{AUTOLOGON}/contoso.com/winauth/sso", {"Authorization": "Negotiate " + "QUFB" * 15000}, b""),
    ("GET", f"https://{AUTOLOGON}/litware.example/winauth/sso", {}, b""),
    ("OPTIONS", f"https://{AUTOLOGON}/contoso.com/winauth/sso", {"Origin": "https://x.example"}, b""),
    ("GET", f"https://{LOGIN}/x", {"X-Two": "a\r\nb"}, b""),
]


def _look_up(name: str) -> Act:
    async def act(device: Device) -> Any:
        return await device.resolver.resolve(name, "any")

    return act


def _reverse(address: str) -> Act:
    async def act(device: Device) -> Any:
        return await device.resolver.reverse(address)

    return act


def _ticket(spn: str) -> Act:
    """Ask for a ticket twice, and show it to the autologon host."""

    async def act(device: Device) -> Any:
        await device.kerberos.negotiate_token(spn)
        token = base64.b64encode(await device.kerberos.negotiate_token(spn)).decode()
        url = f"https://{AUTOLOGON}/contoso.com/winauth/ssoprobe"
        return (await device.http.request("GET", url, {"Authorization": f"Negotiate {token}"}, b"")).status

    return act


ACTS: list[Act] = [
    *map(_look_up, NAMES),
    *map(_reverse, ADDRESSES),
    *map(_ticket, SPNS),
    *map(request, REQUESTS),
]


@pytest.mark.parametrize(
    "faults",
    [
        [],
        [{"fault": "drop"}],
        [{"fault": "delay", "seconds": 2}],
        [{"fault": "truncation-loop", "tcp": "answer"}],
        [{"fault": "http-delay", "seconds": 11}, {"fault": "http-silent", "host": AUTOLOGON}],
        [{"fault": "http-dropped"}],
        [{"fault": "kdc-refuses", "first": 3}],
        [{"fault": "kdc-silent"}],
        [{"fault": "certificate-expired", "host": AUTOLOGON}, {"fault": "wrong-address", "name": AUTOLOGON}],
        [{"fault": "certificate-expired", "host": LOGIN, "first": 2}],
    ],
    ids=lambda faults: "+".join(fault["fault"] for fault in faults) or "healthy",
)
def test_every_port_gives_the_same(faults: list[dict[str, Any]], prepared: Path) -> None:
    """Outcome, virtual time and records of each call are the same in memory and over sockets, sensible or not."""
    applied = [fault_from(fault) for fault in faults]
    memory = in_memory(ACTS, default_estate(), applied)
    sockets = over_sockets(ACTS, default_estate(), applied, prepared)
    for one, other in zip(memory, sockets, strict=True):
        assert one == other

"""Service principal names in any case, and with ports, as Active Directory compares them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from ssosim_clients.ports import Device

from ssosim.estate import default_estate, parse_estate
from tests.realm_estates import TEXT

from .calls import Act, Step, in_memory, over_sockets
from .test_kdc_faults import ticket
from .test_key_faults import AUTOLOGON, SPN
from .test_several_kdcs import named

LOWER, SHOUTED, MIXED = f"http/{AUTOLOGON}", f"HTTP/{AUTOLOGON.upper()}", f"Http/{AUTOLOGON.title()}"
UNKNOWN = "KDC_ERR_S_PRINCIPAL_UNKNOWN"


def present(spn: str) -> Act:
    """Send a ticket for ``spn`` to the autologon host."""

    async def act(device: Device) -> Any:
        token = await device.kerberos.negotiate_token(spn)
        header = {"Authorization": f"Negotiate {base64.b64encode(token).decode()}"}
        return (await device.http.request("GET", f"https://{AUTOLOGON}/contoso.com/winauth/sso", header, b"")).status

    return act


CASES: dict[str, tuple[list[Step], list[str]]] = {
    "lower-case-service": ([present(LOWER)], ["200"]),
    "upper-case-host": ([present(SHOUTED)], ["200"]),
    "several-spellings": ([present(SPN), present(MIXED), present(LOWER), present(SPN)], ["200"] * 4),
    "another-host": ([ticket(f"HTTP/x{AUTOLOGON}")], ["TicketFailure"]),
    "another-service-class": ([ticket(f"HTTPS/{AUTOLOGON}")], ["TicketFailure"]),
    "a-port-is-another-name": ([ticket(f"{SPN}:8080")], ["TicketFailure"]),
    "new-key": ([named("key-rolled", previous_keys=0), present(SHOUTED)], ["200"]),
    "old-key": ([named("key-rolled", at="kdc"), present(LOWER)], ["403"]),
    "moved": ([named("spn-moved", spn=SPN), present(LOWER)], ["403"]),
    "moved-in-another-spelling": ([named("spn-moved", spn=SHOUTED), present(SPN)], ["403"]),
    "moved-and-undone": ([present(LOWER), named("spn-moved", spn=SPN), None, present(LOWER)], ["200", "200"]),
    "twice": ([named("spn-duplicate", spn=SPN), ticket(SHOUTED)], ["TicketFailure"]),
}


@pytest.mark.parametrize("name", CASES)
def test_the_spelling_of_a_name(prepared: Path, name: str) -> None:
    """MS-KILE 3.3.5.1.1: a name is found in any case; a port or another class makes it another name."""
    steps, expected = CASES[name]
    there = in_memory(steps, default_estate(), [])
    assert [outcome.partition(" ")[0] for outcome, _, _ in there] == expected
    assert over_sockets(steps, default_estate(), [], prepared) == there


def test_a_name_with_a_port_can_be_registered(prepared: Path) -> None:
    """HTTP/host:8080 is a name of its own in an estate, in any case too."""
    text = TEXT.replace('services = ["HTTP/intranet', 'services = ["HTTP/web.corp.contoso.com:8080", "HTTP/intranet', 1)
    estate = parse_estate(text, "mine.toml")
    steps: list[Step] = [ticket(f"HTTP/web.corp.contoso.com{end}") for end in (":8080", "", ":8443")]
    steps.append(ticket("http/WEB.corp.contoso.com:8080"))
    there = in_memory(steps, estate, [])
    outcomes = [outcome.partition(" ")[0] for outcome, _, _ in there]
    assert outcomes == ["True", "TicketFailure", "TicketFailure", "True"]
    assert over_sockets(steps, estate, [], prepared) == there

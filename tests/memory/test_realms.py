"""Two realms: trusts, referrals and refusals, over real Kerberos and in memory."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from ssosim_clients.ports import Device

from ssosim.estate import Estate, parse_estate
from tests.realm_estates import EUROPE, PARTNER, other_realm

from .calls import Act, Seen, Step, in_memory, over_sockets
from .test_kdc_faults import ticket
from .test_key_faults import SPN, STS, present

CORP = "CORP.CONTOSO.COM"
INTRANET, WEB = "HTTP/intranet.corp.contoso.com", "HTTP/web.partner.test"
ACCOUNT = '\n[realms.service_account]\nspns = ["HTTP/autologon.microsoftazuread-sso.com"]'


def child(more: str = f'parent = "{CORP}"') -> Estate:
    """A child domain of the first realm, in which erik has his account."""
    return parse_estate(other_realm(EUROPE, user="erik", more=more), "child.toml")


def partner(more: str = "", trusts: str = "", services: str = f'"{WEB}"') -> Estate:
    """A realm of another forest, in which petra has her account."""
    return parse_estate(other_realm(PARTNER, user="petra", more=more, trusts=trusts, services=services), "partner.toml")


def asked(seen: Seen) -> list[tuple[str, str, str]]:
    """Each request: the KDC, the service and what came of it."""
    exchanges = [event for _, _, records in seen for kind, event in records if kind == "KdcExchange"]
    return [(event["kdc"], event["service"], event["outcome"]) for event in exchanges]


def checked(seen: Seen) -> list[tuple[bool, str, str]]:
    """Each ticket at a service: whether it was accepted, its principal, and the service's name."""
    checks = [event for _, _, records in seen for kind, event in records if kind == "TicketChecked"]
    return [(event["accepted"], event["principal"], event["service"]) for event in checks]


def present_ticket_of(spn: str) -> Act:
    """Send a ticket for ``spn`` to the autologon host, whatever it is for."""

    async def act(device: Device) -> Any:
        token = await device.kerberos.negotiate_token(spn)
        header = {"Authorization": f"Negotiate {base64.b64encode(token).decode()}"}
        url = "https://autologon.microsoftazuread-sso.com/contoso.com/winauth/sso"
        return (await device.http.request("GET", url, header, b"")).status

    return act


DC, EU_DC, PARTNER_DC = "dc1.corp.contoso.com", "dc1.europe.corp.contoso.com", "dc1.partner.test"
WIA = "adfs/ls/wia?wa=wsignin1.0&wtrealm=urn:federation:MicrosoftOnline"
UNKNOWN = "KDC_ERR_S_PRINCIPAL_UNKNOWN"
ONE_WAY, TWO_WAY = f'["{PARTNER}"]', f'trusts = ["{CORP}"]'
PETRA, ERIK = f"petra@{PARTNER}", f"erik@{EUROPE}"

CASES: dict[str, tuple[Estate, str, Act, list[tuple[str, str, str]], list[tuple[bool, str, str]]]] = {
    "child-domain-at-autologon": (
        child(), "desk-erik", present(),
        [(EU_DC, f"krbtgt/{CORP}", "issued"), (DC, SPN, "issued")], [(True, ERIK, f"{SPN}@{CORP}")],
    ),
    "child-domain-without-a-trust": (child(""), "desk-erik", present(), [(EU_DC, SPN, UNKNOWN)] * 2, []),
    "forest-without-its-own-account": (  # Entra documentation: the user's forest must have Seamless SSO set up
        partner(trusts=ONE_WAY), "desk-petra", present(), [(PARTNER_DC, SPN, UNKNOWN)] * 2, [],
    ),
    "forest-with-its-own-account": (
        partner(more=ACCOUNT), "desk-petra", present(),
        [(PARTNER_DC, SPN, "issued")], [(True, PETRA, f"{SPN}@{PARTNER}")],
    ),
    "one-way-trust": (
        partner(trusts=ONE_WAY), "desk-petra", ticket(INTRANET),
        [(PARTNER_DC, f"krbtgt/{CORP}", "issued"), (DC, INTRANET, "issued")], [],
    ),
    "one-way-trust-the-wrong-way": (
        partner(trusts=ONE_WAY), "desk-1", ticket(WEB), [(DC, f"krbtgt/{PARTNER}", UNKNOWN)], [],
    ),
    "two-way-trust": (
        partner(more=TWO_WAY, trusts=ONE_WAY), "desk-1", ticket(WEB),
        [(DC, f"krbtgt/{PARTNER}", "issued"), (PARTNER_DC, WEB, "issued")], [],
    ),
    "no-trust": (partner(), "desk-petra", ticket(INTRANET), [(PARTNER_DC, f"krbtgt/{CORP}", UNKNOWN)], []),
    "unknown-realm": (
        partner(), "desk-petra", ticket("HTTP/web.nowhere.test@NOWHERE.TEST"),
        [(PARTNER_DC, "krbtgt/NOWHERE.TEST", UNKNOWN)], [],
    ),
    "unknown-service-beyond-the-trust": (
        partner(trusts=ONE_WAY), "desk-petra", ticket("HTTP/gone.corp.contoso.com"),
        [(PARTNER_DC, f"krbtgt/{CORP}", "issued"), *[(DC, "HTTP/gone.corp.contoso.com", UNKNOWN)] * 2], [],
    ),
    "partner-at-ad-fs": (
        partner(trusts=ONE_WAY), "desk-petra", ticket(f"HTTP/{STS}"), [(PARTNER_DC, f"HTTP/{STS}", UNKNOWN)] * 2, [],
    ),
    "the-same-name-in-two-realms": (  # dotnet/Kerberos.NET#326: the own KDC issues a ticket of the wrong account
        partner(services=f'"HTTP/{STS}"', trusts=ONE_WAY), "desk-petra", present(STS, WIA),
        [(PARTNER_DC, f"HTTP/{STS}", "issued")], [(False, "", STS)],
    ),
    "a-referral-ticket-as-service-ticket": (  # Devolutions/sspi-rs#694: a client that does not follow referrals
        child(), "desk-erik", present_ticket_of(f"krbtgt/{CORP}@{EUROPE}"),
        [(EU_DC, f"krbtgt/{CORP}", "issued")], [(False, "", "autologon.microsoftazuread-sso.com")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_ticket_of_another_realm(prepared: Path, name: str) -> None:
    """A ticket is issued where the service's realm trusts the user's; in the other direction it is refused."""
    estate, device, act, requests, checks = CASES[name]
    steps: list[Step] = [act]
    there = in_memory(steps, estate, [], device)
    assert (asked(there), checked(there)) == (requests, checks)
    assert over_sockets(steps, estate, [], prepared, device) == there


def test_the_realm_of_a_ticket_counts() -> None:
    """An account of another realm with the name of a synchronised user is not that user (AADSTS81011, 81013)."""
    from ssosim.entra.core.directory import Directory  # noqa: PLC0415 - one test of many
    from ssosim.entra.core.errors import AadstsError  # noqa: PLC0415
    from ssosim.entra.wstrust.integrated_auth import find_ticket_owner  # noqa: PLC0415

    estate = child()
    directory, tenant = Directory(estate), estate.tenants[0]

    def owner(principal: str) -> Any:
        try:
            return find_ticket_owner(directory, estate, tenant, principal).upn
        except AadstsError as error:
            return error.code

    assert owner(f"erik@{EUROPE}") == "erik@contoso.com"
    assert owner(f"alice@{CORP}") == "alice@contoso.com"
    assert owner(f"alice@{EUROPE}") == 81011
    assert owner(f"erik@{CORP}") == 81011
    assert owner("erik@NOWHERE.TEST") == 81013

"""Two KDCs of one realm: which one answers, over real Kerberos and in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ssosim_clients.ports import Device

from ssosim.estate import EstateError, default_estate, parse_estate
from ssosim.faults import Fault, FaultError, fault_from
from ssosim.memory import Engine, MemoryLab
from tests.realm_estates import DC1, DC2, found_by_dns, two_kdcs

from .calls import START, Act, Seen, Step, in_memory, over_sockets
from .test_kdc_faults import ticket
from .test_key_faults import SPN, present

ESTATE = parse_estate(two_kdcs(), "two-kdcs.toml")


def named(fault: str, **fields: Any) -> Fault:
    """A fault by its name."""
    return fault_from({"fault": fault, **fields})


def asked(seen: Seen) -> list[tuple[str, str, tuple[int, ...]]]:
    """Each KDC that was asked, what came of it, and the faults."""
    found = []
    for _, _, records in seen:
        for kind, event in records:
            if kind == "KdcExchange":
                found.append((event["kdc"], event["outcome"], event["faults"]))
            elif kind == "ConnectionFailed":
                found.append((event["host"], event["reason"], event["faults"]))
    return found


SILENT_1, SILENT_2 = named("kdc-silent", kdcs=[DC1]), named("kdc-silent", kdcs=[DC2])
CLOSED_1, CLOSED = named("kdc-connection-refused", kdcs=[DC1]), named("kdc-connection-refused")
ISSUED = "issued"

CASES: dict[str, tuple[list[Step], list[tuple[str, str, tuple[int, ...]]], float]] = {
    "healthy": ([ticket(SPN)], [(DC1, ISSUED, ())], 0),
    "first-hangs": ([SILENT_1, ticket(SPN)], [(DC1, "no answer", (1,)), (DC2, ISSUED, ())], 1),
    "second-hangs": ([SILENT_2, ticket(SPN)], [(DC1, ISSUED, ())], 0),
    "first-refuses-connections": ([CLOSED_1, ticket(SPN)], [(DC1, "refused", (1,)), (DC2, ISSUED, ())], 0),
    "all-refuse-connections": ([CLOSED, ticket(SPN)], [(DC1, "refused", (1,)), (DC2, "refused", (1,))], 0),
    "one-refuses-one-hangs": (
        [CLOSED_1, SILENT_2, ticket(SPN)], [(DC1, "refused", (1,)), (DC2, "no answer", (2,))], 15
    ),
    "all-hang": (
        [named("kdc-silent"), ticket(SPN)], [(DC1, "no answer", (1,)), (DC2, "no answer", (1,))], 28
    ),
    "first-is-slow": (
        [named("kdc-delay", seconds=5, kdcs=[DC1]), ticket(SPN)],
        [(DC1, "no answer", (1,)), (DC2, ISSUED, ())],
        1,
    ),
    "both-are-slow": (
        [named("kdc-delay", seconds=2, kdcs=[DC1]), named("kdc-delay", seconds=3, kdcs=[DC2]), ticket(SPN)],
        [(DC2, "no answer", (2,)), (DC1, ISSUED, ())],
        2,
    ),
    "undone": ([CLOSED_1, None, ticket(SPN)], [(DC1, ISSUED, ())], 0),
    "a-ticket-in-the-cache": ([ticket(SPN), named("kdc-silent"), ticket(SPN)], [(DC1, ISSUED, ())], 0),
    "first-refuses-the-ticket": (  # libkrb5 does not ask the next KDC after a refusal
        [named("kdc-refuses", error="KDC_ERR_POLICY", kdcs=[DC1]), ticket(SPN)],
        [(DC1, "KDC_ERR_POLICY", (1,))] * 2,
        0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_which_kdc_answers(prepared: Path, name: str) -> None:
    """KDCs are asked in order; one that hangs costs a second, one that refuses connections costs nothing."""
    steps, expected, seconds = CASES[name]
    there = in_memory(steps, ESTATE, [])
    assert asked(there) == expected
    assert sum(took for _, took, _ in there) == seconds
    assert over_sockets(steps, ESTATE, [], prepared) == there


LAG = named("kdc-replica-lag", kdcs=[DC1])
NEW = "aadg-autologon.trafficmanager.net"
LAGGING: dict[str, tuple[list[Step], list[tuple[str, str, tuple[int, ...]]], Sequence[bool]]] = {
    "new-key-at-the-service-only": (
        [LAG, named("key-rolled", previous_keys=0), present()], [(DC1, ISSUED, ())], [False]
    ),
    "new-key-and-the-former-one": ([LAG, named("key-rolled"), present()], [(DC1, ISSUED, ())], [True]),
    "rolled-twice": ([LAG, named("key-rolled", times=2), present()], [(DC1, ISSUED, ())], [False]),
    "before-the-lag": ([named("key-rolled", previous_keys=0), LAG, present()], [(DC1, ISSUED, ())], [True]),
    "replicated-again": (
        [LAG, named("key-rolled", previous_keys=0), None, present()], [(DC1, ISSUED, ())], [True]
    ),
    "the-other-kdc-is-asked": (
        [LAG, named("key-rolled", previous_keys=0), CLOSED_1, present()],
        [(DC1, "refused", (3,)), (DC2, ISSUED, ())],
        [True],
    ),
    "new-account": (
        [LAG, named("host-spn-registered", host=NEW), ticket(f"HTTP/{NEW}")],
        [(DC1, "KDC_ERR_S_PRINCIPAL_UNKNOWN", (1,))] * 2,
        [],
    ),
    "new-account-at-the-other-kdc": (
        [LAG, named("host-spn-registered", host=NEW), CLOSED_1, ticket(f"HTTP/{NEW}")],
        [(DC1, "refused", (3,)), (DC2, ISSUED, ())],
        [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAGGING)
def test_a_replica_that_lags(prepared: Path, name: str) -> None:
    """A KDC without the newest changes issues tickets with the former key, or does not know a new account."""
    steps, expected, accepted = LAGGING[name]
    there = in_memory(steps, ESTATE, [])
    assert asked(there) == expected
    checks = [event for _, _, records in there for kind, event in records if kind == "TicketChecked"]
    assert [event["accepted"] for event in checks] == accepted
    if accepted == [False]:
        assert checks[0]["faults"] == (1, 2), "without the lag, or without the new key, the service could decrypt it"
    assert over_sockets(steps, ESTATE, [], prepared) == there


@pytest.mark.parametrize("fault", ["kdc-silent", "kdc-connection-refused", "kdc-replica-lag"])
def test_a_kdc_that_does_not_exist_is_refused(fault: str) -> None:
    """A fault of a KDC that the estate does not have changes nothing: it is refused, and the KDCs are named."""
    lab = MemoryLab(Engine(START), ESTATE)
    with pytest.raises(FaultError, match=rf"there is no KDC 'dc3'; the hosts with a KDC: {DC1}, {DC2}"):
        named(fault, kdcs=["dc3"]).apply(lab)


def test_a_device_outside_the_network_gets_no_ticket(prepared: Path) -> None:
    """TMS9-007: a device outside the corporate network reaches no KDC, so a client model there has no ticket."""
    steps: list[Step] = [ticket(SPN)]
    there = in_memory(steps, default_estate(), [], "laptop-1")
    assert [outcome for outcome, _, _ in there] == [f"TicketFailure ['kdc-unreachable', '{SPN}']"]
    assert asked(there) == [(DC1, "unreachable", ())]
    assert over_sockets(steps, default_estate(), [], prepared, "laptop-1") == there


def wait(seconds: float) -> Act:
    """Let time pass."""

    async def act(device: Device) -> None:
        await device.clock.sleep(seconds)

    return act


@pytest.mark.parametrize(("hours", "answer"), [(9, "True"), (10, "TicketFailure")])
def test_a_ticket_expires(prepared: Path, hours: float, answer: str) -> None:
    """Ten hours after the sign-on to the device all tickets have expired, and a silent KDC gives no new one."""
    steps: list[Step] = [ticket(SPN), named("kdc-silent"), wait(hours * 3600), ticket(SPN), None, ticket(SPN)]
    there = in_memory(steps, ESTATE, [])
    assert there[2][0].startswith(answer)
    assert there[3][0] == "True"
    assert over_sockets(steps, ESTATE, [], prepared) == there


URI = """[[zones.records]]
name = "_kerberos"
type = "URI"
values = ['10 1 "krb5srv::udp:dc2.corp.contoso.com"', '5 1 "http:x"', 'x']

"""
BY_DNS: dict[str, tuple[str, list[Step], list[tuple[str, str, tuple[int, ...]]]]] = {
    "srv": ("", [ticket(SPN)], [(DC1, ISSUED, ())]),
    "cached": ("", [ticket(SPN), named("name-removed", name="_kerberos._udp.corp.contoso.com"), ticket(SPN)],
               [(DC1, ISSUED, ())]),
    "tcp-only": ("", [named("name-removed", name="_kerberos._udp.corp.contoso.com"), ticket(SPN)],
                 [(DC1, ISSUED, ())]),
    "no-records": ("", [named("nxdomain", names=["*._udp.corp.contoso.com", "*._tcp.corp.contoso.com",
                    "_kerberos._udp.corp.contoso.com", "_kerberos._tcp.corp.contoso.com"]), ticket(SPN)], []),
    "no-address": ("", [named("name-removed", name=DC1), ticket(SPN)], []),
    "wrong-address": ("", [named("wrong-address", name=DC1, address="192.0.2.10"), ticket(SPN)], []),
    "another-kdc": ("", [named("wrong-address", name=DC1, address="10.10.0.89"), ticket(SPN)], [(DC2, ISSUED, ())]),
    "uri": (URI.replace(", '5 1 \"http:x\"', 'x'", ""), [ticket(SPN)], [(DC2, ISSUED, ())]),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_DNS)
def test_a_model_finds_its_kdc_in_dns(prepared: Path, name: str) -> None:
    """With dns_lookup_kdc a client model has a KDC only where the records of the zone lead to one."""
    records, steps, expected = BY_DNS[name]
    estate = parse_estate(found_by_dns(records), "dns.toml")
    there = in_memory(steps, estate, [])
    assert asked(there) == expected
    if not expected:
        assert there[-1][0].startswith("TicketFailure ['kdc-unreachable'")
    assert over_sockets(steps, estate, [], prepared) == there


SITE_RECORDS = """[[zones.records]]
name = "_kerberos._tcp.Munich._sites.dc._msdcs"
type = "SRV"
values = ["0 100 88 dc2.corp.contoso.com."]

[[zones.records]]
name = "_kerberos._tcp.dc._msdcs"
type = "SRV"
values = ["0 100 88 dc1.corp.contoso.com.", "0 100 88 dc2.corp.contoso.com."]

"""
IN_SITE, IN_DOMAIN = (f"_kerberos._tcp.{part}dc._msdcs.corp.contoso.com" for part in ("munich._sites.", ""))
REMOVED = named("name-removed", name=IN_SITE), named("name-removed", name=IN_DOMAIN)
CLOSED_2 = named("kdc-connection-refused", kdcs=[DC2])
SITES: dict[str, tuple[list[Step], list[tuple[str, str, tuple[int, ...]]], list[str]]] = {
    "healthy": ([ticket(SPN)], [(DC2, ISSUED, ())], [IN_SITE]),
    "kdc-of-the-site-is-down": (
        [CLOSED_2, ticket(SPN)],
        [(DC2, "refused", (1,)), (DC1, ISSUED, ())],
        [IN_SITE, IN_DOMAIN],
    ),
    "kdc-of-the-site-hangs": (
        [SILENT_2, ticket(SPN)],
        [(DC2, "no answer", (1,)), (DC1, ISSUED, ())],
        [IN_SITE, IN_DOMAIN],
    ),
    "another-site-is-down": ([CLOSED_1, ticket(SPN)], [(DC2, ISSUED, ())], [IN_SITE]),
    "without-records-of-the-site": ([REMOVED[0], ticket(SPN)], [(DC1, ISSUED, ())], [IN_SITE, IN_DOMAIN]),
    "without-records": ([*REMOVED, ticket(SPN)], [], [IN_SITE, IN_DOMAIN]),
    "undone": ([CLOSED_2, None, ticket(SPN)], [(DC2, ISSUED, ())], [IN_SITE]),
}


def _on_a_device_of(site: str) -> str:
    text = found_by_dns(SITE_RECORDS).replace("dns_lookup_kdc = true\n", "", 1)
    return text.replace('[[devices]]\nname = "desk-1"\n', f'[[devices]]\nname = "desk-1"\nsite = "{site}"\n', 1)


@pytest.mark.parametrize("name", SITES)
def test_a_device_of_a_site_asks_the_kdcs_of_its_site_first(prepared: Path, name: str) -> None:
    """The DC locator: the records of the site, and those of the domain where no KDC of the site answers."""
    steps, expected, looked_up = SITES[name]
    estate = parse_estate(_on_a_device_of("Munich"), "sites.toml")
    seen = in_memory(steps, estate, [])
    records = [record for _, _, some in seen for record in some]
    assert asked(seen) == expected
    assert [e["name"] for kind, e in records if kind == "DnsAnswered" and e["type"] == "SRV"] == looked_up
    assert over_sockets(steps, estate, [], prepared) == seen


def test_a_site_is_a_label() -> None:
    """A name that cannot be a label of the records is refused with its place."""
    with pytest.raises(EstateError, match=r"devices\[0\]\.site|site"):
        parse_estate(_on_a_device_of("Munich, Bavaria"), "sites.toml")

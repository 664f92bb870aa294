"""A client model outside the corporate network gets its tickets through the KDC proxy, as curl does (MS-KKDCP)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ssosim.estate import Estate, default_estate, parse_estate
from ssosim.faults import Fault, fault_from
from tests.realm_estates import PROXY, with_proxy

from .calls import Seen, Step, in_memory, over_sockets
from .test_account_states import signed_on
from .test_account_states import wait as wait_minutes
from .test_key_faults import SPN, present

AWAY, UNREACHABLE = "laptop-1", "TicketFailure ['kdc-unreachable'"


def proxied(change: str = "") -> Estate:
    """The default estate with a KDC proxy, and keys added to alice's account."""
    user = 'upn = "alice@contoso.com"'
    return parse_estate(with_proxy().replace(user, f"{user}\n{change}", 1), "proxy.toml")


def fault(kind: str, **fields: Any) -> Fault:
    """A fault by its name."""
    return fault_from({"fault": kind, **fields})


def events(seen: Seen) -> list[tuple[str, ...]]:
    """What the device met on its way to a ticket."""
    found: list[tuple[str, ...]] = []
    for _, _, records in seen:
        for kind, event in records:
            if kind == "KdcExchange":
                found.append((event["request"], event["service"], event["outcome"]))
            elif kind == "ConnectionFailed":
                found.append((event["host"], event["stage"], event["reason"]))
            elif kind == "DnsAnswered" and PROXY in event["name"]:
                found.append((event["name"], event["type"], event["rcode"]))
    return found


LOOKED_UP: list[tuple[str, ...]] = [(PROXY, "A", "NOERROR"), (PROXY, "AAAA", "NODATA")]
ISSUED: list[tuple[str, ...]] = [*LOOKED_UP, ("TGS", SPN, "issued")]

CASES: dict[str, tuple[Estate, list[Step], str, list[tuple[str, ...]]]] = {
    "no-proxy": (default_estate(), [present()], UNREACHABLE, [("dc1.corp.contoso.com", "connect", "unreachable")]),
    "proxy": (proxied(), [present()], "200", ISSUED),
    "from-the-cache": (proxied(), [present(), fault("kdc-silent"), present()], "200", ISSUED),
    "kdc-behind-it-is-silent": (
        proxied(), [fault("kdc-silent"), present()], UNREACHABLE, [*LOOKED_UP, ("TGS", SPN, "no answer")],
    ),
    "name-of-the-proxy-removed": (
        proxied(), [fault("name-removed", name=PROXY), present()], UNREACHABLE,
        [(PROXY, "A", "NXDOMAIN"), (PROXY, "AAAA", "NXDOMAIN")],
    ),
    "proxy-at-a-wrong-address": (
        proxied(), [fault("wrong-address", name=PROXY, address="198.51.100.10"), present()], UNREACHABLE,
        [*LOOKED_UP, (PROXY, "tls", "bad-certificate")],
    ),
    "disabled-from-the-start": (
        proxied("enabled = false"), [present()], "TicketFailure ['no-credentials'",
        [each[:3] for each in signed_on("KDC_ERR_CLIENT_REVOKED")],
    ),
    "disabled-an-old-ticket": (
        proxied(), [wait_minutes(21), fault("user-disabled", user="alice@contoso.com"), present()],
        "TicketFailure ['other'", [*LOOKED_UP, *[("TGS", SPN, "KDC_ERR_CLIENT_REVOKED")] * 2],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_ticket_through_the_proxy(prepared: Path, name: str) -> None:
    """The device resolves the proxy, connects over TLS, and the KDC behind it answers; or there is no ticket."""
    estate, steps, outcome, expected = CASES[name]
    there = in_memory(steps, estate, [], AWAY)
    assert there[-1][0].startswith(outcome)
    assert events(there) == expected
    assert over_sockets(steps, estate, [], prepared, AWAY) == there

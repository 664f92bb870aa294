"""Faults of the KDC that delay, answer or change a reply: the same over real Kerberos and in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from ssosim_clients.ports import Device

from ssosim.estate import default_estate
from ssosim.faults import KdcEffect, KdcFault, fault_from
from ssosim.faults.kerberos.kdc_refuses import KdcErrorName
from ssosim.kerberos.messages import KdcReply, KdcRequest, KrbError, Message, build_error, read_message

from .calls import Act, in_memory, over_sockets

SPN, UNKNOWN = "HTTP/autologon.microsoftazuread-sso.com", "HTTP/unknown.corp.contoso.com"


class KdcBehaviour(KdcFault, frozen=True, kw_only=True, tag="test-kdc-behaviour"):
    """A fault of the KDC with any effect."""

    behave: Callable[[Message], KdcEffect | None]

    def effect_on(self, message: Message) -> KdcEffect | None:
        """The effect that the test gives."""
        return self.behave(message)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return "a behaviour of the KDC"


def for_unknown(message: Message) -> KdcEffect | None:
    """Refuse requests for one service by policy, and change nothing for the others."""
    named = isinstance(message, KdcRequest) and message.service == UNKNOWN
    return KdcEffect(error=12) if named else None


def denied(reply: bytes | None) -> bytes | None:
    """Another error instead of the KDC's own; tickets as they are."""
    message = read_message(reply or b"")
    return build_error(12, message.realm, ("krbtgt",), 0) if isinstance(message, KrbError) else reply


def broken_ticket(reply: bytes | None) -> bytes | None:
    """A ticket reply whose last byte is changed, so that it cannot be decrypted."""
    if reply is None or not isinstance(read_message(reply), KdcReply):
        return reply
    return reply[:-1] + bytes([reply[-1] ^ 1])


BEHAVIOURS: dict[str, Callable[[Message], KdcEffect | None]] = {
    "late": lambda _: KdcEffect(delay=4),
    "too-late": lambda _: KdcEffect(delay=20),
    "late-error": lambda _: KdcEffect(delay=2, error=12),
    "one-service": for_unknown,
    "other-error": lambda _: KdcEffect(change=denied),
    "own-answer": lambda _: KdcEffect(reply=build_error(12, "CORP.CONTOSO.COM", ("krbtgt",), 0)),
    "no-message": lambda _: KdcEffect(reply=b"\x00garbage"),
    "broken-ticket": lambda _: KdcEffect(change=broken_ticket),
}


def ticket(spn: str) -> Act:
    """Request a ticket."""

    async def act(device: Device) -> int:
        return len(await device.kerberos.negotiate_token(spn)) > 0

    return act


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_a_behaviour_of_the_kdc(prepared: Path, name: str) -> None:
    """Outcome, virtual time and records of ticket requests are the same on both labs."""
    acts = [ticket(SPN), ticket(UNKNOWN), ticket(SPN)]
    faults = [KdcBehaviour(behave=BEHAVIOURS[name])]
    there = in_memory(acts, default_estate(), faults)
    assert over_sockets(acts, default_estate(), faults, prepared) == there
    assert there != in_memory(acts, default_estate(), [])


@pytest.mark.parametrize("name", get_args(KdcErrorName))
def test_every_error_of_a_kdc_by_name(prepared: Path, name: str) -> None:
    """What libkrb5 makes of each error, and how often it asks; the client gets a ticket after the first refusal."""
    for acts, limit in (([ticket(SPN)], None), ([ticket(SPN)], 1)):
        faults = [fault_from({"fault": "kdc-refuses", "error": name, "first": limit})]
        there = in_memory(acts, default_estate(), faults)
        assert over_sockets(acts, default_estate(), faults, prepared) == there
        assert any(event["outcome"] == name for _, _, records in there for _, event in records)

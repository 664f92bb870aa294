"""Faults of reverse zones, which clients ask that form a name from an address."""

from __future__ import annotations

from typing import Literal

import dns.exception
import dns.reversename
from dns.rcode import SERVFAIL

from ssosim.dns import DnsChangeError, Effect, ZoneSet, put_rrset
from ssosim.faults.base import Applied
from ssosim.faults.selector import DnsAnswerFault
from ssosim.faults.zones import ZoneFault
from ssosim.trace import DnsAnswered

__all__ = ["PtrMismatch", "ReverseZoneDead"]


class PtrMismatch(ZoneFault, frozen=True, kw_only=True, tag="ptr-mismatch"):
    """An address has a PTR record that is not the name which led there: who canonicalises by it asks a wrong SPN.

    Source: MIT krb5 documentation, ``rdns`` in libdefaults.
    """

    address: str
    points_to: str = "elsewhere.example."

    def change(self, zones: ZoneSet) -> ZoneSet:
        """Put that PTR record."""
        try:
            owner = dns.reversename.from_address(self.address)
        except (dns.exception.SyntaxError, ValueError) as error:
            raise DnsChangeError(f"{self.address!r} is not an IP address") from error
        return put_rrset(zones, owner, "PTR", [f"{self.points_to.rstrip('.')}."])

    def describe(self) -> str:
        """One line for people."""
        return f"{self.address} has the PTR {self.points_to}"


class ReverseZoneDead(DnsAnswerFault, frozen=True, kw_only=True, tag="reverse-zone-dead"):
    """The servers of a reverse zone (all of them by default) do not answer, or fail.

    libkrb5 with ``rdns`` waits for them before it asks for a ticket: 20 s, measured with krb5 1.20.
    """

    zone: str = "in-addr.arpa"
    how: Literal["drop", "servfail"] = "drop"

    def __post_init__(self) -> None:
        """Refuse what is not a reverse zone."""
        super().__post_init__()
        if not self.zone.rstrip(".").lower().endswith(".arpa"):
            raise ValueError(f"zone {self.zone!r} is not a reverse zone: it ends in in-addr.arpa or ip6.arpa")
        if self.names:
            raise ValueError("names: the zone says which names; leave them out")

    def effect(self, event: DnsAnswered, applied: Applied, client: str) -> Effect | None:  # noqa: ARG002 - the same for all
        """Keep the answer back, or fail."""
        zone = self.zone.rstrip(".").lower()
        if event.name != zone and not event.name.endswith(f".{zone}"):
            return None
        return Effect(drop=True) if self.how == "drop" else Effect(rcode=SERVFAIL)

    def describe(self) -> str:
        """One line for people."""
        return f"the reverse zone {self.zone} {'is silent' if self.how == 'drop' else 'fails'}"

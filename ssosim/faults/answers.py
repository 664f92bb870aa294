"""Faults that change, hold or keep back single answers."""

from __future__ import annotations

from typing import Literal

from dns.name import Name
from dns.rcode import NXDOMAIN, REFUSED, SERVFAIL
from dns.rdatatype import RdataType

from ssosim.dns import Answer, Effect
from ssosim.dns.zones.query_context import QueryContext
from ssosim.faults.base import Applied
from ssosim.faults.selector import DnsAnswerFault
from ssosim.trace import DnsAnswered

__all__ = ["Delay", "Drop", "NxDomain", "Refused", "ServFail", "TruncationLoop"]


class NxDomain(DnsAnswerFault, frozen=True, kw_only=True, tag="nxdomain"):
    """Answers say that there is no such name, with AA and the zone's SOA, so that it is remembered.

    Source: Azure DNS, 2 May 2019 (a quarter of all queries); RFC 2308.
    """

    def effect(self, event: DnsAnswered, applied: Applied, client: str) -> Effect:  # noqa: ARG002 - the same for all
        """NXDOMAIN."""

        def replacement(name: Name, rdtype: RdataType, _context: QueryContext) -> Answer:
            zones = applied.authorities.tree
            soa = zones.zone_of(name).soa(zones.version, negative=True)
            return Answer(name=name, type=rdtype, rcode=NXDOMAIN, authority=(soa,))

        return Effect(replacement=replacement)

    def describe(self) -> str:
        """One line for people."""
        return f"NXDOMAIN: {self.whom()}"


class ServFail(DnsAnswerFault, frozen=True, kw_only=True, tag="servfail"):
    """Answers are SERVFAIL, which clients may ask again and resolvers keep for seconds.

    Source: Facebook, 4 October 2021; RFC 2308, 7.1.
    """

    def effect(self, event: DnsAnswered, applied: Applied, client: str) -> Effect:  # noqa: ARG002 - the same for all
        """SERVFAIL."""
        return Effect(rcode=SERVFAIL)

    def describe(self) -> str:
        """One line for people."""
        return f"SERVFAIL: {self.whom()}"


class Refused(DnsAnswerFault, frozen=True, kw_only=True, tag="refused"):
    """Answers are REFUSED, as from a server that does not know the zone or the client. Source: RFC 1035, 4.1.1."""

    def effect(self, event: DnsAnswered, applied: Applied, client: str) -> Effect:  # noqa: ARG002 - the same for all
        """REFUSED."""
        return Effect(rcode=REFUSED)

    def describe(self) -> str:
        """One line for people."""
        return f"REFUSED: {self.whom()}"


class Drop(DnsAnswerFault, frozen=True, kw_only=True, tag="drop"):
    """No answer comes: what costs stub resolvers 10 seconds and more.

    Source: Azure DNS, 1 April 2021; Facebook, 4 October 2021; measured, glibc 2.36.
    """

    def effect(self, event: DnsAnswered, applied: Applied, client: str) -> Effect:  # noqa: ARG002 - the same for all
        """Nothing leaves."""
        return Effect(drop=True)

    def describe(self) -> str:
        """One line for people."""
        return f"no answer: {self.whom()}"


class Delay(DnsAnswerFault, frozen=True, kw_only=True, tag="delay"):
    """Answers come late, by real seconds. Source: Azure DNS, 1 April 2021 (overload).

    ``fixed``: by ``seconds``. ``uniform``: from ``seconds - spread`` to ``seconds + spread``. ``exponential``: with
    mean ``seconds``. Never by more than ``longest``.
    """

    seconds: float
    distribution: Literal["fixed", "uniform", "exponential"] = "fixed"
    spread: float = 0.0
    longest: float = 60.0

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be meant."""
        super().__post_init__()
        if self.seconds <= 0 or self.spread < 0 or self.longest <= 0:
            raise ValueError("seconds and longest must be above 0, spread not below 0")

    @property
    def final(self) -> bool:
        """What is said stays as it is."""
        return False

    def effect(self, event: DnsAnswered, applied: Applied, client: str) -> Effect:  # noqa: ARG002 - the same for all
        """Hold the answer."""
        match self.distribution:
            case "fixed":
                wait = self.seconds
            case "uniform":
                wait = applied.dice_of(client).uniform(self.seconds - self.spread, self.seconds + self.spread)
            case "exponential":
                wait = applied.dice_of(client).expovariate(1 / self.seconds)
        return Effect(delay=min(max(wait, 0.0), self.longest))

    def describe(self) -> str:
        """One line for people."""
        spread = f" ± {self.spread}" if self.distribution == "uniform" else ""
        return f"answers {self.seconds}{spread} s late ({self.distribution}): {self.whom()}"


class TruncationLoop(DnsAnswerFault, frozen=True, kw_only=True, tag="truncation-loop"):
    """Every answer over UDP has TC set and nothing in it.

    Over TCP it is the same (``truncate``), or comes (``answer``), or never does (``drop``, as behind a firewall that
    lets no TCP through). Source: RFC 7766 section 5.
    """

    tcp: Literal["truncate", "answer", "drop"] = "truncate"

    def effect(self, event: DnsAnswered, applied: Applied, client: str) -> Effect | None:  # noqa: ARG002 - the same for all
        """Cut the answer."""
        if event.transport == "udp" or self.tcp == "truncate":
            return Effect(truncate=True)
        return Effect(drop=True) if self.tcp == "drop" else None

    def describe(self) -> str:
        """One line for people."""
        then = {"truncate": "the same over TCP", "answer": "TCP works", "drop": "no answer over TCP"}[self.tcp]
        return f"answers over UDP are cut, {then}: {self.whom()}"

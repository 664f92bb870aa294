"""Incidents and properties of design, replayed with real zones, faults and a real resolver core, and no socket."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest
from dns.rcode import NOERROR, NXDOMAIN, Rcode
from dns.rdatatype import A

from ssosim.dns import Answer, Effect, ZoneSet, ZoneStore, put_rrset
from ssosim.dns.recursion import Question, Resolver, ResolverSettings, UpstreamQuery, run_resolution
from ssosim.dns.server.hierarchy import View
from ssosim.dns.zones.rrset import to_name
from ssosim.faults import ActiveFaults, NameRemoved
from ssosim.trace import Trace

LOGIN = "login.microsoftonline.com"
REGIONS = tuple(f"{region}.{LOGIN}" for region in ("weu", "eus", "sea", "bra"))
NOW = 1_740_000_000.0


class Cloud:
    """Zones, faults and name servers in memory, with a resolver in front."""

    def __init__(self, zones: ZoneSet) -> None:
        self.store = ZoneStore(zones)
        self.board = ActiveFaults(self.store, Trace())
        self.resolver = Resolver(ResolverSettings(), self.hierarchy.root_addresses, random=Random(1))  # noqa: S311 - a seed

    @property
    def hierarchy(self):  # type: ignore[no-untyped-def]
        """The present hierarchy."""
        return self.board.authorities.hierarchy

    def __call__(self, ask: UpstreamQuery) -> Answer | None:
        """What the server that is asked says."""
        server = next(name for name, address in self.hierarchy.addresses.items() if address == ask.server)
        if self.board.authorities.is_dead(server, ask.question.name):
            return None
        return self.board.authorities.answer_as(server, ask.question.name, ask.question.type)

    def addresses(self, name: str, now: float = NOW) -> tuple[str, ...]:
        """The addresses of ``name`` by way of the resolver; none where it fails."""
        asked = Question(to_name(name), A)
        said = self.resolver.find_cached(asked, now) or run_resolution(self.resolver.resolve(asked, now), self, now)
        if said.rcode != NOERROR:
            return ()
        return tuple(rdata.to_text() for rrset in said.answer if rrset.type == A for rdata in rrset.rdatas)

    def impact(self, names: Iterable[str]) -> float:
        """The share of clients without an address, each client with the name that it uses."""
        asked = [self.addresses(name) for name in names]
        return asked.count(()) / len(asked)

    def kill(self, zone: str, numbers: Iterable[int]) -> None:
        """Silence name servers of a zone."""
        origin = self.hierarchy.zone(zone)
        for number in numbers:
            server = self.hierarchy.server(origin, number)
            self.board.authorities.hierarchy = self.hierarchy.with_view(origin, server, View("dead"))


@pytest.fixture
def cloud(contoso: ZoneSet) -> Cloud:
    """The default estate with four regional names beside the global one."""
    zones = contoso
    for number, name in enumerate(REGIONS, start=1):
        zones = put_rrset(zones, name, "A", [f"192.0.2.{100 + number}"])
    return Cloud(zones)


def test_a_fault_of_a_regional_name_is_a_quarter_of_a_global_one(cloud: Cloud) -> None:
    """TMS9-092: the same fault on one of four regional names affects 25 % of the clients, on the global name all."""
    assert (cloud.impact(REGIONS * 2), cloud.impact([LOGIN] * 8)) == (0, 0)
    undo = NameRemoved(name=REGIONS[0]).apply(cloud.board)
    cloud.resolver.flush(None)
    assert cloud.impact(REGIONS * 2) == 0.25
    undo()
    NameRemoved(name=LOGIN).apply(cloud.board)
    cloud.resolver.flush(None)
    assert cloud.impact([LOGIN] * 8) == 1


def test_services_on_regional_names_survive_the_global_fault(cloud: Cloud) -> None:
    """TMS9-094: service-to-service clients with a regional host go on while the global name is gone."""
    NameRemoved(name=LOGIN).apply(cloud.board)
    assert cloud.addresses(LOGIN) == ()
    assert cloud.impact(REGIONS) == 0


@pytest.mark.parametrize(("dead", "reached"), [((1, 2), True), ((1, 2, 3, 4), False)])
def test_two_providers_outlive_one(cloud: Cloud, dead: tuple[int, ...], reached: bool) -> None:
    """TMS9-031, TMS9-032: with half of the name servers elsewhere losing one costs nothing; a single one, all."""
    cloud.kill("microsoftonline.com", dead)
    assert bool(cloud.addresses(LOGIN)) is reached


def test_a_wrong_cname_lives_as_long_as_its_ttl(cloud: Cloud) -> None:
    """azure-ad-preview: after the repair, caches give the wrong address for the hour of the TTL, unless flushed."""
    right = cloud.store.current
    foreign = put_rrset(right, "sso.fabrikam.com", "CNAME", ["sts.fabrikam.com."], ttl=3600)
    good = put_rrset(right, "sso.fabrikam.com", "A", ["192.0.2.10"])
    cloud.store.change(lambda _: foreign)
    before = cloud.addresses("sso.fabrikam.com")
    assert before != ("192.0.2.10",)
    cloud.store.change(lambda _: good)
    assert cloud.addresses("sso.fabrikam.com", NOW + 299) == before
    asked = Question(to_name("sso.fabrikam.com"), A)
    held = cloud.resolver.find_cached(asked, NOW + 299)
    assert held is not None
    assert held.answer[0].ttl == 3600 - 299
    assert cloud.addresses("sso.fabrikam.com", NOW + 3601) == ("192.0.2.10",)
    cloud.store.change(lambda _: foreign)
    cloud.resolver.flush(None)
    cloud.addresses("sso.fabrikam.com", NOW)
    cloud.store.change(lambda _: good)
    cloud.resolver.flush(None)
    assert cloud.addresses("sso.fabrikam.com", NOW + 1) == ("192.0.2.10",)


@pytest.mark.parametrize("rcode", [NOERROR, NXDOMAIN])
def test_no_fault_can_make_a_negative_answer_without_soa(rcode: Rcode) -> None:
    """TMS9-020: without AA and SOA glibc takes NODATA for EAI_AGAIN, so a bare code is refused where it is written."""
    with pytest.raises(ValueError, match="with an SOA"):
        Effect(rcode=rcode)

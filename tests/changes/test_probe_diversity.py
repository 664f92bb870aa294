"""Each kind of probe finds what the others miss: another address family, another view, another service of a name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from conftest_ops import AUTOLOGON, LOGIN, PROFILE

from ssosim.changes.inventory import ExpectedAnswer, Inventory, default_inventory
from ssosim.changes.outside_in import compare_observations
from ssosim.dns import delete_profile, put_rrset
from ssosim.estate import DnsResolver, default_estate
from ssosim.faults import AaaaWrong, StaleCache, WrongAddress
from ssosim.lab.control.endpoint_probes import EndpointProber, list_views
from ssosim.lab.core.lab import Lab
from ssosim.lab.model_devices.ports import LabHttp, LabResolver

BOOK = Inventory(endpoints=tuple(each for each in default_inventory().endpoints if each.name in (LOGIN, AUTOLOGON)))


@pytest.fixture
async def lab(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    """A lab on loopback with two resolvers."""
    cache = tmp_path_factory.getbasetemp() / "ops-cache"
    cache.mkdir(mode=0o700, exist_ok=True)
    (tmp_path / "lab").mkdir()
    resolvers = (DnsResolver(name="old", address="10.10.0.54"), DnsResolver(name="second", address="10.10.0.55"))
    async with Lab(msgspec.structs.replace(default_estate(), resolvers=resolvers), tmp_path / "lab", cache) as made:
        yield made


def in_family(kind: str) -> Inventory:
    """The login host as a probe of one address family expects it; there is no IPv6 address."""
    expected = ExpectedAnswer(type="A") if kind == "A" else ExpectedAnswer(type="AAAA", shape="nodata")
    login = next(each for each in BOOK.endpoints if each.name == LOGIN)
    return Inventory(endpoints=(msgspec.structs.replace(login, expected=expected),))


async def test_only_an_ipv6_probe_sees_a_wrong_aaaa(lab: Lab):
    """crm-online-2014: AAAA leads elsewhere: IPv4 clients and probes are fine, the AAAA probe is red."""
    prober = EndpointProber(lab)
    AaaaWrong(name=LOGIN).apply(lab)
    assert compare_observations(in_family("A"), await prober.observe(in_family("A"))) == ()
    found = compare_observations(in_family("AAAA"), await prober.observe(in_family("AAAA")))
    assert [(each.kind, each.text.split(" (")[0]) for each in found] == [
        ("answer", "expected a nodata answer, got direct")
    ]


async def test_a_second_resolver_saves_who_has_one(lab: Lab):
    """resolver-2023: one resolver goes on with an old copy; the other one, or a look from both, tells."""
    stale = StaleCache(servers=("old",)).apply(lab)
    moved = put_rrset(lab.zones.current, LOGIN, "A", ["192.0.2.99"])
    lab.zones.change(lambda _: moved)
    places = dict(list_views(lab))
    resolvers = [LabResolver(lab.network.allocate_model_address(), [places[name]]) for name in ("old", "second")]
    try:
        heard = [(await resolver.resolve(LOGIN, "ipv4")).addresses for resolver in resolvers]
        assert heard == [("192.0.2.10",), ("192.0.2.99",)]
        stale()
        assert (await resolvers[0].resolve(LOGIN, "ipv4")).addresses == ("192.0.2.99",)
    finally:
        for resolver in resolvers:
            await resolver.close()


async def test_a_name_that_leads_to_another_service_answers_and_is_wrong(lab: Lab):
    """azure-ad-preview: the name resolves, TLS and HTTP answer; only a check of a path of the right service is red."""
    sts = default_estate().addresses("federation")[0]
    WrongAddress(name=LOGIN, address=sts).apply(lab)
    seen = await EndpointProber(lab).observe(BOOK, list_views(lab)[:1])
    kinds = {(each.kind, each.name) for each in compare_observations(BOOK, seen)}
    assert all(each.shape == "direct" for each in seen)
    assert kinds <= {("https", LOGIN)}


async def test_the_realm_answer_knows_no_region(lab: Lab):
    """TMS9-093: tenants are global: whoever asks from wherever is sent to the same, global endpoints."""
    said = []
    server = dict(list_views(lab))["second"]
    for _ in range(2):
        http = LabHttp(LabResolver(lab.network.allocate_model_address(), [server]), lab.client_tls, lab.endpoint)
        try:
            url = f"https://{LOGIN}/common/UserRealm/{default_estate().users[0].upn}?api-version=1.0"
            said.append(await http.request("GET", url, {"Accept": "application/json"}, b""))
        finally:
            await http.close()
    assert said[0].status == 200
    assert said[0].body == said[1].body
    assert b"region" not in said[0].body.lower()


async def test_the_emptied_name_is_red_in_every_view(lab: Lab):
    """TMS9-039: every endpoint of the list is resolved and asked; the emptied one is red from everywhere."""
    lab.zones.change(lambda zones: delete_profile(zones, PROFILE))
    seen = await EndpointProber(lab).observe(BOOK)
    assert {(each.name, each.view) for each in seen} == {
        (entry.name, view) for entry in BOOK.endpoints for view, _ in list_views(lab)
    }
    assert {each.name for each in compare_observations(BOOK, seen)} == {AUTOLOGON}

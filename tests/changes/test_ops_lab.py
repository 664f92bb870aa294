"""Change control in a lab: the control API, probes over the network, and counting backends."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from conftest_ops import AUTOLOGON, LOGIN, PROFILE, change, clean_up, cname_for_alias, yes
from ssosim_clients.catalogue import find_model

from ssosim.changes.approvals import load_policy
from ssosim.changes.change_control import ChangeControl
from ssosim.changes.inventory import Inventory, default_inventory
from ssosim.changes.ledger import Ledger
from ssosim.changes.operations import PutRecords, apply_operations
from ssosim.changes.outside_in import compare_observations
from ssosim.clock import SystemClock
from ssosim.dns import delete_profile, put_rrset
from ssosim.estate import DnsResolver, default_estate
from ssosim.faults import NameRemoved
from ssosim.lab.control.counting_backend import start_substitution
from ssosim.lab.control.dns_answers import (
    ChangeResult,
    Drift,
    LoadedZones,
    Plan,
    Refusal,
    Settings,
    SubstitutionHits,
    SubstitutionStarted,
    Zones,
)
from ssosim.lab.control.dns_handlers import DnsHandlers
from ssosim.lab.control.endpoint_probes import EndpointProber, list_views, observe
from ssosim.lab.core.lab import Lab
from ssosim.lab.model_devices.client_slots import model_device


@pytest.fixture
async def lab(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    """A lab on loopback."""
    cache = tmp_path_factory.getbasetemp() / "ops-cache"
    cache.mkdir(mode=0o700, exist_ok=True)
    home = tmp_path / "lab"
    home.mkdir(mode=0o700)
    async with Lab(default_estate(), home, cache) as made:
        yield made


@pytest.fixture
async def api(lab: Lab, tmp_path: Path) -> AsyncIterator[Any]:
    """A function that sends a request as a client of the control API does; it returns (status, body)."""
    handlers = DnsHandlers(lab, tmp_path / "ledger")
    app = web.Application()
    app.router.add_route("*", "/v1/dns/{action:.*}", handlers.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    path = str(tmp_path / "s")
    await web.UnixSite(runner, path).start()

    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as session:

        async def call(action: str, **body: Any) -> tuple[int, Any]:
            method = "GET" if action == "zones" else "POST"
            async with session.request(method, f"http://lab/v1/dns/{action}", data=json.dumps(body)) as answer:
                return answer.status, await answer.json() if answer.status in (200, 403) else None

        yield call
    await handlers.close()
    await runner.cleanup()


async def test_outside_in_sees_shape_and_https(lab: Lab):
    """TMS9-055, TMS9-079: healthy is clean; a CNAME for the alias is found though HTTPS is green."""
    book = default_inventory()
    healthy = lab.zones.current
    assert compare_observations(book, await observe(lab, book)) == ()
    lab.zones.change(lambda _: apply_operations(healthy, cname_for_alias()))
    seen = await observe(lab, book)
    assert {each.status for each in seen if each.name == AUTOLOGON} == {200}
    assert [found.kind for found in compare_observations(book, seen)] == ["answer"]
    lab.zones.change(lambda _: delete_profile(healthy, PROFILE))
    assert [found.kind for found in compare_observations(book, await observe(lab, book))] == ["answer", "https"]


async def test_several_views_are_compared(lab: Lab):
    """TMS9-053: a view whose resolver does not answer is one of three, and named."""
    book = default_inventory()
    good = lab.endpoint(default_estate().addresses("dns")[0], 53)
    dead = (lab.network.allocate_model_address(), 9)
    alone = msgspec.structs.replace(book, endpoints=tuple(each for each in book.endpoints if each.name == LOGIN))
    seen = await EndpointProber(lab).observe(alone, [("a", good), ("b", good), ("stale", dead)])
    found = compare_observations(alone, seen)
    assert {(each.kind, each.pages) for each in found} == {("one-view", False)}
    assert all("stale" in each.text for each in found)


async def test_a_call_without_approvals_is_403(api: Any, lab: Lab):
    """TMS9-086: the control plane itself refuses, with every reason; the zones stay."""
    before = lab.zones.current
    status, said = await api("apply", change=msgspec.to_builtins(clean_up()), executors=["ann", "ben"])
    assert status == 403
    assert said["decision"]["outcome"] == "refuse"
    assert {"in-use", "approvals", "rollback"} <= {each["rule"] for each in said["decision"]["reasons"]}
    assert lab.zones.current is before


async def test_the_incident_and_its_two_rollbacks(api: Any, lab: Lab):
    """TMS9-084: applied, half rolled back (probes green, verifier red), wholly rolled back (verifier green)."""
    await api("settings", policy=msgspec.to_builtins(load_policy("feb-2025")))
    status, done = await api("apply", change=msgspec.to_builtins(clean_up()))
    assert (status, done["verification"]["equal"]) == (200, True)
    _, drift = await api("drift")
    assert drift["locks"] == {"microsoftazuread-sso.com": "DRIFT-1"}
    assert {"outside", "scan"} <= {each["direction"] for each in drift["findings"]}
    _, half = await api("rollback", as_written=True)
    assert not half["verification"]["equal"]
    assert all(probe["green"] for probe in half["verification"]["probes"])
    _, whole = await api("rollback", by="ann")
    assert whole["verification"]["equal"]
    assert lab.zones.current == lab.last_known_good


async def test_a_plan_is_data(api: Any):
    """Plan, zones and a mistaken request over the API."""
    wanted = change(PutRecords(name=LOGIN, type="A", ttl=5, values=("192.0.2.10",)))
    status, plan = await api("plan", change=msgspec.to_builtins(wanted))
    assert (status, plan["version"], plan["changes"]["records"][0]["effects"]) == (200, 1, ["ttl"])
    assert plan["gate"]["outcome"] == "refuse"
    _, said = await api("zones")
    assert said["zones"]["version"] == 1


async def test_the_commands_models_hold_every_field(api: Any):
    """Each response, decoded into the models of the commands and encoded again, is the same response."""

    async def check(kind: Any, action: str, **body: Any) -> None:
        status, said = await api(action, **body)
        assert status == 200, said
        assert json.loads(msgspec.json.encode(msgspec.convert(said, kind))) == said, action

    wanted = msgspec.to_builtins(clean_up())
    await check(Settings, "settings", policy=msgspec.to_builtins(load_policy("feb-2025")))
    await check(Plan, "plan", change=wanted)
    await check(SubstitutionStarted, "substitutions", change=wanted)
    await check(SubstitutionHits, "substitutions/finish")
    await check(ChangeResult, "apply", change=wanted)
    await check(Zones, "zones")
    await check(Drift, "drift")
    await check(ChangeResult, "rollback", as_written=True)
    await check(ChangeResult, "rollback", by="ann")
    _, zones = await api("zones")
    await check(LoadedZones, "load", zones=zones["zones"], title="t")
    await api("settings", policy=msgspec.to_builtins(load_policy("strict")))
    status, refused = await api("apply", change=wanted)
    assert status == 403
    assert msgspec.convert(refused, Refusal).decision.reasons


async def test_approved_in_time_it_is_applied(api: Any, lab: Lab):
    """With approvals of this plan and two people the gate lets it through; the next query sees it."""
    await api("settings", inventory=msgspec.to_builtins(msgspec.structs.replace(default_inventory(), endpoints=())))
    wanted = change(PutRecords(name="new.microsoft.com", type="A", values=("192.0.2.9",)))
    _, plan = await api("plan", change=msgspec.to_builtins(wanted))
    approvals = [each.as_data() for each in yes(plan["plan"], "ann", "ben")]
    status, _ = await api(
        "apply", change=msgspec.to_builtins(wanted), plan=plan["plan"], approvals=approvals, executors=["ann", "ben"]
    )
    assert status == 200
    assert (lab.home.parent / "ledger" / "ledger.json").is_file()


async def test_a_counting_backend_counts_and_nobody_notices(lab: Lab, api: Any):
    """TMS9-040: with the backend in front a model signs in silently, its hits are counted, and all is put back."""
    before = lab.zones.current
    status, started = await api("substitutions", change=msgspec.to_builtins(clean_up()))
    assert (status, started["names"], started["ttl"]) == (200, [AUTOLOGON], 300)
    assert lab.zones.current != before
    async with model_device(lab, "office", lab.device_of(None), SystemClock()) as device:
        report = await find_model("office").sign_in(device)
    assert report.state.name == "SILENT"
    _, ended = await api("substitutions/finish")
    assert ended["hits"][AUTOLOGON] >= 2
    assert lab.zones.current == before


async def test_a_quiet_name_has_no_hits(lab: Lab):
    """TMS9-040: nobody came, so nothing was counted; a substitution gives back exactly what was there."""
    lab.zones.change(lambda zones: put_rrset(zones, "old.fabrikam.com", "A", ["192.0.2.10"]))
    plan = ChangeControl(lab.zones, Ledger(lab.home / "l")).plan(
        change(PutRecords(name="old.fabrikam.com", type="A", values=()))
    )
    before = lab.zones.current
    running = await start_substitution(lab, plan)
    await running.finish()
    assert sum(running.hits.values()) == 0
    assert lab.zones.current == before


async def test_a_resolver_that_still_remembers_is_one_view_of_three(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
):
    """TMS9-053: after the change a caching resolver answers from its cache; the quorum says so and wakes nobody."""
    cache = tmp_path_factory.getbasetemp() / "ops-cache"
    cache.mkdir(mode=0o700, exist_ok=True)
    (tmp_path / "lab").mkdir()
    resolvers = (DnsResolver(name="paris", address="10.10.0.54"), DnsResolver(name="tokyo", address="10.10.0.55"))
    estate = msgspec.structs.replace(default_estate(), resolvers=resolvers)
    book = Inventory(endpoints=tuple(each for each in default_inventory().endpoints if each.name == LOGIN))
    async with Lab(estate, tmp_path / "lab", cache) as lab:
        prober = EndpointProber(lab)
        assert len(list_views(lab)) == 3
        healthy = lab.zones.current
        lab.zones.change(lambda _: apply_operations(healthy, (PutRecords(name=LOGIN, type="A", values=()),)))
        await prober.observe(book, list_views(lab)[2:])  # tokyo has asked while the name was empty, and remembers it
        lab.zones.change(lambda _: healthy)
        found = compare_observations(book, await prober.observe(book))
        assert {(each.kind, each.pages) for each in found} == {("one-view", False)}
        assert all("tokyo" in each.text for each in found)


async def test_a_rollback_does_not_bring_a_fault_back(api: Any, lab: Lab):
    """Applied in an emergency while the name was removed on purpose, mended, rolled back: the name is there."""
    end = lab.faults.add(NameRemoved(name=AUTOLOGON))
    wanted = change(
        PutRecords(name="new.microsoftazuread-sso.com", type="A", values=("192.0.2.9",)),
        urgency="emergency",
        incident="INC-7",
    )
    _, plan = await api("plan", change=msgspec.to_builtins(wanted))
    approvals = [each.as_data() for each in yes(plan["plan"], "ann", "ben")]
    status, _ = await api(
        "apply", change=msgspec.to_builtins(wanted), plan=plan["plan"], approvals=approvals, executors=["ann", "ben"]
    )
    assert status == 200
    end()
    _, back = await api("rollback", by="ann")
    assert back["verification"]["equal"]
    assert lab.zones.current == lab.last_known_good

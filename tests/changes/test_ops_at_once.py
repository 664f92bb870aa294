"""Concurrent requests to the control API over its socket: every acknowledged change is in force."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import msgspec
import pytest
from conftest_ops import AUTOLOGON, LOGIN, Office, change
from dns.rdatatype import A

from ssosim.changes.approvals import load_policy
from ssosim.changes.change import Change
from ssosim.changes.diff import compare
from ssosim.changes.inventory import Inventory, default_inventory
from ssosim.changes.ledger import Ledger
from ssosim.changes.operations import PutRecords
from ssosim.dns import DnsChangeError, ZoneStore, put_rrset, zones_of
from ssosim.dns.recursion import Question
from ssosim.dns.zones.rrset import plain, to_name
from ssosim.estate import DnsResolver, default_estate
from ssosim.faults import NameRemoved
from ssosim.lab.control.api import ControlApi
from ssosim.lab.core.lab import Lab

VIEWS = ("one", "two", "three")
BOOK = Inventory(endpoints=tuple(each for each in default_inventory().endpoints if each.name == LOGIN))


@pytest.fixture
async def lab(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    """A lab on loopback with three resolvers."""
    cache = tmp_path_factory.getbasetemp() / "ops-cache"
    cache.mkdir(mode=0o700, exist_ok=True)
    (tmp_path / "lab").mkdir()
    resolvers = tuple(DnsResolver(name=view, address=f"10.10.0.{60 + n}") for n, view in enumerate(VIEWS))
    async with Lab(msgspec.structs.replace(default_estate(), resolvers=resolvers), tmp_path / "lab", cache) as made:
        yield made


@pytest.fixture
async def ask(lab: Lab, tmp_path: Path) -> AsyncIterator[Any]:
    """Asks the control API over its Unix socket; gives (status, body). Every change passes the gate."""
    folder = SimpleNamespace(path=tmp_path, ledger=tmp_path / "dns")
    private: Any = SimpleNamespace(lab=lab, estate=lab.estate, folder=folder)
    control = ControlApi(private, lambda: None)
    await control.start(tmp_path / "s")
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(tmp_path / "s"), limit=0)) as session:

        async def call(method: str, path: str, **body: Any) -> tuple[int, Any]:
            async with session.request(method, f"http://lab/v1/{path}", json=body) as answer:
                return answer.status, await answer.json()

        settings = {"policy": load_policy("feb-2025"), "inventory": BOOK}
        assert (await call("POST", "dns/settings", **msgspec.to_builtins(settings)))[0] == 200
        yield call
    await control.stop()


def put(name: str, **more: Any) -> dict[str, Any]:
    """A change that adds a name, in an emergency, with approvals of nobody; the policy asks for none."""
    wanted = change(
        PutRecords(name=name, type="A", values=("192.0.2.10",)), title=name, urgency="emergency", incident="I-1", **more
    )
    return {"change": msgspec.to_builtins(wanted)}


async def test_a_change_outlives_a_substitution_that_begins_at_the_same_time(lab: Lab, ask: Any, tmp_path: Path):
    """While counting backends come and go: acknowledged changes are in ledger and zones, refused ones nowhere."""
    told: dict[str, int] = {}
    counted = change(PutRecords(name=AUTOLOGON, type="A", values=("192.0.2.10",)))

    async def apply(name: str) -> None:
        told[name] = (await ask("POST", "dns/apply", **put(name)))[0]

    async def start_substitution() -> None:
        await ask("POST", "dns/substitutions", change=msgspec.to_builtins(counted))
        await ask("POST", "dns/substitutions/finish")

    names = [f"n{number}.microsoft.com" for number in range(8)]
    for turn, name in enumerate(names):
        first, second = (apply(name), start_substitution()) if turn % 2 else (start_substitution(), apply(name))
        await asyncio.gather(first, second)
    assert 200 in told.values()
    held = {name for name in names if lab.zones.current.find(name, A) is not None}
    done = {name for name, status in told.items() if status == 200}
    assert held == done == {entry.title for entry in Ledger(tmp_path / "dns").entries()}
    assert lab.zones.current.find(AUTOLOGON, A) == lab.last_known_good.find(AUTOLOGON, A)


async def test_all_of_three_views_staged_at_once_are_in_force(lab: Lab, ask: Any):
    """Three changes, a view each, at the same time: each is shown there, listed, and taken back one after another."""
    bodies = {view: put(f"{view}.microsoft.com", views=[view]) for view in VIEWS}
    answers = await asyncio.gather(*(ask("POST", "dns/apply", **body) for body in bodies.values()))
    assert [status for status, _ in answers] == [200, 200, 200]
    for view in VIEWS:
        override = lab.resolvers[view].override
        assert override is not None
        assert override(Question(to_name(f"{view}.microsoft.com"), A)) is not None
    assert {tuple(each["views"]) for each in (await ask("GET", "dns/zones"))[1]["staged"]} == {
        (view,) for view in VIEWS
    }
    for _ in VIEWS:
        assert (await ask("POST", "dns/rollback"))[1]["action"] == "taken back"
    assert all(resolver.override is None for resolver in lab.resolvers.values())


async def test_a_global_change_leaves_what_is_staged(lab: Lab, ask: Any):
    """Another change in all views does not end the staging, and is seen beneath; the same one does end it."""
    staged = put("new.microsoft.com", views=["one", "two"])
    assert (await ask("POST", "dns/apply", **staged))[0] == 200
    assert (await ask("POST", "dns/apply", **put("other.microsoft.com")))[0] == 200
    assert lab.resolvers["one"].override is not None
    assert (await ask("POST", "dns/apply", **put("new.microsoft.com")))[0] == 200
    assert all(resolver.override is None for resolver in lab.resolvers.values())


async def test_everything_at_once(lab: Lab, ask: Any, tmp_path: Path):
    """Applies, rollbacks, faults, drift, adoption and views at once: the ledger's last state is the zones' own."""
    names = [f"m{number}.microsoft.com" for number in range(6)]
    fault = {"fault": "name-removed", "name": AUTOLOGON}
    requests = [ask("POST", "dns/apply", **put(name)) for name in names]
    others = [
        ask("POST", "faults", **fault),
        ask("POST", "dns/rollback", by="ann"),
        ask("POST", "dns/drift"),
        ask("POST", "dns/adopt", by="ann"),
        ask("POST", "dns/apply", **put("seen.microsoft.com", views=["one"])),
        ask("DELETE", "faults/all"),
        ask("POST", "dns/rollback", by="ben"),
    ]
    answers = await asyncio.gather(*requests, *others)
    assert [status for status, _ in answers[: len(names)]] == [200] * len(names)
    assert answers[len(names)][0] == 200, "the fault was in force"
    assert max(status for status, _ in answers) < 500
    await ask("DELETE", "faults/all")
    ledger = Ledger(tmp_path / "dns")
    entries = ledger.entries()
    gone = {entry.title for entry in entries if entry.action == "rollback"}
    held = {name for name in names if lab.zones.current.find(name, A) is not None}
    assert held == set(names) - gone
    assert ledger.zones(entries[-1].after) == lab.zones.current


async def test_a_plan_that_was_overtaken_is_refused(ask: Any):
    """Two hold the same plan's token; one is applied, the other is told that the zones have moved on."""
    first, second = put("a.microsoft.com"), put("b.microsoft.com")
    tokens = [(await ask("POST", "dns/plan", **body))[1]["plan"] for body in (first, second)]
    answers = await asyncio.gather(
        *(ask("POST", "dns/apply", **body, plan=token) for body, token in zip((first, second), tokens, strict=True))
    )
    assert sorted(status for status, _ in answers) == [200, 403]
    [(_, refused)] = [each for each in answers if each[0] == 403]
    assert "version" in {each["rule"] for each in refused["decision"]["reasons"]}


def test_changes_from_threads_and_faults_meanwhile(office: Office):
    """Applied in several threads while faults come and go in another: every change is in ledger and zones."""
    healthy = office.store.current
    names = [f"t{number}.microsoft.com" for number in range(24)]

    def apply(name: str) -> int:
        wanted = msgspec.convert(put(name)["change"], Change)
        return office.control.apply(wanted, policy=load_policy("feb-2025")).entry.number

    with ThreadPoolExecutor(6) as pool:
        numbers = [pool.submit(apply, name) for name in names]
        while not all(each.done() for each in numbers):
            office.active_faults.add(NameRemoved(name=AUTOLOGON))()
    assert sorted(each.result() for each in numbers) == list(range(1, len(names) + 1))
    assert {plain(name) for name in compare(healthy, office.store.current).names} == set(names)
    assert office.control.ledger.zones(office.control.ledger.entries()[-1].after) == office.store.current


def test_zones_are_written_by_their_owner_alone():
    """No module but the store names the attribute that holds the current zones; without a step there is no way in."""
    store = ZoneStore(zones_of(default_estate()))
    with pytest.raises(AttributeError):
        store.current = zones_of(default_estate())  # type: ignore[misc]
    assert not hasattr(store, "replace")
    with pytest.raises(DnsChangeError):
        store.change(lambda zones: put_rrset(zones, "a..b", "A", ["192.0.2.1"]))

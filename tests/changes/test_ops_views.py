"""Staged changes: visible in the canary's resolver and not in the others; a new finding stops the rollout."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from conftest_ops import AUTOLOGON, LOGIN, Office, change, clean_up, cname_for_alias, yes

from ssosim.changes.approvals import load_policy
from ssosim.changes.change_control import RefusedError
from ssosim.changes.inventory import Inventory, default_inventory
from ssosim.changes.operations import DeleteProfile, PutRecords
from ssosim.dns import DnsChangeError
from ssosim.estate import DnsResolver, default_estate
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.lab.control.dns_handlers import DnsHandlers
from ssosim.lab.control.endpoint_probes import EndpointProber, list_views
from ssosim.lab.core.lab import Lab

CANARY, REST = "canary", "everybody"
BOOK = Inventory(endpoints=tuple(each for each in default_inventory().endpoints if each.name in (LOGIN, AUTOLOGON)))


@pytest.fixture
async def lab(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    """A lab on loopback with two resolvers."""
    cache = tmp_path_factory.getbasetemp() / "ops-cache"
    cache.mkdir(mode=0o700, exist_ok=True)
    (tmp_path / "lab").mkdir()
    resolvers = (DnsResolver(name=CANARY, address="10.10.0.54"), DnsResolver(name=REST, address="10.10.0.55"))
    async with Lab(msgspec.structs.replace(default_estate(), resolvers=resolvers), tmp_path / "lab", cache) as made:
        yield made


@pytest.fixture
async def handlers(lab: Lab, tmp_path: Path) -> AsyncIterator[DnsHandlers]:
    """The DNS handlers, with the policy of that day, which allows everything."""
    made = DnsHandlers(lab, tmp_path / "ledger")
    made.control.policy, made.control.inventory = load_policy("feb-2025"), BOOK
    yield made
    await made.close()


async def seen(lab: Lab, name: str) -> dict[str, str]:
    """The shape of the answer for ``name`` in each view."""
    found = await EndpointProber(lab).observe(BOOK, list_views(lab))
    return {each.view: each.shape for each in found if each.name == name}


async def applied(handlers: DnsHandlers, wanted: Any) -> Any:
    """What the control API's apply says to two approvals and two people."""
    approvals = [each.as_data() for each in yes(handlers.control.plan(wanted).token, "ann", "ben")]
    body = {"change": msgspec.to_builtins(wanted), "approvals": approvals, "executors": ["ann", "ben"]}
    return await handlers._apply(body)


async def test_a_view_sees_it_and_the_others_do_not(lab: Lab, handlers: DnsHandlers):
    """TMS9-095: a change for the canary's view is seen there alone, until it is taken back or applied everywhere."""
    lower = PutRecords(name="new.microsoft.com", type="A", values=("192.0.2.10",))
    before = lab.zones.current
    said = await applied(handlers, change(lower, views=(CANARY,)))
    assert (said["action"], said["views"]) == ("staged", [CANARY])
    assert lab.zones.current is before
    found = await EndpointProber(lab).observe(
        Inventory(endpoints=(msgspec.structs.replace(BOOK.endpoints[0], name="new.microsoft.com", https=""),)),
        list_views(lab),
    )
    assert {each.view for each in found if each.shape == "direct"} == {CANARY}
    assert (await handlers._rollback({}))["action"] == "taken back"
    assert lab.resolvers[CANARY].override is None
    assert (await applied(handlers, change(lower)))["action"] == "apply"
    assert lab.zones.current != before


@pytest.mark.parametrize(
    "operations", [(DeleteProfile(profile="aadg-autologon"),), cname_for_alias()], ids=["emptied", "cname-for-alias"]
)
async def test_red_in_the_canary_stops_it(lab: Lab, handlers: DnsHandlers, operations: tuple[Any, ...]):
    """TMS9-095, TMS9-055: the canary turns red, for the changed shape as well, and no other view has ever seen it."""
    before = lab.zones.current
    with pytest.raises(LabError, match=rf"stopped at the view {CANARY}.*{AUTOLOGON}: expected a direct answer"):
        await applied(handlers, change(*operations, views=(CANARY, REST)))
    assert lab.zones.current is before
    assert all(resolver.override is None for resolver in lab.resolvers.values())
    assert set((await seen(lab, AUTOLOGON)).values()) == {"direct"}


async def test_the_gate_stands_before_views_too(lab: Lab, handlers: DnsHandlers):
    """TMS9-086: without approvals nothing is shown in any view; a view that is none is named."""
    handlers.control.policy = load_policy("strict")
    with pytest.raises(RefusedError):
        await handlers._apply({"change": msgspec.to_builtins(clean_up(views=(CANARY,)))})
    assert lab.resolvers[CANARY].override is None
    handlers.control.policy = load_policy("feb-2025")
    with pytest.raises(LabInputError, match=f"no resolver 'paris'; known: {CANARY}, {REST}"):
        await applied(handlers, clean_up(views=("paris",)))


def test_a_change_for_views_is_never_made_global(office: Office):
    """TMS9-095: what is rated as reaching some views cannot be put into the zones that all views show."""
    wanted = clean_up(views=(CANARY,))
    before = office.store.current
    with pytest.raises(DnsChangeError, match="views"):
        office.control.apply(
            wanted, approvals=yes(office.control.plan(wanted).token, "ann", "ben"), executors=("a", "b")
        )
    assert office.store.current is before

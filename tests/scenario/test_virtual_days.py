"""24 days of virtual time in one lab over sockets: faults come and go, and nothing grows."""

import gc
from datetime import datetime, timedelta

import msgspec

from ssosim.clock import VirtualClock
from ssosim.estate import default_estate
from ssosim.faults import CnameForAlias, ServFail, TrafficManagerDeleted
from ssosim.lab.core.lab import Lab
from ssosim.scenario.client_choice import model_of
from ssosim.scenario.loader import load_scenario
from ssosim.scenario.model import Phase
from ssosim.scenario.player import play
from ssosim.trace import FaultApplied

DAYS = 24
AUTOLOGON = "autologon.microsoftazuread-sso.com"
FAULTS = (
    (TrafficManagerDeleted(profile="aadg-autologon"),),
    (CnameForAlias(name=AUTOLOGON, profile="aadg-autologon"),),
    (ServFail(names=(AUTOLOGON,)),),
)


async def test_nothing_grows_in_24_days(tmp_path, prepared, monkeypatch):
    """A fault each day, two clients each day: as many objects live in the last third as in the second."""
    monkeypatch.setenv("SSOSIM_TRACE_RECORDS", "20000")
    scenario = load_scenario("feb-2025")
    start: datetime = scenario.phases[0].start
    phases = tuple(
        Phase(name=f"day-{day}", start=start + timedelta(days=day), faults=FAULTS[day % 3]) for day in range(DAYS)
    )
    clients = tuple(client for client in scenario.clients if client.model)[:2]
    scenario = msgspec.structs.replace(scenario, phases=phases, end=start + timedelta(days=DAYS), clients=clients)
    clock = VirtualClock(start.timestamp())
    counts = []

    def count(record):
        del record
        gc.collect()
        counts.append(len(gc.get_objects()))

    async with Lab(scenario.estate(default_estate()), tmp_path, prepared, clock=clock) as lab:
        lab.trace.subscribe(count, FaultApplied)
        await play(scenario, lab, clock, {client.name: model_of(client) for client in clients})
        assert lab.trace.last_seq > 20_000
    assert clock.now() - start.timestamp() >= (DAYS - 1) * 86_400
    assert len(counts) == DAYS
    third = DAYS // 3
    assert sum(counts[-third:]) < 1.02 * sum(counts[third : 2 * third]), counts

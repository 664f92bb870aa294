"""A whole lab probes its own endpoints and counts its own queries."""

from __future__ import annotations

import asyncio
from pathlib import Path

import dns.asyncquery
import dns.message
import msgspec

from ssosim.estate import Monitor, TrafficManager, default_estate
from ssosim.lab.core.lab import Lab
from ssosim.trace import LabEvent, Record

AUTOLOGON = "autologon.microsoftazuread-sso.com"


async def test_a_lab_probes_where_the_estate_says_so(tmp_path: Path) -> None:
    """TMS9-062, TMS9-041: real HTTPS to the lab's endpoints; a monitor on a dead port degrades; queries are counted."""
    estate = default_estate()
    (profile,) = estate.traffic_managers
    host = f"Host: {AUTOLOGON}"
    well = msgspec.structs.replace(profile, monitor=Monitor(expected=("200-499",), headers=(host,)))
    dead: TrafficManager = msgspec.structs.replace(
        profile,
        name="dead",
        dns_name="dead.trafficmanager.net",
        monitor=Monitor(protocol="tcp", port=9, tolerated_failures=0),
    )
    estate = msgspec.structs.replace(estate, traffic_managers=(well, dead))
    async with Lab(estate, tmp_path / "home", tmp_path / "cache") as lab:
        found: asyncio.Queue[Record] = asyncio.Queue()
        lab.trace.subscribe(found.put_nowait)
        for record in lab.trace:
            found.put_nowait(record)
        async with asyncio.timeout(60):
            probed = 0
            while probed < 4:
                event = (await found.get()).event
                probed += isinstance(event, LabEvent) and event.part == "traffic manager"
        states = dict(lab.zones.health.current)
        address, port = lab.endpoint(estate.addresses("dns")[0], 53)
        await dns.asyncquery.udp(dns.message.make_query(AUTOLOGON, "A"), address, 5, port)
        usage = lab.query_counts.profile_in_window(profile.name, lab.clock.now(), 60)
    assert states == {("dead", "weu"): "degraded", ("dead", "neu"): "degraded"}
    assert (usage.count, usage.types) == (1, {"A": 1})

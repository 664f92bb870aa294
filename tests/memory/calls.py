"""Calls of a device's ports, one after the other, on both labs: outcome, virtual time and records of each."""

from __future__ import annotations

import asyncio
import dataclasses
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from ssosim_clients.failures import DnsFailure, NetworkFailure, TicketFailure
from ssosim_clients.ports import Device

from ssosim.clock import VirtualClock
from ssosim.estate import Estate
from ssosim.faults import Fault
from ssosim.lab.core.lab import Lab
from ssosim.lab.model_devices.client_slots import model_device
from ssosim.memory import Engine, MemoryLab, memory_device
from ssosim.trace import Record

__all__ = ["Act", "Seen", "Step", "in_memory", "over_sockets", "request"]

START = 1_740_000_000.0
DRAWN = ("request_id", "elapsed_ms", "digest", "transport", "realm")

Act = Callable[[Device], Awaitable[Any]]

Step = Act | Fault | None
"""A call; or a fault to apply at this point; None: undo all faults."""

Seen = list[tuple[str, float, list[tuple[str, dict[str, Any]]]]]
"""Of each call: how it ended, the virtual seconds, and the records."""


def request(wish: tuple[str, str, dict[str, str], bytes]) -> Act:
    """Make a request: method, URL, header fields and body."""

    async def act(device: Device) -> Any:
        response = await device.http.request(*wish)
        kept = {
            name: value for name, value in response.headers.items() if name in ("www-authenticate", "allow", "vary")
        }
        return response.status, kept, len(response.body) > 0, response.headers.get("content-type", "")

    return act


async def _all(
    acts: Sequence[Step], device: Device, now: Callable[[], float], lab: Lab | MemoryLab, seen: Seen
) -> None:
    trace = lab.trace
    for act in acts:
        if act is None:
            lab.faults.undo_all()
            continue
        if isinstance(act, Fault):
            act.apply(lab)
            continue
        mark, began = trace.last_seq, now()
        try:
            outcome = repr(await act(device))
        except (DnsFailure, NetworkFailure, TicketFailure) as failure:
            parts = dataclasses.asdict(failure)
            outcome = f"{type(failure).__name__} {[value for name, value in parts.items() if name != 'text']}"
        except ValueError as error:
            outcome = f"ValueError {error}"
        records = [record for record in trace.since(mark) if record.client == "c"]
        seen.append((outcome, round(now() - began, 3), [_plain(record) for record in records]))


def _plain(record: Record) -> tuple[str, dict[str, Any]]:
    fields = msgspec.structs.asdict(record.event)
    return type(record.event).__name__, {name: value for name, value in fields.items() if name not in DRAWN}


def over_sockets(
    acts: Sequence[Step], estate: Estate, faults: Sequence[Fault], cache: Path, device_name: str = "desk-1"
) -> Seen:
    """Over real DNS, TLS and Kerberos in virtual time."""

    async def run() -> Seen:
        clock, seen = VirtualClock(START), list[Any]()
        with tempfile.TemporaryDirectory(prefix="ports-") as home:
            async with (
                Lab(estate, Path(home), cache, clock=clock) as lab,
                model_device(lab, "c", lab.device_of(device_name), clock) as device,
            ):
                for fault in faults:
                    fault.apply(lab)
                task = clock.start(_all(acts, device, clock.now, lab, seen))
                await clock.run_until(START + 86400)
                await task
        return seen

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


def in_memory(acts: Sequence[Step], estate: Estate, faults: Sequence[Fault], device_name: str = "desk-1") -> Seen:
    """The same in memory."""
    engine, seen = Engine(START), list[Any]()
    lab = MemoryLab(engine, estate)
    device = memory_device(lab, "c", device_name)
    for fault in faults:
        fault.apply(lab)
    run = engine.start(_all(acts, device, lambda: engine.now, lab, seen))
    engine.run(watched=run)
    assert run.result is None
    return seen

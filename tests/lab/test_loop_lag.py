"""A pause of the lab itself is in the trace, and in the verdict of whoever was waiting."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from control_api_client import Api
from ssosim_clients.catalogue import find_model

from ssosim.clock import ManualClock, VirtualClock
from ssosim.estate import default_estate
from ssosim.lab.base.loop_lag import LONGEST_LAG_S, LoopWatch
from ssosim.lab.core.lab import Lab
from ssosim.lab.model_devices.client_slots import WallClock, model_device
from ssosim.scenario.live import LiveScenarioHandlers
from ssosim.trace import DnsAnswered, LabEvent, LabPaused, Record, Trace
from ssosim.trace.export import describe_event, parse_record, record_to_json

BLOCK_S = LONGEST_LAG_S + 0.15
SLACK_S = 0.1
LOGIN = "login.microsoftonline.com"
ASKING = """
import socket, sys
socket.getaddrinfo(sys.argv[1], 443)
print("asked", flush=True)
sys.stdin.readline()
socket.getaddrinfo(sys.argv[2], 443)
"""


@pytest.fixture
async def lab(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    """A lab on loopback, in real time."""
    cache = tmp_path_factory.getbasetemp() / "lag-cache"
    cache.mkdir(mode=0o700, exist_ok=True)
    home = tmp_path / "lab"
    home.mkdir(mode=0o700)
    async with Lab(default_estate(), home, cache) as made:
        yield made


async def sign_in(lab: Lab, name: str) -> None:
    """A model of the default native client signs in under ``name``."""
    async with model_device(lab, name, lab.device_of(None), WallClock(lab.clock)) as ports:
        await find_model("native-prompt").sign_in(ports)


@dataclass
class Block:
    """A pause that is made, and from when to when it was, by the calendar."""

    began: float = 0.0
    ended: float = 0.0

    def __call__(self) -> None:
        """Stand still."""
        self.began = time.time()
        time.sleep(BLOCK_S)
        self.ended = time.time()

    def is_in(self, real_started_at: float, real_s: float) -> bool:
        """Whether a pause that is written down is this one: a busy machine adds pauses of its own."""
        return real_started_at <= self.began + SLACK_S and real_started_at + real_s >= self.ended - SLACK_S


async def paused(trace: Trace, block: Block | None = None) -> Record:
    """The next pause of the lab that is written down, or that which ``block`` is."""
    came: asyncio.Future[Record] = asyncio.get_running_loop().create_future()

    def look(record: Record) -> None:
        event = record.event
        assert isinstance(event, LabPaused)
        if not came.done() and (block is None or block.is_in(event.real_started_at, event.real_s)):
            came.set_result(record)

    leave = trace.subscribe(look, LabPaused)
    try:
        return await asyncio.wait_for(came, 60)
    finally:
        leave()


async def stand_still(trace: Trace, client: str) -> Record:
    """Stand still between two records of ``client``; return the record of the pause.

    Once more where the machine makes a longer pause close by, of which alone there is a record then.
    """
    async with asyncio.timeout(60):
        while True:
            block = Block()
            trace.record(client, LabEvent(part="test", text="before"))
            block()
            trace.record(client, LabEvent(part="test", text="behind"))
            record = await paused(trace)
            assert isinstance(record.event, LabPaused)
            if block.is_in(record.event.real_started_at, record.event.real_s):
                return record


def block_at_first(trace: Trace, client: str, block: Callable[[], None]) -> None:
    """Have the loop run ``block`` once the first DNS answer to ``client`` is written down."""

    def at_first(record: Record) -> None:
        if record.client == client:
            leave()
            asyncio.get_running_loop().call_soon(block)

    leave = trace.subscribe(at_first, DnsAnswered)


async def test_only_the_client_that_waits_is_excused(lab: Lab):
    """The pause is in the verdict of who waited, not of who was done just before, nor of who came just after."""
    await sign_in(lab, "before")
    block = Block()
    block_at_first(lab.trace, "during", block)
    pause = asyncio.create_task(paused(lab.trace, block))
    await asyncio.gather(sign_in(lab, "during"), pause)
    await sign_in(lab, "after")
    said = (await LiveScenarioHandlers(lab).verdicts(None, 0))["verdicts"]
    by_name = {each["client"]: each for each in said}
    assert {name: str(each["outcome"]) for name, each in by_name.items()} == dict.fromkeys(
        ("before", "during", "after"), "silent"
    )
    own = pause.result().seq
    assert own in [each["seq"] for each in by_name["during"]["pauses"]]
    assert "the lab itself paused" in by_name["during"]["note"]
    assert "not the client's" in by_name["during"]["note"]
    for name in ("before", "after"):  # a busy machine may add pauses of its own
        assert own not in [each["seq"] for each in by_name[name]["pauses"]], name


async def test_a_client_done_at_the_last_moment_was_not_waiting(lab: Lab):
    """What was decided between the last tick and the pause is before the pause."""
    await sign_in(lab, "before")
    block = Block()
    block()
    pause = await paused(lab.trace, block)
    (verdict,) = (await LiveScenarioHandlers(lab).verdicts("before", 0))["verdicts"]
    assert pause.seq not in [each["seq"] for each in verdict["pauses"]]


async def test_start_and_length_are_those_of_the_pause():
    """Of a pause between two records: its start is the first of them, its length reaches no further than the second."""
    trace = Trace()
    watch = LoopWatch(trace, _clock := _Real())
    watch.start()
    try:
        await asyncio.sleep(0)
        event = (await stand_still(trace, "")).event
    finally:
        watch.stop()
    assert isinstance(event, LabPaused)
    before, behind = [each for each in trace if isinstance(each.event, LabEvent)][-2:]
    assert event.after_seq == before.seq
    assert event.started_at == pytest.approx(before.at, abs=0.01)
    assert BLOCK_S <= event.lab_s == event.real_s == pytest.approx(behind.at - before.at, abs=0.02)
    assert event.cpu_s < event.real_s / 2, "it slept"


class _Real:
    """Real time by another epoch than the machine's."""

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        return time.time()


async def test_a_quiet_loop_is_no_pause():
    """Waiting for something is not standing still: nothing is written down, however long nothing happens."""
    trace = Trace()
    watch = LoopWatch(trace, _Real())
    watch.start()
    handle = watch._handle
    while watch._handle is handle:  # noqa: ASYNC110 - the tick is what is waited for
        await asyncio.sleep(0.01)
    own = [record.event for record in trace if isinstance(record.event, LabPaused)]
    watch.stop()
    watch.stop()
    assert all(event.real_s > LONGEST_LAG_S for event in own)


@pytest.mark.parametrize("clock", [VirtualClock(1000.0), ManualClock(1000.0)])
async def test_in_virtual_time_a_pause_takes_none(clock: Any):
    """The lab's clock stands still: the pause has its real length, and no length in the lab's time."""
    trace = Trace(clock)
    watch = LoopWatch(trace, clock)
    watch.start()
    record = await stand_still(trace, "model")
    watch.stop()
    event = record.event
    assert isinstance(event, LabPaused)
    assert (record.at, event.started_at, event.lab_s) == (1000.0, 1000.0, 0.0)
    assert event.after_seq == [each.seq for each in trace if isinstance(each.event, LabEvent)][-2]
    assert event.real_s >= BLOCK_S
    assert "its clock stood still" in describe_event(event)
    assert parse_record(record_to_json(record)) == record


def test_a_stopped_lab_is_a_pause(bench: Any):
    """SIGSTOP: whoever asked meanwhile is told so in its verdict; who came after is not."""
    bench.up()
    (status,) = json.loads(bench.run("status", "--json").stdout)["labs"]
    api, asks = Api(bench, {"url": ""} | status["api"]), (sys.executable, "-c", ASKING, LOGIN)
    words = ("exec", "--as", "waits", "--", *asks, "waits.example")
    with bench.popen(*words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as waits:
        assert waits.stdout.readline() == b"asked\n"
        mark, block = api.ok("GET", "/v1/status")["trace_records"], Block()
        os.kill(status["pid"], signal.SIGSTOP)
        try:
            waits.stdin.write(b"\n")
            waits.stdin.flush()
            block()
        finally:
            os.kill(status["pid"], signal.SIGCONT)
        pause = api.ok("GET", "/v1/wait", kind="LabPaused", since=mark, timeout_s=30)
        while not block.is_in(pause["real_started_at"], pause["real_s"]):
            pause = api.ok("GET", "/v1/wait", kind="LabPaused", since=pause["seq"], timeout_s=30)
        answer = api.ok("GET", "/v1/wait", kind="DnsAnswered", client="waits", text="waits.example", timeout_s=30)
        waits.wait(30)
    assert pause["after_seq"] < answer["seq"] < pause["seq"], (
        "what came meanwhile is answered before the pause's record"
    )
    assert pause["real_s"] > LONGEST_LAG_S > pause["cpu_s"]
    with bench.popen("exec", "--as", "later", "--", *asks, LOGIN, stdin=subprocess.PIPE) as later:
        later.communicate(b"\n", 30)
    found = {each["client"]: each for each in api.ok("GET", "/v1/verdicts")["verdicts"]}
    assert pause["seq"] in [each["seq"] for each in found["waits"]["pauses"]]
    assert "the lab itself paused" in found["waits"]["note"]
    assert pause["seq"] not in [each["seq"] for each in found["later"]["pauses"]]
    assert "the lab itself paused" in bench.run("explain", "--client", "waits").stdout
    assert "the lab itself paused for" in bench.run("trace").stdout

"""A long request keeps nobody else waiting, and one that is abandoned leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ssosim.clock import ManualClock
from ssosim.lab.control.api import ControlApi
from ssosim.lab.control.trace_handlers import Selection, TraceHandlers
from ssosim.scenario.live import LiveScenarioHandlers
from ssosim.trace import ClientEvent, ClientMessage, DnsAnswered, LabEvent, Trace, split_columns

MANY = 60_000
SAID = DnsAnswered(name="a.example", type="A", rcode="NOERROR", answers=("A 192.0.2.1",))


@pytest.fixture
def trace() -> Trace:
    """Long, with one word of another client in the middle and one at the end."""
    trace = Trace(ManualClock(1000.0))
    trace.record_all([ClientEvent("busy", SAID)] * MANY)
    trace.record("quiet", ClientMessage(text="middle"))
    trace.record_all([ClientEvent("busy", SAID)] * MANY)
    trace.record("quiet", ClientMessage(text="end"))
    return trace


@contextmanager
def turns() -> Iterator[list[int]]:
    """How often others had a turn within the body."""
    count = [0]

    async def others() -> None:
        while True:
            count[0] += 1
            await asyncio.sleep(0)

    task = asyncio.get_running_loop().create_task(others())
    try:
        yield count
    finally:
        task.cancel()


@asynccontextmanager
async def serving(trace: Trace, folder: Path, **more: Any) -> AsyncIterator[str]:
    """The control API of a lab that is ``trace`` and ``more``; the path of its socket."""
    lab: Any = SimpleNamespace(lab=SimpleNamespace(trace=trace), **more)
    api = ControlApi(lab, lambda: None, LiveScenarioHandlers)
    await api.start(folder / "socket")
    try:
        yield str(folder / "socket")
    finally:
        await api.stop()


async def get(where: str, path: str) -> Any:
    """The JSON of an answer."""
    reader, writer = await asyncio.open_unix_connection(where)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    return json.loads(answer.partition(b"\r\n\r\n")[2])


async def until(there: Callable[[], bool]) -> None:
    """Wait for it, ten seconds at most."""
    async with asyncio.timeout(60):
        while not there():  # noqa: ASYNC110 - what is looked at tells nobody when it changes
            await asyncio.sleep(0)


def test_parts_are_the_whole() -> None:
    """Numbers, moments and values of all parts together are those of the records."""
    trace = Trace(ManualClock(5.0), limit=30_000)
    for number in range(7):
        trace.record_all([ClientEvent("c", LabEvent(part="x", text=str(number)))] * 5001)
    whole = [each for part in split_columns(trace.columns(9000)) for each in part]
    records = trace.since(9000)
    assert whole == [(record.seq, record.at, ClientEvent("c", record.event)) for record in records]
    assert [[*part] for part in split_columns(Trace().columns())] == []


async def test_others_have_their_turns_while_a_long_trace_is_read(trace: Trace, tmp_path: Path) -> None:
    """Text that is rare, one client of many, nobody at all: found as ever, and the loop goes round meanwhile."""
    async with serving(trace, tmp_path) as where:
        for path, expected in (
            ("/v1/trace?text=middle", [MANY + 1]),
            ("/v1/trace?client=quiet", [MANY + 1, 2 * MANY + 2]),
            ("/v1/trace?text=nowhere", []),
        ):
            found = await get(where, path)
            assert [record["seq"] for record in found["records"]] == expected
            assert (found["last_seq"], found["more"]) == (2 * MANY + 2, False)
    for query, number in ({"text": "nowhere"}, 0), ({"client": "quiet"}, 2):
        with turns() as count:
            assert len(await TraceHandlers(trace)._find_matching(Selection.parse(query), 10)) == number
        assert count[0] >= 12


async def test_others_have_their_turns_while_a_verdict_is_found(trace: Trace) -> None:
    """One client, or all: the lab goes on, and what comes meanwhile does not count."""
    desk = LiveScenarioHandlers(SimpleNamespace(trace=trace))  # type: ignore[arg-type]

    async def alone(verdicts: Awaitable[dict[str, Any]]) -> dict[str, Any]:
        with turns() as count:
            asyncio.get_running_loop().call_soon(trace.record, "late", ClientMessage(text="late"))
            found = await verdicts
        assert count[0] >= 12
        return found

    found = await alone(desk.verdicts(None, 0))
    assert [each["client"] for each in found["verdicts"]] == ["busy", "quiet"]
    assert found["last_seq"] == 2 * MANY + 2
    (quiet,) = (await alone(desk.verdicts("quiet", 0)))["verdicts"]
    assert (quiet["outcome"], quiet["attempts"]) == ("stalled", 1)
    (nobody,) = (await desk.verdicts("quiet", 2 * MANY + 2))["verdicts"]
    assert nobody["reason"] == "it did nothing that reached the wire"


async def test_what_comes_while_the_past_is_read_is_not_missed(trace: Trace, tmp_path: Path) -> None:
    """A record that is written while /v1/wait still looks through the old ones ends the wait; an old one goes first."""
    async with serving(trace, tmp_path) as where:
        for text, seq in (("news", 2 * MANY + 3), ("end", 2 * MANY + 2)):
            asking = asyncio.create_task(get(where, f"/v1/wait?client=quiet&text={text}&timeout_s=5"))
            await until(lambda: bool(trace._subscribers))
            trace.record("quiet", ClientMessage(text=text))
            assert (await asking)["seq"] == seq
            assert trace._subscribers == []


async def test_a_wait_that_is_abandoned_is_over(trace: Trace, tmp_path: Path) -> None:
    """Who hangs up is listened for no more, long before the time that was asked for; others still are."""
    async with serving(trace, tmp_path) as where:
        stays = asyncio.create_task(get(where, "/v1/wait?client=late&timeout_s=300"))
        _, writer = await asyncio.open_unix_connection(where)
        writer.write(b"GET /v1/wait?client=never&timeout_s=300 HTTP/1.1\r\nHost: lab\r\n\r\n")
        await until(lambda: len(trace._subscribers) == 2)
        writer.close()
        await until(lambda: len(trace._subscribers) == 1)
        trace.record("late", ClientMessage(text="there"))
        assert (await stays)["client"] == "late"
        assert trace._subscribers == []


async def test_a_change_that_is_abandoned_is_made_whole(tmp_path: Path) -> None:
    """Who asks for a change and hangs up gets it nevertheless, to its end."""
    began, go_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def attach_device(_pid: int, **_wishes: Any) -> dict[str, Any]:
        began.set()
        await go_on.wait()
        done.set()
        return {"device": "192.0.2.1", "client": "c"}

    async with serving(Trace(), tmp_path, attach_device=attach_device) as where:
        _, writer = await asyncio.open_unix_connection(where)
        body = b'{"pid": 2}'
        writer.write(b"POST /v1/devices HTTP/1.1\r\nHost: lab\r\nContent-Type: application/json\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        await asyncio.wait_for(began.wait(), 60)
        writer.close()
        await get(where, "/v1/trace")  # by then the server knows
        go_on.set()
        await asyncio.wait_for(done.wait(), 60)

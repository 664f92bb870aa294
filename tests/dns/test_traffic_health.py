"""Health probes: the rules, the health table, and real requests to real servers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from ssosim.clock import VirtualClock
from ssosim.dns import ZoneSet, ZoneStore, delete_profile, put_profile
from ssosim.dns.server.health_probes import (
    Prober,
    Target,
    build_request,
    list_targets,
    make_unverified_context,
    run_probe,
)
from ssosim.dns.zones.health import HealthTable, ProbedState, after_probe
from ssosim.dns.zones.query_context import ALL_ONLINE, QueryContext
from ssosim.estate import Monitor, TrafficManager, TrafficManagerEndpoint
from ssosim.trace import LabEvent, Trace

PROFILE = "aadg-autologon"


@given(st.lists(st.booleans(), max_size=60), st.integers(0, 9), st.sampled_from([10, 30]))
def test_an_endpoint_is_degraded_after_one_failure_too_many(results: list[bool], tolerated: int, interval: int) -> None:
    """TMS9-062: in virtual time, degraded is "no probe passed since, and more failed than are tolerated"."""
    clock, watched = 0.0, ProbedState()
    last_pass, first_probe = None, 0.0
    for passed in results:
        watched = after_probe(watched, passed=passed, tolerated=tolerated)
        last_pass = clock if passed else last_pass
        began = first_probe if last_pass is None else last_pass + interval
        failed = 0 if last_pass == clock else round((clock - began) / interval) + 1
        expected = "degraded" if failed > tolerated else "checking" if last_pass is None else "online"
        assert (watched.status, watched.failures) == (expected, failed)
        clock += interval


def test_the_default_is_unhealthy_at_the_fourth() -> None:
    """azure-traffic-manager: three failures are tolerated by default; the fourth, 90 s after the first, degrades."""
    tolerated = Monitor().tolerated_failures
    watched, states = ProbedState("online"), []
    for _ in range(4):
        watched = after_probe(watched, passed=False, tolerated=tolerated)
        states.append(watched.status)
    assert states == ["online", "online", "online", "degraded"]
    assert after_probe(watched, passed=True, tolerated=tolerated) == ProbedState("online")


def test_the_board_changes_its_value_only_when_a_state_changes() -> None:
    """Caches compare the value by identity; an override has precedence over probes."""
    board = HealthTable()
    assert board.current is ALL_ONLINE
    board.record_probe("p", "e", "online")
    assert board.current is ALL_ONLINE
    board.record_probe("p", "e", "degraded")
    first = board.current
    board.record_probe("p", "e", "degraded")
    assert board.current is first
    board.override("p", "e", "stopped")
    board.record_probe("p", "e", "online")
    assert dict(board.current) == {("p", "e"): "stopped"}
    assert dict(first) == {("p", "e"): "degraded"}
    board.clear_override("p", "e")
    assert dict(board.current) == {}
    board.record_probe("p", "e", "degraded")
    board.forget([("p", "e")])
    assert dict(board.current) == {}


Answerer = Callable[[bytes], bytes | None]


@asynccontextmanager
async def serving(answerer: Answerer, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server of one answer a connection on loopback; None keeps silent until the client goes. Yields its port."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            said = answerer(await reader.readuntil(b"\r\n\r\n"))
            if said is None:
                await reader.read()
            else:
                writer.write(said)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def target(timeout: float = 2.0, **settings: object) -> Target:
    """A target whose probes wait ``timeout`` seconds: less than a profile may ask for."""
    monitor = Monitor(**{"protocol": "http", **settings})  # type: ignore[arg-type]
    return Target("p", "e", "192.0.2.20", msgspec.structs.replace(monitor, timeout=timeout))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "expected", "passed"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", ("200",), True),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", ("200",), False),
        (b"HTTP/1.1 401 Unauthorized\r\n\r\n", ("200-299", "401"), True),
        (b"HTTP/1.1 299 Odd\r\n\r\n", ("200-299", "401"), True),
        (b"HTTP/1.1 300 Odd\r\n\r\n", ("200-299", "401"), False),
        (b"HTTP/1.1 2000 Odd\r\n\r\n", ("200-299",), False),
        (b"HTTP/1.1 abc\r\n\r\n", ("200",), False),
        (b"HTTP/1.1\r\n\r\n", ("200",), False),
        (b"SSH-2.0-OpenSSH 200\r\n", ("200",), False),
        (b"x" * 5000, ("200",), False),
        (b"HTTP/1.1 200", ("200",), False),
        (b"", ("200",), False),
    ],
)
async def test_a_probe_passes_on_an_expected_status_alone(
    answer: bytes, expected: tuple[str, ...], passed: bool
) -> None:
    """azure-traffic-manager: 200 by default, up to eight ranges; redirects and what is not HTTP fail, no error."""
    async with serving(lambda _request: answer) as port:
        assert await run_probe(target(expected=expected), ("127.0.0.1", port), make_unverified_context()) is passed


async def test_silence_and_a_closed_port_fail() -> None:
    """No answer within the timeout, or no server."""
    async with serving(lambda _request: None) as port:
        assert not await run_probe(target(timeout=0.05), ("127.0.0.1", port), make_unverified_context())
    assert not await run_probe(target(), ("127.0.0.1", port), make_unverified_context())


async def test_https_is_asked_without_a_look_at_the_certificate() -> None:
    """azure-traffic-manager: a certificate for another name, of nobody known, passes; plain HTTP does not."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("other.example").configure_cert(tls)
    async with serving(lambda _request: b"HTTP/1.1 200 OK\r\n\r\n", tls) as port:
        assert await run_probe(target(protocol="https"), ("127.0.0.1", port), make_unverified_context())
        assert await run_probe(target(protocol="tcp"), ("127.0.0.1", port), make_unverified_context())
        assert not await run_probe(target(protocol="http"), ("127.0.0.1", port), make_unverified_context())


def test_the_request_carries_path_and_headers() -> None:
    """azure-traffic-manager: custom headers, of which Host takes the place of the endpoint's own."""
    plain = build_request(target(path="/health?x=1"))
    assert plain.startswith(b"GET /health?x=1 HTTP/1.1\r\nHost: 192.0.2.20\r\n")
    custom = build_request(target(headers=("host:login.windows.net", "X-Probe: 1")))
    assert custom.split(b"\r\n") == [
        b"GET / HTTP/1.1",
        b"Host: login.windows.net",
        b"Connection: close",
        b"X-Probe: 1",
        b"",
        b"",
    ]


def monitored(zones: ZoneSet, **monitor: object) -> TrafficManager:
    """The estate's profile with a monitor."""
    settings = {"protocol": "http", "interval": 10, "tolerated_failures": 1, **monitor}
    return msgspec.structs.replace(zones.profiles[PROFILE], monitor=Monitor(**settings))  # type: ignore[arg-type]


def test_only_what_has_a_monitor_is_probed(contoso: ZoneSet) -> None:
    """Probes are off by default; disabled endpoints and nested profiles are never asked."""
    assert list(list_targets(contoso)) == []
    profile = monitored(contoso)
    off = msgspec.structs.replace(profile.endpoints[0], enabled=False)
    named = TrafficManagerEndpoint(name="n", target="login.windows.net")
    some = msgspec.structs.replace(profile, endpoints=(off, profile.endpoints[1], named))
    found = list(
        list_targets(put_profile(contoso, msgspec.structs.replace(some, name="x", dns_name="x.trafficmanager.net")))
    )
    assert [(each.endpoint, each.host, each.port, each.timeout) for each in found] == [
        ("neu", "192.0.2.21", 80, 9.0),
        ("n", "login.windows.net", 80, 9.0),
    ]
    assert list(list_targets(put_profile(contoso, msgspec.structs.replace(profile, enabled=False)))) == []


async def test_a_sick_endpoint_leaves_rotation_and_comes_back(contoso: ZoneSet) -> None:
    """TMS9-062: virtual time, real sockets: out after two failures in a row (one tolerated), back at the first pass."""
    profile = monitored(contoso)
    store, trace, clock = ZoneStore(put_profile(contoso, profile)), Trace(), VirtualClock(0.0)
    sick = False

    def answerer(_request: bytes) -> bytes:
        return b"HTTP/1.1 503 Sick\r\n\r\n" if sick else b"HTTP/1.1 200 OK\r\n\r\n"

    async with serving(answerer) as weu, serving(lambda _request: b"HTTP/1.1 200 OK\r\n\r\n") as neu:
        ports = {"192.0.2.20": weu, "192.0.2.21": neu}
        prober = Prober(
            store,
            store.health,
            trace,
            dial=lambda address, _port: ("127.0.0.1", ports[address]),
            sleep=clock.sleep,
            now=clock.now,
        )
        task = clock.start(prober.run_in_step())
        seen = []
        for moment in (5, 15, 25, 35, 45, 55):
            sick = moment in (25, 35, 45)
            await clock.run_until(moment)
            seen.append(store.current.route(PROFILE, asking(store)).endpoints[0].name)
        task.cancel()
        await asyncio.wait([task])
    assert seen == ["weu", "weu", "weu", "neu", "neu", "weu"]
    texts = [record.event.text for record in trace if isinstance(record.event, LabEvent)]
    assert [text for text in texts if "weu" in text] == [
        f"endpoint weu of profile {PROFILE} is {state}" for state in ("online", "degraded", "online")
    ]


def asking(store: ZoneStore) -> QueryContext:
    """The context of a question now."""
    return QueryContext(health=store.health.current)


async def test_an_endpoint_by_name_is_resolved_in_the_zones(contoso: ZoneSet) -> None:
    """A DNS endpoint is probed at the address that the lab's zones give it; without one the probe fails."""
    ends = (
        TrafficManagerEndpoint(name="there", target="login.windows.net"),
        TrafficManagerEndpoint(name="gone", target="nope.windows.net", priority=2),
    )
    base = monitored(contoso, tolerated_failures=0)
    profile = msgspec.structs.replace(base, name="x", dns_name="x.trafficmanager.net", endpoints=ends)
    store = ZoneStore(put_profile(contoso, profile))
    asked: list[tuple[str, int]] = []
    async with serving(lambda _request: b"HTTP/1.1 200 OK\r\n\r\n") as port:

        def dial(address: str, at: int) -> tuple[str, int]:
            asked.append((address, at))
            return "127.0.0.1", port

        await Prober(store, store.health, Trace(), dial=dial).probe_due()
    assert asked == [("192.0.2.10", 80)]
    assert dict(store.health.current) == {("x", "gone"): "degraded"}


async def test_a_profile_that_goes_is_forgotten(contoso: ZoneSet) -> None:
    """Findings go with the profile; the running prober notices changes by itself and ends when it is cancelled."""
    store = ZoneStore(put_profile(contoso, monitored(contoso, tolerated_failures=0)))
    looks = asyncio.Semaphore(0)
    done = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        done.set()
        await looks.acquire()

    found, trace = asyncio.Semaphore(0), Trace()
    trace.subscribe(lambda _record: found.release())
    prober = Prober(store, store.health, trace, dial=lambda *_: ("127.0.0.1", 1), sleep=sleep)
    task = asyncio.create_task(prober.run())
    for _endpoint in range(2):
        await found.acquire()
    assert set(store.health.current.values()) == {"degraded"}
    store.change(lambda zones: delete_profile(zones, PROFILE))
    done.clear()
    looks.release()
    await done.wait()
    assert dict(store.health.current) == {}
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

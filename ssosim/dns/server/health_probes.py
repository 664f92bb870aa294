"""Health probes of traffic manager endpoints: real requests at the documented intervals.

They run for profiles with a ``monitor`` only. Times are those of a monotonic clock, so a clock that is set back does
not stop probes. Source: Traffic Manager documentation, endpoint monitoring.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from dns.rdatatype import AAAA, A

from ssosim.dns.zones.answer import answer
from ssosim.dns.zones.health import HealthTable, ProbedState, after_probe
from ssosim.dns.zones.rrset import to_name
from ssosim.dns.zones.store import ZoneStore
from ssosim.dns.zones.zone_set import ZoneSet
from ssosim.estate import Monitor, TrafficManagerEndpoint
from ssosim.trace import LabEvent, Trace

__all__ = ["Dial", "Prober", "Target", "list_targets", "run_probe"]

Dial = Callable[[str, int], tuple[str, int]]
"""(address, port) of an endpoint -> (address, port) to connect to; a lab on loopback maps them."""

CHECK_INTERVAL_S = 1.0
STEP_S = 10.0
"""Both probe intervals are multiples of this, seconds."""
PORTS = {"http": 80, "https": 443}
MAX_STATUS_LINE = 1024


@dataclass(frozen=True, slots=True)
class Target:
    """One endpoint to be probed; ``host`` is its address or DNS name."""

    profile: str
    endpoint: str
    host: str
    monitor: Monitor

    @property
    def key(self) -> tuple[str, str]:
        """The key of this endpoint in the health table: (profile, endpoint)."""
        return self.profile, self.endpoint

    @property
    def port(self) -> int:
        """The TCP port to connect to."""
        return self.monitor.port or PORTS.get(self.monitor.protocol, 443)

    @property
    def timeout(self) -> float:
        """The time limit of a probe, in seconds."""
        return float(self.monitor.timeout or (10 if self.monitor.interval == 30 else 9))


class Prober:
    """Probes the endpoints of the profiles in ``store`` and records their state in ``health``.

    Changes of state are traced. Profiles may be added, changed and deleted while it runs.
    """

    def __init__(
        self,
        store: ZoneStore,
        health: HealthTable,
        trace: Trace,
        *,
        dial: Dial = lambda address, port: (address, port),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._health = health
        self._trace = trace
        self._dial = dial
        self._sleep = sleep
        self._now = now
        self._tls = make_unverified_context()
        self._states: dict[tuple[str, str], ProbedState] = {}
        self._due: dict[tuple[str, str], float] = {}

    def in_real_time(self) -> Prober:
        """Return a prober in real time that begins with what this one knows."""
        prober = Prober(self._store, self._health, self._trace, dial=self._dial)
        prober._states = self._states.copy()
        prober._due = dict.fromkeys(self._states, prober._now())
        return prober

    async def run(self) -> None:
        """Probe until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                for target in self.take_due():
                    group.create_task(self._probe(target))
                await self._sleep(CHECK_INTERVAL_S)

    async def run_in_step(self) -> None:
        """Probe until cancelled, for a simulated clock: no time passes while probes run."""
        while True:
            await self.probe_due()
            await self._sleep(STEP_S)

    async def probe_due(self) -> None:
        """Probe once every endpoint that is due."""
        await asyncio.gather(*(self._probe(target) for target in self.take_due()))

    def take_due(self) -> list[Target]:
        """Return the endpoints that are due and schedule their next probe; remove deleted endpoints."""
        now = self._now()
        wanted = {target.key: target for target in list_targets(self._store.current)}
        gone = self._states.keys() - wanted.keys()
        for key in gone:
            del self._states[key], self._due[key]
        if gone:
            self._health.forget(gone)
        turn = [target for key, target in wanted.items() if now >= self._due.get(key, now)]
        for target in turn:
            self._states.setdefault(target.key, ProbedState())
            self._due[target.key] = now + target.monitor.interval
        return turn

    def record_result(self, target: Target, *, passed: bool) -> None:
        """Record the result of one probe."""
        before = self._states.get(target.key)
        if before is None:  # the endpoint was deleted during the probe
            return
        after = after_probe(before, passed=passed, tolerated=target.monitor.tolerated_failures)
        self._states[target.key] = after
        if after.status != before.status:
            self._health.record_probe(*target.key, after.status)
            text = f"endpoint {target.endpoint} of profile {target.profile} is {after.status}"
            self._trace.record("", LabEvent(part="traffic manager", text=text))

    async def _probe(self, target: Target) -> None:
        address = address_of(self._store.current, target.host)
        passed = address is not None and await run_probe(target, self._dial(address, target.port), self._tls)
        self.record_result(target, passed=passed)


async def run_probe(target: Target, at: tuple[str, int], tls: ssl.SSLContext) -> bool:
    """Probe the endpoint at (host, port) ``at`` once; True if it answers in time with an expected status."""
    secure = target.monitor.protocol == "https"
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(target.timeout):
            reader, writer = await asyncio.open_connection(
                *at,
                ssl=tls if secure else None,
                server_hostname=server_name(target) if secure else None,
                limit=MAX_STATUS_LINE,
            )
            if target.monitor.protocol == "tcp":
                return True
            writer.write(build_request(target))
            status = (await reader.readuntil(b"\n")).split(maxsplit=2)
            return len(status) > 1 and status[0].startswith(b"HTTP/") and is_expected(status[1], target.monitor)
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return False
    finally:
        if writer is not None:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def list_targets(zones: ZoneSet) -> Iterator[Target]:
    """List what to probe: enabled endpoints with an address or a name, of enabled profiles with a monitor."""
    for profile in zones.profiles.values():
        if profile.monitor is not None and profile.enabled:
            for endpoint in profile.endpoints:
                if endpoint.enabled and (host := host_of(endpoint)) is not None:
                    yield Target(profile.name, endpoint.name, host, profile.monitor)


def host_of(endpoint: TrafficManagerEndpoint) -> str | None:
    """The address or DNS name of an endpoint; None for a nested profile."""
    return endpoint.address if endpoint.address is not None else endpoint.target


def address_of(zones: ZoneSet, host: str) -> str | None:
    """The IP address of ``host``, resolved in ``zones`` if it is a name; None where it has none."""
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(host))
    for rdtype in (A, AAAA):
        for rrset in answer(zones, to_name(host), rdtype).answer:
            if rrset.type == rdtype:
                return rrset.rdatas[0].to_text()
    return None


def host_header(target: Target) -> str:
    """The Host header: the custom one of the monitor if it has one, else the endpoint."""
    for header in target.monitor.headers:
        name, _, value = header.partition(":")
        if name.lower() == "host":
            return value.strip()
    return f"[{target.host}]" if ":" in target.host else target.host


def server_name(target: Target) -> str:
    """The name for TLS: that of the Host header, without its port."""
    host = host_header(target)
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def build_request(target: Target) -> bytes:
    """Build the HTTP request of a probe."""
    own = [header for header in target.monitor.headers if not header.lower().startswith("host:")]
    lines = [f"GET {target.monitor.path} HTTP/1.1", f"Host: {host_header(target)}", "Connection: close", *own]
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii")


def is_expected(status: bytes, monitor: Monitor) -> bool:
    """Whether a status code is in one of the monitor's ranges."""
    code = int(status)
    spans = [span.partition("-") for span in monitor.expected]
    return any(int(low) <= code <= int(high or low) for low, _, high in spans)


def make_unverified_context() -> ssl.SSLContext:
    """Make a TLS context that accepts any certificate: probes do not validate (Traffic Manager documentation)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context

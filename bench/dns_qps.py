"""DNS answers a second on one core, with faults and the trace on, beside bare dnspython and beside Debian's nsd.

    python bench/dns_qps.py [--rounds 7] [--seconds 1]

The server runs as in a lab: one fault is in force (on another name), every answer is in the trace, every query is
counted; ``as up`` also writes the trace to a file, as ``ssosim up`` does. nsd runs with one server process on the same
zone file. The bare loop parses a query, puts a ready-made record set into an answer and renders it, with no socket.
All contenders are held to one core and Debian's ``dnsperf``, the load, to another; they take turns in short blocks, so
that whatever else the machine does strikes all alike; ratios are of blocks of the same round. Wall-clock rates are held
back by whatever shares the core, and by the load; answers by CPU second are the server's own, so they decide.

100 names are asked again and again; "ever new" never asks the same name twice. The cost of an answer that is not kept,
with 10 and with 100,000 names, is measured in process.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

import dns.flags
import dns.message
import dns.name
import dns.rrset
import uvloop
from dns.rdatatype import A
from harness import finish, spread

from ssosim.dns import DnsServer, ZoneSet, ZoneStore, zones_of
from ssosim.dns.imports.tree import read_tree
from ssosim.dns.server.query_counts import QueryCounts
from ssosim.dns.server.wire_format import respond
from ssosim.dns.zones.rrset import RRset, to_rdatas
from ssosim.dns.zones.zone import Zone
from ssosim.estate import default_estate
from ssosim.faults import ActiveFaults, fault_from
from ssosim.lab.base.client_addresses import ClientAddresses
from ssosim.lab.core.trace_writer import recording
from ssosim.trace import Trace

ZONE, NAMES = "bench.example", 100
SERVER_CORE, LOAD_CORE = 0, 1
TO_BARE, TO_NSD, GROWTH = 10.0, 0.5, 1.2
SIZES = ((1, 10), (1, 100_000), (1_000, 100_000))
PATH = f"{os.environ['PATH']}:/usr/sbin"


@dataclass(frozen=True, slots=True)
class Contender:
    """A server under load: its process, and its port."""

    pid: int
    port: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Answers a second of each contender, block by block: by wall-clock time, and by CPU time of the server."""

    wall: dict[str, list[float]]
    cpu: dict[str, list[float]]


def zone_file(folder: Path) -> Path:
    """The zone that both servers serve."""
    lines = [f"$ORIGIN {ZONE}.", "$TTL 300", "@ SOA ns1 hostmaster 1 3600 600 86400 300", "@ NS ns1", "ns1 A 192.0.2.1"]
    lines += [f"h{number} A 192.0.2.{number}" for number in range(NAMES)]
    path = folder / f"{ZONE}.zone"
    path.write_text("\n".join([*lines, ""]), encoding="ascii")
    return path


def bench_zones(path: Path) -> ZoneSet:
    """The default estate's zones and that one."""
    origin = dns.name.from_text(ZONE)
    return zones_of(default_estate()).with_zone(read_tree(path).zones[origin])


def serve(pipe: Connection, zone: Path, loop: str, kept: Path | None) -> None:
    """Run a server until the pipe says something."""
    os.sched_setaffinity(0, {SERVER_CORE})

    async def main() -> None:
        store, trace = ZoneStore(bench_zones(zone)), Trace()
        server = DnsServer(store, trace, ClientAddresses().who)
        board = ActiveFaults(store, trace)
        board.attach(server, "lab")
        board.apply(fault_from({"fault": "servfail", "names": ["login.microsoftonline.com"]}))
        server.counts = QueryCounts()
        with contextlib.ExitStack() as cleanup:
            if kept is not None:
                cleanup.enter_context(recording(trace, kept))
            pipe.send(await server.start("127.0.0.1", 0))
            stopped = asyncio.Event()
            asyncio.get_running_loop().add_reader(pipe.fileno(), stopped.set)
            await stopped.wait()
            await server.stop()
        pipe.send(trace.last_seq)

    (uvloop.run if loop == "uvloop" else asyncio.run)(main())


def bare_loop(pipe: Connection) -> None:
    """Parse, answer, render with dnspython alone, for as many seconds as the pipe asks: times a second."""
    os.sched_setaffinity(0, {SERVER_CORE})
    query = dns.message.make_query(f"h1.{ZONE}", "A").to_wire()
    rrset = dns.rrset.from_text(f"h1.{ZONE}.", 300, "IN", "A", "192.0.2.1")
    while seconds := pipe.recv():
        done, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            for _ in range(100):
                message = dns.message.from_wire(query)
                response = dns.message.make_response(message)
                response.flags |= dns.flags.AA
                response.answer.append(rrset)
                response.to_wire()
            done += 100
        pipe.send(done / (time.perf_counter() - began))


@contextlib.contextmanager
def child(target: Callable[..., None], *arguments: object) -> Iterator[tuple[Connection, int]]:
    """A process at the other end of a pipe, ended by a word; the pipe, and its process id."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=target, args=(theirs, *arguments))
    process.start()
    theirs.close()
    try:
        yield ours, process.pid or 0
    finally:
        ours.send(0)
        process.join()
        ours.close()


@contextlib.contextmanager
def nsd(folder: Path, zone: Path) -> Iterator[Contender]:
    """Debian's authoritative server with one server process."""
    program = shutil.which("nsd", path=PATH) or "nsd"
    port = 53_530
    (folder / "nsd.conf").write_text(f"""
server:
  server-count: 1
  ip-address: 127.0.0.1@{port}
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: "{folder}/nsd.pid"
  xfrdfile: "{folder}/xfrd.state"
  xfrdir: "{folder}"
  zonelistfile: "{folder}/zone.list"
  logfile: "{folder}/nsd.log"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: {ZONE}
  zonefile: {zone}
""")
    process = subprocess.Popen(["taskset", "-c", str(SERVER_CORE), program, "-d", "-c", str(folder / "nsd.conf")])
    try:
        time.sleep(1)
        if process.poll() is not None:
            sys.exit(f"nsd does not start: {(folder / 'nsd.log').read_text()}")
        yield Contender(process.pid, port)
    finally:
        process.terminate()
        process.wait()


def dnsperf(port: int, queries: Path, seconds: float, *, once: bool = False) -> tuple[float, int]:
    """Load from the other core; answers a second, and answers. Ends the bench when 1 in 1,000 was lost."""
    limits = ["-n", "1"] if once else ["-l", f"{seconds:g}"]
    command = ["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(queries), "-q", "200", "-c", "4", *limits]
    done = subprocess.run(["taskset", "-c", str(LOAD_CORE), *command], capture_output=True, text=True, check=True)
    lost = re.search(r"Queries lost:\s+(\d+)", done.stdout)
    completed = re.search(r"Queries completed:\s+(\d+)", done.stdout)
    found = re.search(r"Queries per second:\s+([\d.]+)", done.stdout)
    if not (found and completed) or (lost and int(lost[1]) * 1000 > int(completed[1])):
        sys.exit(f"dnsperf: {done.stdout}")
    return float(found[1]), int(completed[1])


def descendants(pid: int) -> Iterator[int]:
    """That process and all below it."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for below in (task / "children").read_text(encoding="ascii").split():
            yield from descendants(int(below))


def cpu_s(pid: int) -> float:
    """CPU seconds of a process and of all below it."""
    stats = (Path(f"/proc/{each}/schedstat").read_text(encoding="ascii") for each in descendants(pid))
    return sum(int(stat.split()[0]) for stat in stats) / 1e9


def sized(zones: int, names: int) -> tuple[ZoneSet, list[bytes]]:
    """Zones with so many names in all, and queries for a thousand of them."""
    built = []
    for number in range(zones):
        origin = dns.name.from_text(f"z{number}.example")
        addresses = to_rdatas(("192.0.2.1",), A, origin)
        rrsets = [RRset(dns.name.from_text(f"h{each}", origin), A, 300, addresses) for each in range(names // zones)]
        contact = dns.name.from_text("hostmaster", origin)
        built.append(Zone.build(origin, ttl=300, negative_ttl=300, name_server=contact, contact=contact, rrsets=rrsets))
    asked = [f"h{number * 97 % (names // zones)}.z{number * 31 % zones}.example" for number in range(1000)]
    return ZoneSet.build(built), [dns.message.make_query(name, "A").to_wire() for name in asked]


def growth(rounds: int) -> dict[str, list[float]]:
    """Microseconds of CPU for an answer that is not kept, by names and zones."""
    os.sched_setaffinity(0, {SERVER_CORE})
    cases = {f"{names:,} names in {zones:,} zones": sized(zones, names) for zones, names in SIZES}
    gc.freeze()
    took: dict[str, list[float]] = {label: [] for label in cases}
    for _ in range(rounds * 3):
        for label, (zones, queries) in cases.items():
            began = time.process_time()
            for query in queries:
                respond(zones, query, "udp")
            took[label].append((time.process_time() - began) / len(queries) * 1e6)
    os.sched_setaffinity(0, {SERVER_CORE, LOAD_CORE})
    return took


def one_after_another(contenders: dict[str, Contender], queries: Path, options: argparse.Namespace) -> Figures:
    """Rounds of a block of load for each: answers a second, and answers a CPU second of the server."""
    got = Figures({label: [] for label in (*contenders, "bare")}, {label: [] for label in (*contenders, "bare")})
    with child(bare_loop) as (bare, bare_pid):
        for _ in range(options.rounds):
            began = cpu_s(bare_pid)
            bare.send(options.seconds)
            rate: float = bare.recv()
            got.wall["bare"].append(rate)
            got.cpu["bare"].append(rate * options.seconds / (cpu_s(bare_pid) - began))
            for label, contender in contenders.items():
                began = cpu_s(contender.pid)
                rate, answers = dnsperf(contender.port, queries, options.seconds)
                got.wall[label].append(rate)
                got.cpu[label].append(answers / (cpu_s(contender.pid) - began))
    return got


def compared(got: Figures, label: str, other: str) -> dict[str, dict[str, float | int]]:
    """Ratios of the blocks of each round, by wall-clock time and by CPU time."""
    by = {"wall clock": got.wall, "cpu": got.cpu}
    return {
        kind: spread([a / b for a, b in zip(rates[label], rates[other], strict=True)], 2) for kind, rates in by.items()
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    missing = [program for program in ("dnsperf", "nsd") if shutil.which(program, path=PATH) is None]
    if missing:
        sys.exit(f"dns_qps: not installed: {', '.join(missing)}. Debian and Ubuntu: apt-get install dnsperf nsd")
    sizes = growth(options.rounds)
    with tempfile.TemporaryDirectory(prefix="ssobench-") as name, contextlib.ExitStack() as cleanup:
        folder = Path(name)
        zone = zone_file(folder)
        contenders = {"nsd": cleanup.enter_context(nsd(folder, zone))}
        for label, loop, kept in (
            ("asyncio", "asyncio", None),
            ("uvloop", "uvloop", None),
            ("as up", "uvloop", folder / "t"),
        ):
            pipe, pid = cleanup.enter_context(child(serve, zone, loop, kept))
            contenders[label] = Contender(pid, pipe.recv())
        repeated, ever_new = folder / "repeated", folder / "new"
        repeated.write_text("".join(f"h{number}.{ZONE} A\n" for number in range(NAMES)))
        ever_new.write_text("".join(f"n{number}.{ZONE} A\n" for number in range(20_000)))
        got = one_after_another(contenders, repeated, options)
        new, _ = dnsperf(contenders["uvloop"].port, ever_new, options.seconds, once=True)
    first, last = (median(took) for took in (sizes[min(sizes, key=len)], max(sizes.values(), key=median)))
    to_bare = {label: compared(got, label, "bare") for label in ("asyncio", "uvloop", "as up")}
    to_nsd = {label: compared(got, label, "nsd") for label in ("asyncio", "uvloop", "as up")}
    finish(
        "dns_qps",
        figures={
            "answers per s": {label: spread(rates, 0) for label, rates in got.wall.items() if label in to_bare},
            "answers per cpu second": {label: spread(rates, 0) for label, rates in got.cpu.items() if label in to_bare},
            "ever new, per s": round(new),
            "us for an answer that is not kept": {label: spread(took, 1) for label, took in sizes.items()},
        },
        reference={
            "nsd, per s": spread(got.wall["nsd"], 0),
            "nsd, per cpu second": spread(got.cpu["nsd"], 0),
            "bare dnspython, per s": spread(got.wall["bare"], 0),
            "bare dnspython, per cpu second": spread(got.cpu["bare"], 0),
        },
        ratio={"to bare dnspython": to_bare, "to nsd": to_nsd, "largest to smallest": round(last / first, 2)},
        target={"asyncio, as up to bare dnspython": TO_BARE, "uvloop to nsd": TO_NSD, "largest to smallest": GROWTH},
        met=min(to_bare[label]["cpu"]["median"] for label in ("asyncio", "as up")) >= TO_BARE
        and to_nsd["uvloop"]["cpu"]["median"] >= TO_NSD
        and last / first <= GROWTH,
    )


if __name__ == "__main__":
    main()

"""DNS answers per second on one core, with faults and trace, beside dnspython alone and beside Debian's nsd.

    python bench/dns_qps.py [--rounds 7] [--seconds 1]

The server runs as in a lab: one fault is active (on another name), every answer is in the trace, every query is
counted; ``as up`` also writes the trace to a file, as ``ssosim up`` does. nsd runs with one server process and the same
zone file. The dnspython loop parses a query, adds a prepared record set to a response and renders it, without a socket.
All servers are pinned to one core, and Debian's ``dnsperf``, the load, to another. They alternate in short blocks, so
that other work on the machine affects all equally, and ratios are of blocks of the same round. Wall-clock rates depend
on other work on the core and on the load; answers per CPU second depend on the server alone, so the targets use them.

100 names are queried repeatedly. In the blocks "never repeated", each query is for a name that nobody has queried
before and that does not exist: no reply is in any cache. The CPU time of an answer that is not in the reply cache, with
10 and with 100,000 names, is measured in this process.
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
from harness import print_result, spread

from ssosim.dns import DnsServer, ZoneSet, ZoneStore, zones_of
from ssosim.dns.imports.tree import read_tree
from ssosim.dns.server.query_counts import QueryCounts
from ssosim.dns.server.wire_format import respond
from ssosim.dns.zones.rrset import RRset, to_rdatas
from ssosim.dns.zones.zone import Zone
from ssosim.estate import default_estate
from ssosim.faults import ActiveFaults, fault_from
from ssosim.lab.base.client_addresses import ClientAddresses
from ssosim.lab.core.trace_writer import record_to_file
from ssosim.trace import Trace

ZONE, NAMES = "bench.example", 100
SERVER_CORE, LOAD_CORE = 0, 1
TO_BARE, TO_NSD, GROWTH, NEW_TO_BARE = 10.0, 0.5, 1.3, 1.0
NEW_NAMES = 5_000
SIZES = ((1, 10), (1, 100_000), (1_000, 100_000))
PATH = f"{os.environ['PATH']}:/usr/sbin"


@dataclass(frozen=True, slots=True)
class MeasuredServer:
    """A server under load: its process id, and its port."""

    pid: int
    port: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Answers per second of each server, for each block: by wall-clock time, and by CPU time of the server."""

    wall: dict[str, list[float]]
    cpu: dict[str, list[float]]


def write_zone_file(folder: Path) -> Path:
    """Write the zone file that both servers use; returns its path."""
    lines = [f"$ORIGIN {ZONE}.", "$TTL 300", "@ SOA ns1 hostmaster 1 3600 600 86400 300", "@ NS ns1", "ns1 A 192.0.2.1"]
    lines += [f"h{number} A 192.0.2.{number}" for number in range(NAMES)]
    path = folder / f"{ZONE}.zone"
    path.write_text("\n".join([*lines, ""]), encoding="ascii")
    return path


def build_zones(path: Path) -> ZoneSet:
    """Return the zones of the default estate, and the zone of the file."""
    origin = dns.name.from_text(ZONE)
    return zones_of(default_estate()).with_zone(read_tree(path).zones[origin])


def serve(pipe: Connection, zone: Path, loop: str, trace_file: Path | None) -> None:
    """Run a server until something arrives in the pipe."""
    os.sched_setaffinity(0, {SERVER_CORE})

    async def main() -> None:
        store, trace = ZoneStore(build_zones(zone)), Trace()
        server = DnsServer(store, trace, ClientAddresses().client_of)
        faults = ActiveFaults(store, trace)
        faults.attach(server, "lab")
        faults.apply(fault_from({"fault": "servfail", "names": ["login.microsoftonline.com"]}))
        server.counts = QueryCounts()
        with contextlib.ExitStack() as cleanup:
            if trace_file is not None:
                cleanup.enter_context(record_to_file(trace, trace_file))
            pipe.send(await server.start("127.0.0.1", 0))
            stopped = asyncio.Event()
            asyncio.get_running_loop().add_reader(pipe.fileno(), stopped.set)
            await stopped.wait()
            await server.stop()
        pipe.send(trace.last_seq)

    (uvloop.run if loop == "uvloop" else asyncio.run)(main())


def run_dnspython_loop(pipe: Connection) -> None:
    """Parse, answer and render with dnspython alone, for the seconds that the pipe gives; sends answers per second."""
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
def start_child(target: Callable[..., None], *arguments: object) -> Iterator[tuple[Connection, int]]:
    """Run ``target`` in a child process with a pipe for the time of the block; gives the pipe and the process id."""
    parent_end, child_end = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=target, args=(child_end, *arguments))
    process.start()
    child_end.close()
    try:
        yield parent_end, process.pid or 0
    finally:
        parent_end.send(0)
        process.join()
        parent_end.close()


@contextlib.contextmanager
def start_nsd(folder: Path, zone: Path) -> Iterator[MeasuredServer]:
    """Run Debian's nsd with one server process for the time of the block."""
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
        yield MeasuredServer(process.pid, port)
    finally:
        process.terminate()
        process.wait()


def run_dnsperf(port: int, queries: Path, seconds: float, *, once: bool = False) -> tuple[float, int]:
    """Run dnsperf; returns answers per second, and answers. Ends the benchmark if more than 1 in 1,000 was lost.

    Ends it also if an answer has another response code than it must have: NXDOMAIN for the names that are asked for
    ``once``, NOERROR for the others. A refusal takes a server less time.
    """
    limits = ["-n", "1"] if once else ["-l", f"{seconds:g}"]
    command = ["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(queries), "-q", "200", "-c", "4", *limits]
    done = subprocess.run(["taskset", "-c", str(LOAD_CORE), *command], capture_output=True, text=True, check=True)
    lost = re.search(r"Queries lost:\s+(\d+)", done.stdout)
    completed = re.search(r"Queries completed:\s+(\d+)", done.stdout)
    found = re.search(r"Queries per second:\s+([\d.]+)", done.stdout)
    if not (found and completed) or (lost and int(lost[1]) * 1000 > int(completed[1])):
        sys.exit(f"dnsperf: {done.stdout}")
    codes = re.search(r"Response codes:\s+(.+)", done.stdout)
    expected = f"{'NXDOMAIN' if once else 'NOERROR'} {completed[1]} (100.00%)"
    if not codes or codes[1].strip() != expected:
        sys.exit(f"dnsperf: the response codes are not {expected}: {done.stdout}")
    return float(found[1]), int(completed[1])


def list_process_tree(pid: int) -> Iterator[int]:
    """Yield the process and all its descendants."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for below in (task / "children").read_text(encoding="ascii").split():
            yield from list_process_tree(int(below))


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process and all its descendants."""
    stats = (Path(f"/proc/{each}/schedstat").read_text(encoding="ascii") for each in list_process_tree(pid))
    return sum(int(stat.split()[0]) for stat in stats) / 1e9


def build_sized_zones(zones: int, names: int) -> tuple[ZoneSet, list[bytes]]:
    """Return zones with ``names`` names in total, and queries for a thousand of them."""
    built = []
    for number in range(zones):
        origin = dns.name.from_text(f"z{number}.example")
        addresses = to_rdatas(("192.0.2.1",), A, origin)
        rrsets = [RRset(dns.name.from_text(f"h{each}", origin), A, 300, addresses) for each in range(names // zones)]
        contact = dns.name.from_text("hostmaster", origin)
        built.append(Zone.build(origin, ttl=300, negative_ttl=300, name_server=contact, contact=contact, rrsets=rrsets))
    queried = [f"h{number * 97 % (names // zones)}.z{number * 31 % zones}.example" for number in range(1000)]
    return ZoneSet.build(built), [dns.message.make_query(name, "A").to_wire() for name in queried]


def measure_uncached(rounds: int) -> dict[str, list[float]]:
    """Return microseconds of CPU for an answer that is not cached, by number of names and zones."""
    os.sched_setaffinity(0, {SERVER_CORE})
    cases = {f"{names:,} names in {zones:,} zones": build_sized_zones(zones, names) for zones, names in SIZES}
    for zones, queries in cases.values():
        replies = [(query, respond(zones, query, "udp")) for query in queries]
        assert all(reply and dns.message.from_wire(query[:2] + reply.tail).answer for query, reply in replies)
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


def measure_in_turns(servers: dict[str, MeasuredServer], folder: Path, options: argparse.Namespace) -> Figures:
    """Run rounds with one block of load for each server; returns answers per second and per CPU second.

    The label ``new`` is that of the server on uvloop, for names that are never repeated.
    """
    got = Figures(
        {label: [] for label in (*servers, "new", "bare")}, {label: [] for label in (*servers, "new", "bare")}
    )
    queries, new = folder / "repeated", folder / "new"
    queries.write_text("".join(f"h{number}.{ZONE} A\n" for number in range(NAMES)))
    with start_child(run_dnspython_loop) as (bare, bare_pid):
        for block in range(options.rounds):
            began = cpu_s(bare_pid)
            bare.send(options.seconds)
            rate: float = bare.recv()
            got.wall["bare"].append(rate)
            got.cpu["bare"].append(rate * options.seconds / (cpu_s(bare_pid) - began))
            for label, server in servers.items():
                began = cpu_s(server.pid)
                rate, answers = run_dnsperf(server.port, queries, options.seconds)
                got.wall[label].append(rate)
                got.cpu[label].append(answers / (cpu_s(server.pid) - began))
            new.write_text("".join(f"n{block}-{number}.{ZONE} A\n" for number in range(NEW_NAMES)))
            began = cpu_s(servers["uvloop"].pid)
            rate, answers = run_dnsperf(servers["uvloop"].port, new, options.seconds, once=True)
            got.wall["new"].append(rate)
            got.cpu["new"].append(answers / (cpu_s(servers["uvloop"].pid) - began))
    return got


def compare(got: Figures, label: str, other: str) -> dict[str, dict[str, float | int]]:
    """Return the ratios of the blocks of each round, by wall-clock time and by CPU time."""
    by = {"wall clock": got.wall, "cpu": got.cpu}
    return {
        kind: spread([a / b for a, b in zip(rates[label], rates[other], strict=True)], 2) for kind, rates in by.items()
    }


def main() -> None:
    """Measure, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    missing = [program for program in ("dnsperf", "nsd") if shutil.which(program, path=PATH) is None]
    if missing:
        sys.exit(f"dns_qps: not installed: {', '.join(missing)}. Debian and Ubuntu: apt-get install dnsperf nsd")
    sizes = measure_uncached(options.rounds)
    with tempfile.TemporaryDirectory(prefix="ssobench-") as name, contextlib.ExitStack() as cleanup:
        folder = Path(name)
        zone = write_zone_file(folder)
        servers = {"nsd": cleanup.enter_context(start_nsd(folder, zone))}
        for label, loop, trace_file in (
            ("asyncio", "asyncio", None),
            ("uvloop", "uvloop", None),
            ("as up", "uvloop", folder / "t"),
        ):
            pipe, pid = cleanup.enter_context(start_child(serve, zone, loop, trace_file))
            servers[label] = MeasuredServer(pid, pipe.recv())
        got = measure_in_turns(servers, folder, options)
    first, last = (median(took) for took in (sizes[min(sizes, key=len)], max(sizes.values(), key=median)))
    to_bare = {label: compare(got, label, "bare") for label in ("asyncio", "uvloop", "as up")}
    new_to_bare = compare(got, "new", "bare")
    to_nsd = {label: compare(got, label, "nsd") for label in ("asyncio", "uvloop", "as up")}
    print_result(
        "dns_qps",
        figures={
            "answers per s": {label: spread(rates, 0) for label, rates in got.wall.items() if label in to_bare},
            "answers per cpu second": {label: spread(rates, 0) for label, rates in got.cpu.items() if label in to_bare},
            "never repeated, per s": spread(got.wall["new"], 0),
            "never repeated, per cpu second": spread(got.cpu["new"], 0),
            "us for an answer that is not cached": {label: spread(took, 1) for label, took in sizes.items()},
        },
        reference={
            "nsd, per s": spread(got.wall["nsd"], 0),
            "nsd, per cpu second": spread(got.cpu["nsd"], 0),
            "bare dnspython, per s": spread(got.wall["bare"], 0),
            "bare dnspython, per cpu second": spread(got.cpu["bare"], 0),
        },
        ratio={
            "to bare dnspython": to_bare,
            "to nsd": to_nsd,
            "never repeated to bare dnspython": new_to_bare,
            "largest to smallest": round(last / first, 2),
        },
        target={
            "asyncio, as up to bare dnspython": TO_BARE,
            "uvloop to nsd": TO_NSD,
            "never repeated to bare dnspython": NEW_TO_BARE,
            "largest to smallest": GROWTH,
        },
        met=min(to_bare[label]["cpu"]["median"] for label in ("asyncio", "as up")) >= TO_BARE
        and to_nsd["uvloop"]["cpu"]["median"] >= TO_NSD
        and new_to_bare["cpu"]["median"] >= NEW_TO_BARE
        and last / first <= GROWTH,
    )


if __name__ == "__main__":
    main()

"""DNS answers per second, side by side with a bare dnspython loop; prints one JSON line.

    python bench/dns_qps.py [--seconds 2] [--uvloop]

The server runs in a process of its own with its trace and its query counts on. The load comes from Debian's ``dnsperf`` where it is
installed, else from a loop in this process. "cached" asks a few names again and again; "uncached" never asks the same
name twice. The bare loop parses a query, puts a ready-made record set into an answer and renders it, with no socket.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import dns.flags
import dns.message
import dns.rrset
import uvloop

from ssosim.dns import DnsServer, ZoneSet, ZoneStore
from ssosim.dns.counts import QueryCounts
from ssosim.estate import default_estate
from ssosim.trace import Trace

NAMES = ("autologon.microsoftazuread-sso.com", "login.microsoftonline.com", "nope.microsoftonline.com")


def serve(pipe: Connection, uvloop_wanted: bool) -> None:
    """Run a server of the default estate until the pipe says something."""

    async def main() -> None:
        trace = Trace(limit=100_000)
        server = DnsServer(ZoneStore(ZoneSet.from_estate(default_estate())), trace, lambda remote, _local: remote)
        server.counts = QueryCounts()
        pipe.send(await server.start("127.0.0.1", 0))
        stopped = asyncio.Event()
        asyncio.get_running_loop().add_reader(pipe.fileno(), stopped.set)
        await stopped.wait()
        await server.stop()
        pipe.send(trace.last_seq)

    if uvloop_wanted:
        uvloop.run(main())
    else:
        asyncio.run(main())


def bare_loop(seconds: float) -> float:
    """Parse, answer, render with dnspython alone: times a second."""
    query = dns.message.make_query(NAMES[0], "A").to_wire()
    rrset = dns.rrset.from_text(f"{NAMES[0]}.", 300, "IN", "A", "192.0.2.20")
    done, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        for _ in range(100):
            message = dns.message.from_wire(query)
            response = dns.message.make_response(message)
            response.flags |= dns.flags.AA
            response.answer.append(rrset)
            response.to_wire()
        done += 100
    return done / seconds


def names(unique: bool) -> Iterator[str]:
    """Names to ask for: a few without end, or ever new ones."""
    number = 0
    while True:
        yield f"n{number}.microsoftonline.com" if unique else NAMES[number % len(NAMES)]
        number += 1


def dnsperf(port: int, seconds: float, unique: bool) -> float:
    """Load by dnsperf; answers a second."""
    source = names(unique)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "queries")
        count = int(seconds * 20_000) if unique else len(NAMES)
        data.write_text("".join(f"{next(source)} A\n" for _ in range(count)))
        limits = ["-n", "1"] if unique else ["-l", str(max(1, round(seconds)))]
        command = ["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(data), "-q", "100", *limits]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lost = re.search(r"Queries lost:\s+(\d+)", out)
    assert lost is None or int(lost[1]) == 0, out
    found = re.search(r"Queries per second:\s+([\d.]+)", out)
    assert found, out
    return float(found[1])


def python_load(port: int, seconds: float, unique: bool) -> float:
    """Load by a plain loop with 64 queries outstanding; answers a second."""
    source = names(unique)
    queries = [dns.message.make_query(next(source), "A").to_wire() for _ in range(20_000 if unique else 300)]
    done, began = 0, time.perf_counter()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", port))
        client.settimeout(2)
        while time.perf_counter() - began < seconds and (not unique or done < len(queries)):
            start = done % len(queries)
            window = queries[start : start + 64]
            for query in window:
                client.send(query)
            for _ in window:
                client.recv(4096)
            done += len(window)
    return done / (time.perf_counter() - began)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--uvloop", action="store_true")
    options = parser.parse_args()
    load = dnsperf if shutil.which("dnsperf") else python_load
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs, options.uvloop))
    process.start()
    with contextlib.closing(ours):
        port = ours.recv()
        cached = load(port, options.seconds, unique=False)
        uncached = load(port, options.seconds, unique=True)
        ours.send("stop")
        traced = ours.recv()
        process.join()
    bare = bare_loop(min(options.seconds, 2.0))
    figures = {
        "bench": "dns_qps",
        "load": load.__name__,
        "loop": "uvloop" if options.uvloop else "asyncio",
        "cached_per_s": round(cached),
        "uncached_per_s": round(uncached),
        "bare_dnspython_per_s": round(bare),
        "cached_to_bare": round(cached / bare, 1),
        "uncached_to_bare": round(uncached / bare, 2),
        "events_traced": traced,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

"""How long the requests to change control take, and the longest wait of another client during each of them.

    python bench/change_stalls.py [--names 2500 20000] [--rounds 3]

A lab on loopback in its own process has a zone with ``--names`` record sets; as many other names were queried. Another
process sends one DNS query after another while change control plans, detects drift, lists zones, adopts, applies and
rolls back. The reference is the same client's longest wait while a thread of the lab counts in Python for as long as
the plan takes: every computation beside the event loop holds the interpreter's lock at times, so a shorter wait is not
possible. The target is that no wait is longer than a pause that the lab records (250 ms).
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import multiprocessing
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import dns.message
import msgspec
from aiohttp import web
from dns.rcode import NOERROR
from dns.rdatatype import A
from harness import print_result, spread

from ssosim.changes.approvals import load_policy
from ssosim.changes.change import Change
from ssosim.changes.operations import PutRecords, RemoveName
from ssosim.dns.server.query_counts import Use
from ssosim.dns.zones.rrset import RRset, to_name, to_rdatas
from ssosim.dns.zones.zone import Zone
from ssosim.estate import default_estate
from ssosim.lab.base.beside_loop import in_thread
from ssosim.lab.base.loop_lag import LONGEST_LAG_S
from ssosim.lab.control.dns_handlers import DnsHandlers
from ssosim.lab.core.lab import Lab

CALLS = ("plan", "drift", "zones", "adopt", "apply", "rollback", "substitutions", "substitutions/finish")
PATIENCE_S = 120
WANTED = Change(
    title="another name",
    author="carol",
    intent="to measure",
    procedure=("change it",),
    rollback=("change it back",),
    health_signals=("none",),
    abort_rule="never",
    operations=(PutRecords(name="new.large.example", type="A", values=("192.0.2.9",)),),
    rollback_operations=(RemoveName(name="new.large.example"),),
    urgency="emergency",
    incident="I-1",
)


def serve(names: int, folder: str, ready: Connection) -> None:
    """Run a lab with ``names`` names, and change control at a Unix socket, until the process is killed."""
    asyncio.run(_serve(names, Path(folder), ready))


async def _serve(names: int, folder: Path, ready: Connection) -> None:
    (folder / "lab").mkdir()
    (folder / "cache").mkdir(exist_ok=True)
    async with Lab(default_estate(), folder / "lab", folder / "cache") as lab:
        lab.zones.change(lambda zones: zones.with_zone(_zone(names)))
        handlers = DnsHandlers(lab, folder / "ledger")
        handlers.control.policy = load_policy("feb-2025")
        handlers.control.desired = lab.zones.current
        for number in range(names):
            lab.query_counts.add(Use((f"m{number}.example",), "A"), f"desk-{number % 7}")
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/v1/dns/{action:.*}", handlers.handle)
        app.router.add_post("/count", _count)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.UnixSite(runner, str(folder / "s")).start()
        ready.send(lab.endpoint(lab.estate.addresses("dns")[0], 53))
        await asyncio.Event().wait()


async def _count(request: web.Request) -> web.Response:
    """The reference: a computation of so many seconds beside the loop."""
    seconds = float(await request.text())

    def count() -> None:
        end, number = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            for _ in range(1000):
                number += 1

    await in_thread(count)
    return web.json_response({})


def _zone(names: int) -> Zone:
    origin = to_name("large.example")
    rrsets = [
        RRset(to_name(f"n{number}.large.example"), A, 300, to_rdatas(("192.0.2.1",), A, origin))
        for number in range(names)
    ]
    server, contact = to_name("ns.lab.invalid"), to_name("h.lab.invalid")
    return Zone.build(origin, ttl=300, negative_ttl=60, name_server=server, contact=contact, rrsets=rrsets)


@dataclass(eq=False)
class Asker(threading.Thread):
    """Asks one question after the other; ``longest`` is the longest wait for one since ``restart``."""

    place: tuple[str, int]
    longest: float = 0.0
    answers: int = 0
    failure: str = ""
    ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def run(self) -> None:
        """Ask until it is to end."""
        query = dns.message.make_query("login.microsoftonline.com", "A").to_wire()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(PATIENCE_S)
            while not self.ended.wait(0.001):
                began = time.monotonic()
                asking.sendto(query, self.place)
                try:
                    answer = asking.recv(4096)
                except OSError as error:
                    self.failure = f"no answer: {error}"
                    return
                self.longest = max(self.longest, time.monotonic() - began)
                if dns.message.from_wire(answer).rcode() != NOERROR:
                    self.failure = f"an answer with an error: {answer!r}"
                    return
                self.answers += 1

    def restart(self) -> None:
        """Begin to measure the longest wait anew."""
        self.longest = 0.0

    def longest_wait(self) -> float:
        """Wait for one more answer, as the last one may still be due, and return the longest wait.

        Ends the bench if there is none: who does not ask does not wait.
        """
        before, end = self.answers, time.monotonic() + PATIENCE_S
        while self.answers == before and not self.failure and time.monotonic() < end:
            time.sleep(0.001)
        if self.answers == before:
            raise SystemExit(f"the other client is not answered: {self.failure or 'it waits'}")
        return self.longest


class _Local(http.client.HTTPConnection):
    """HTTP at a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("lab", timeout=PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        """Connect there."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(self._path)


@contextmanager
def lab_of(names: int) -> Iterator[tuple[Asker, Path]]:
    """A lab with so many names, and who asks it."""
    here, there = multiprocessing.Pipe()
    with tempfile.TemporaryDirectory(prefix="ssobench-") as folder:
        process = multiprocessing.get_context("spawn").Process(target=serve, args=(names, folder, there))
        process.start()
        there.close()  # so that its end is seen here
        try:
            try:
                asker = Asker(tuple(here.recv()))
            except EOFError:
                raise SystemExit("the lab does not start") from None
            asker.start()
            yield asker, Path(folder) / "s"
            asker.ended.set()
            asker.join()
        finally:
            process.terminate()
            process.join()


def call(path: Path, action: str, body: str) -> float:
    """Seconds that the call took; ends the bench where it is refused."""
    connection = _Local(str(path))
    began = time.monotonic()
    connection.request("GET" if action == "/v1/dns/zones" else "POST", action, body)
    answer = connection.getresponse()
    said = answer.read()
    took = time.monotonic() - began
    connection.close()
    if answer.status != 200:
        raise SystemExit(f"{action}: {answer.status}: {said[:300]!r}")
    return took


def body_of(action: str) -> str:
    """What such a call is given."""
    counted = msgspec.structs.replace(WANTED, operations=(RemoveName(name="n7.large.example"),))
    bodies: dict[str, dict[str, Any]] = {
        "plan": {"change": msgspec.to_builtins(WANTED)},
        "apply": {"change": msgspec.to_builtins(WANTED)},
        "substitutions": {"change": msgspec.to_builtins(counted)},
        "adopt": {"by": "ann"},
        "rollback": {"by": "ann"},
        "drift": {"outside": False},
    }
    return json.dumps(bodies.get(action, {}))


def measured(names: int, rounds: int) -> dict[str, Any]:
    """Time and longest wait of each call, in seconds, and of the reference."""
    took: dict[str, list[float]] = {each: [] for each in (*CALLS, "reference")}
    waits: dict[str, list[float]] = {each: [] for each in took}
    with lab_of(names) as (asker, path):
        call(path, "/v1/dns/plan", body_of("plan"))  # imports
        for _ in range(rounds):
            for action in CALLS:
                asker.restart()
                took[action].append(call(path, f"/v1/dns/{action}", body_of(action)))
                waits[action].append(asker.longest_wait())
            asker.restart()
            took["reference"].append(call(path, "/count", str(max(0.1, took["plan"][-1]))))
            waits["reference"].append(asker.longest_wait())
    return {each: {"s": spread(took[each]), "longest_wait_s": spread(waits[each], 4)} for each in took}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", type=int, nargs=2, default=(2_500, 20_000), metavar="NUMBER")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    few, many = options.names
    found = {number: measured(number, options.rounds) for number in (few, many)}
    references = {number: figures.pop("reference") for number, figures in found.items()}
    longest = max(each["longest_wait_s"]["max"] for figures in found.values() for each in figures.values())
    bare = max(each["longest_wait_s"]["max"] for each in references.values())
    growth = found[many]["plan"]["s"]["median"] / found[few]["plan"]["s"]["median"]
    print_result(
        "change_stalls",
        met=longest <= LONGEST_LAG_S,
        figures={f"names_{number}": figures for number, figures in found.items()},
        reference={f"names_{number}": figure["longest_wait_s"] for number, figure in references.items()},
        ratio={
            "longest_wait_to_reference": round(longest / bare, 2),
            "plan_time_growth": round(growth, 2),
            "names_growth": round(many / few, 2),
        },
        longest_wait_s=longest,
        target={"longest_wait_s": LONGEST_LAG_S},
    )


if __name__ == "__main__":
    main()

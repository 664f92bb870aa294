"""Memory after a burst of connections goes back to the machine."""

import asyncio
import contextlib
import json
import sys
from pathlib import Path

from ssosim.lab.base.free_memory import trim_when_grown

BURST = """
import asyncio, socket, sys
async def touch(limit, begin):
    async with limit:
        with socket.socket() as client:
            client.setblocking(False)
            await asyncio.get_running_loop().sock_connect(client, ("192.0.2.10", 443))
            if begin:
                await asyncio.get_running_loop().sock_sendall(client, bytes.fromhex("160301020001"))
async def main():
    limit = asyncio.Semaphore(200)
    await asyncio.gather(*(touch(limit, number % 2) for number in range(int(sys.argv[1]))))
asyncio.run(main())
"""


def resident(process: int) -> int:
    """Return the resident size of a process in pages."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1])


async def test_a_burst_of_broken_connections_is_forgotten(bench):
    """7,000 connections that end before or within the TLS handshake: the lab's memory is back within a quarter.

    Without a trim of the heap it stays at 1.6 times the size of the start.
    """
    assert bench.run("up", "--detach").returncode == 0
    process = json.loads((bench.home / "labs" / "default" / "lab.json").read_text())["pid"]
    before = resident(process)
    for _ in range(2):
        assert bench.run("exec", "--", sys.executable, "-c", BURST, "3500").returncode == 0
    for _ in range(600):
        if resident(process) < 1.25 * before:
            break
        await asyncio.sleep(0.1)
    assert resident(process) < 1.25 * before


async def test_the_heap_is_trimmed_when_a_burst_is_over():
    """Not while the process grows, not without growth, and not again without new growth."""
    sizes, trims = iter([100, 105, 150, 190, 190, 110, 112, 112, 160, 159, 100, 100]), []
    task = asyncio.create_task(
        trim_when_grown(check_s=0, growth=20, size=lambda: next(sizes), trim=lambda: trims.append("trim"))
    )
    with contextlib.suppress(RuntimeError):  # the sizes are used up
        await task
    assert len(trims) == 2

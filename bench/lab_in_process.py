"""A new process that starts labs, for ``lab_ready.py``; prints one line of JSON.

    python bench/lab_in_process.py BEGAN FOLDER LABS

BEGAN is the monotonic time at which the caller started this process. FOLDER contains the cache. Every lab is isolated
(its own loopback block, KDC and trace). One silent sign-in checks each lab; its time is measured separately.
"""

from __future__ import annotations

import sys
import time

BEGAN = float(sys.argv[1])
PYTHON_UP = time.monotonic()

import asyncio  # noqa: E402 - the imports from here on are measured
import json  # noqa: E402
import shutil  # noqa: E402
from pathlib import Path  # noqa: E402

from ssosim_clients.flows.native import NativeFlow  # noqa: E402
from ssosim_clients.spn import RULES  # noqa: E402

from ssosim.estate import default_estate  # noqa: E402
from ssosim.lab.core.lab import Lab  # noqa: E402
from ssosim.lab.model_devices.client_slots import model_device  # noqa: E402

IMPORTED = time.monotonic()


class Clock:
    """The clock of the client: real time."""

    def now(self) -> float:
        """Return the present time in seconds since the Unix epoch."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait for ``seconds`` of real time."""
        await asyncio.sleep(seconds)


async def measure_lab(cache: Path, home: Path) -> dict[str, float]:
    """Start a lab, sign in once, stop it; returns the seconds of each."""
    estate = default_estate()
    moments = [time.monotonic()]
    lab = Lab(estate, home, cache)
    await lab.start()
    moments.append(time.monotonic())
    try:
        async with model_device(lab, "bench", estate.devices[0], Clock()) as device:
            tokens = await NativeFlow().attempt(device, RULES["wininet"])
            assert tokens.access_token
            assert tokens.id_token
        moments.append(time.monotonic())
    finally:
        await lab.stop()
    moments.append(time.monotonic())
    names = ("start", "sign_in", "stop")
    return {name: after - before for name, before, after in zip(names, moments, moments[1:], strict=False)}


async def main() -> None:
    """Measure the labs one after another, and print the result."""
    folder = Path(sys.argv[2])
    labs = []
    for number in range(int(sys.argv[3])):
        home = folder / f"lab-{number}"
        home.mkdir(parents=True)
        labs.append(await measure_lab(folder / "cache", home))
        shutil.rmtree(home)
    print(json.dumps({"python": PYTHON_UP - BEGAN, "imports": IMPORTED - PYTHON_UP, "labs": labs}))


if __name__ == "__main__":
    asyncio.run(main())

"""Stories to report on: a playback as the runner gives it, and the trace that goes with it."""

import asyncio
import base64
import contextlib
import itertools
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ssosim.trace import DnsAnswered, FaultApplied, FaultUndone, HttpExchange, PhaseStarted, Record, SignInStep
from ssosim.verdict.result import RunResult, convert_result

BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
OUTCOMES = ("silent", "stalled", "refused", "interactive", "failed")


@dataclass
class Story:
    """Phases of half an hour, a fault from the second to the last but one, and every outcome."""

    clients: tuple[str, ...] = ("office", "curl")
    phases: tuple[str, ...] = ("healthy", "broken", "restored")
    title: str = "A story"
    unexpected: bool = False
    detail: str = "record autologon.example emptied"
    records: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        numbers = itertools.count(1)
        for index, phase in enumerate(self.phases):
            start = (BEGIN + index * timedelta(minutes=30)).timestamp()
            broken = 0 < index < len(self.phases) - 1
            if index == 1:
                self._add(numbers, start, "", FaultApplied(name="emptied", detail=self.detail))
            if index == len(self.phases) - 1 and index > 1:
                self._add(numbers, start, "", FaultUndone(name="emptied", detail=self.detail))
            self._add(numbers, start, "", PhaseStarted(scenario="story", phase=phase))
            for client in self.clients:
                for minute in (1, 11, 21):
                    answer = DnsAnswered(
                        name="autologon.example",
                        type="A",
                        rcode="NODATA" if broken else "NOERROR",
                        answers=() if broken else ("A 192.0.2.20",),
                    )
                    self._add(numbers, start + 60 * minute, client, answer)
                    look = HttpExchange(
                        host="login.example",
                        method="GET",
                        path="/common/userrealm/x",
                        status=200,
                        step=SignInStep.REALM,
                    )
                    self._add(numbers, start + 60 * minute, client, look)

    def _add(self, numbers: Iterator[int], at: float, client: str, event: Any) -> None:
        self.records.append(Record(next(numbers), at, client, event))

    @property
    def result(self) -> RunResult:
        """What the lab's process would tell of it."""
        return convert_result(self._data())

    def _data(self) -> dict[str, Any]:
        return {
            "version": "1",
            "scenario": "story",
            "title": self.title,
            "seed": 7,
            "end": (BEGIN + len(self.phases) * timedelta(minutes=30)).isoformat(),
            "sources": ["a public account"],
            "as_expected": not self.unexpected,
            "phases": [
                {
                    "phase": phase,
                    "title": f"title of {phase}",
                    "start": (BEGIN + index * timedelta(minutes=30)).isoformat(),
                    "clients": {c: self._verdict(index, number) for number, c in enumerate(self.clients)},
                }
                for index, phase in enumerate(self.phases)
            ],
        }

    def _verdict(self, index: int, number: int) -> dict[str, Any]:
        outcome = OUTCOMES[(index + number) % len(OUTCOMES)]
        wrong = self.unexpected and index == 1
        near = [record.seq for record in self.records if record.client == self.clients[number]][
            index * 6 : index * 6 + 2
        ]
        return {
            "outcome": outcome,
            "reason": "the name has no address (NODATA)",
            "after_s": {"stalled": None, "silent": 600.0 * (index > 0)}.get(outcome, 0.0),
            "spn": "HTTP/autologon.example",
            "attempts": 3,
            "evidence": near,
            "expected": {"outcome": ["interactive" if wrong else outcome]},
            "broken": [{"rule": "outcome", "expected": "interactive", "found": outcome}]
            if wrong and outcome != "interactive"
            else [],
            "as_expected": not wrong or outcome == "interactive",
        }


@pytest.fixture
def story() -> type[Story]:
    """The class, to be made as the test wants it."""
    return Story


class Page:
    """A tab of a headless Chromium, by its debugging protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.complaints: list[str] = []

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command, its result; what the page complains of meanwhile is kept."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json(timeout=60)
            if message.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown", "Network.requestWillBeSent"):
                self._complain(message)
            if message.get("id") == number:
                assert "error" not in message, message
                return dict(message["result"])

    def _complain(self, message: dict[str, Any]) -> None:
        url = message["params"].get("request", {}).get("url", "")
        if not url.startswith("file:"):
            self.complaints.append(str(message))

    async def open(self, file: Path, width: int = 1280, height: int = 900, **media: str) -> None:
        """Load ``file`` in a window of this size; ``media``: ``scheme`` dark or light, ``type`` print."""
        for domain in ("Page", "Log", "Runtime", "Network", "Accessibility"):
            await self.send(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        await self.send("Emulation.setDeviceMetricsOverride", **size)
        scheme = [{"name": "prefers-color-scheme", "value": media.get("scheme", "light")}]
        await self.send("Emulation.setEmulatedMedia", media=media.get("type", ""), features=scheme)
        await self.send("Page.navigate", url=file.as_uri())
        for _ in range(500):
            if await self.js("document.readyState + location.protocol") == "completefile:":
                return
            await asyncio.sleep(0.01)
        pytest.fail(f"Chromium did not load {file}")

    async def js(self, expression: str) -> Any:
        """The value of an expression in the page."""
        result = await self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def key(self, key: str) -> None:
        """Press and release a key."""
        code = {"Tab": 9, "Enter": 13}[key]
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            await self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)

    async def picture(self) -> bytes:
        """A PNG of the whole page."""
        result = await self.send("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(result["data"])


@pytest.fixture
async def page(chromium: str) -> AsyncIterator[Page]:
    """A tab of its own."""
    async with aiohttp.ClientSession() as session:
        async with session.put(f"{chromium}/json/new") as answer:
            tab = await answer.json(content_type=None)
        async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            yield Page(socket)
        async with session.get(f"{chromium}/json/close/{tab['id']}"):
            pass


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A headless Chromium; the address of its debugging protocol, on loopback."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("there is no Chromium on this machine: sudo apt-get install chromium")
    profile = tmp_path_factory.mktemp("chromium")
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    flags += " --disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars"
    command = [program, *flags.split(), "--remote-debugging-port=0", f"--user-data-dir={profile}"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        found = next(filter(None, (re.search(r"ws://(127\.0\.0\.1:\d+)/", line) for line in process.stderr)))
        yield f"http://{found[1]}"
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=60)
        process.kill()
        process.wait()


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a page to a file."""

    def write(text: str) -> Path:
        file = tmp_path / "report.html"
        file.write_text(text, encoding="utf-8")
        return file

    return write

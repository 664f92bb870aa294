# ruff: noqa: INP001 - a program, started by path
"""Run headless Chromium with a new profile and home directory, and control it over the debugging pipe.

Needs only the Python standard library. Source of the protocol: Chrome DevTools Protocol, ``--remote-debugging-pipe``
(messages in JSON, each ended by a zero byte; Chromium reads descriptor 3 and writes 4).
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self, cast

# The usual options of automatic tests: no window, no first-run dialog, no background traffic. The remaining background
# traffic would look up names of Google, which the lab does not have; these are mapped to NOTFOUND.
_BLOCKED_NAMES: Final = ", ".join(f"MAP *.{name} ~NOTFOUND" for name in ("google.com", "googleapis.com", "gvt1.com"))
FLAGS: Final = (
    "--headless=new", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps",
    "--disable-domain-reliability", "--remote-debugging-pipe", f"--host-resolver-rules={_BLOCKED_NAMES}",
)  # fmt: skip
_LOCAL_STATE: Final = {"net": {"received_http_auth_negotiate_headers": True}}
_COMMAND_TIMEOUT_S: Final = 40.0  # for one command of the debugging protocol


class BrowserError(Exception):
    """Chromium did not start, ended, or refused a command."""


class Chromium:
    """One Chromium process with a new profile, which is removed at the end.

    On Linux Chromium loads GSSAPI only after it has received a Negotiate header, which it stores in its profile. With
    ``seen_negotiate`` the profile has that value; without it this is a first start, which cannot send a ticket.
    """

    def __init__(self, *, seen_negotiate: bool = True) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="chromium-"))
        profile = self._folder / "profile"
        profile.mkdir()
        if seen_negotiate:
            (profile / "Local State").write_text(json.dumps(_LOCAL_STATE), encoding="ascii")
        self._number = 0
        self._unread = b""
        self.session = ""
        self.status = 0
        """The HTTP status of the last document that was loaded, 0 before the first."""
        try:
            self._process = self._start(profile)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self._write, self._read = (cast("IO[bytes]", end) for end in (self._process.stdin, self._process.stdout))

    def _start(self, profile: Path) -> subprocess.Popen[bytes]:
        # Chromium reads commands from descriptor 3 and writes to descriptor 4.
        command = ["sh", "-c", 'exec "$@" 3<&0 4>&1 </dev/null >/dev/null', "sh", "chromium", *FLAGS]
        if os.geteuid() == 0:
            command.append("--no-sandbox")  # its sandbox refuses to run as root
        if log := os.environ.get("CHROMIUM_NET_LOG"):
            command.append(f"--log-net-log={log}")
        home = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "TMPDIR"), str(self._folder))
        return subprocess.Popen(  # noqa: S603 - fixed arguments
            [*command, f"--user-data-dir={profile}", "about:blank"],
            env=os.environ | home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        try:
            targets = self.send("Target.getTargets")["targetInfos"]
            page = next(target["targetId"] for target in targets if target["type"] == "page")
            self.session = self.send("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
            self.send("Page.enable")
            self.send("Network.enable")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop Chromium and its child processes, and remove its profile."""
        with suppress(BrowserError, OSError, subprocess.TimeoutExpired):
            self.session = ""
            self.send("Browser.close", timeout=5.0)
            self._process.wait(5)
        with suppress(ProcessLookupError):  # its child processes are in its process group
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for end in (self._write, self._read):
            with suppress(OSError):
                end.close()
        for _ in range(20):  # a process that is ending may still write
            shutil.rmtree(self._folder, ignore_errors=True)
            if not self._folder.exists():
                break
            time.sleep(0.1)

    def send(self, method: str, timeout: float = _COMMAND_TIMEOUT_S, **parameters: Any) -> dict[str, Any]:
        """Send one command and return its result. ``timeout`` is in seconds. Raises BrowserError."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        try:
            os.write(self._write.fileno(), json.dumps(message).encode() + b"\0")
        except BrokenPipeError as error:
            raise BrowserError("chromium has ended") from error
        end = time.monotonic() + timeout
        while True:
            reply = self._read_message(end)
            if reply.get("id") == self._number:
                if "error" in reply:
                    raise BrowserError(f"{method}: {reply['error'].get('message', 'refused')}")
                return dict(reply["result"])

    def _read_message(self, end: float) -> dict[str, Any]:
        """Read the next message of any kind, and store the status of a document in ``status``."""
        while b"\0" not in self._unread:
            if not select.select([self._read], [], [], max(0.0, end - time.monotonic()))[0]:
                raise BrowserError("chromium does not answer")
            received = os.read(self._read.fileno(), 1 << 16)
            if not received:
                raise BrowserError("chromium has ended")
            self._unread += received
        text, _, self._unread = self._unread.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        if message.get("method") == "Network.responseReceived" and message["params"]["type"] == "Document":
            self.status = int(message["params"]["response"]["status"])
        return message

    def open(self, url: str, timeout: float) -> str:
        """Open ``url``. Return Chromium's error text, ``""`` if a response arrived. ``timeout`` is in seconds."""
        self.status = 0
        return str(self.send("Page.navigate", timeout, url=url).get("errorText", ""))

    def js(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page; None while there is no page."""
        with suppress(BrowserError):
            return self.send("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")
        return None

    def type(self, selector: str, text: str) -> None:
        """Type ``text`` into the field ``selector``, in place of its content."""
        self.js(f"(f => {{ f.focus(); f.select() }})(document.querySelector({json.dumps(selector)}))")
        self.send("Input.insertText", text=text)

    def press_enter(self) -> None:
        """Press and release the Enter key."""
        key: dict[str, Any] = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
        self.send("Input.dispatchKeyEvent", type="keyDown", text="\r", **key)
        self.send("Input.dispatchKeyEvent", type="keyUp", **key)


Browser = Chromium
"""The name by which a program that runs in any browser finds it."""

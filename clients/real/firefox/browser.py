# ruff: noqa: INP001 - a program, started by path
"""Run headless Firefox with a new profile and home directory, and control it by Marionette.

Needs only the Python standard library. Source of the protocol: Firefox source documentation, Marionette protocol
version 3: a message is its length in octets, a colon, and JSON: ``[0, id, command, parameters]`` and
``[1, id, error, result]``.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

# Marionette chooses a free port and writes its number into the profile.
_PREFERENCES: Final = 'user_pref("marionette.port", 0);\n'
_UNPACKED: Final = Path(__file__).parent / "root"
"""Where ``unpack.sh`` put Firefox and its libraries, if the machine has none."""

_PORT_FILE: Final = "MarionetteActivePort"
_START_TIMEOUT_S: Final = 60.0
_COMMAND_TIMEOUT_S: Final = 40.0
_TRIES: Final = 100  # to use a field, 50 ms apart: it is refused while the page is still being laid out
_ELEMENT: Final = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver, section 12.2: the web element identifier
_ENTER: Final = "\ue007"  # WebDriver, section 15.4.2: the Enter key


class BrowserError(Exception):
    """Firefox did not start, ended, or refused a command."""


class Browser:
    """One Firefox process with a new profile, which is removed at the end."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="firefox-"))
        self._profile = self._folder / "profile"
        self._profile.mkdir()
        (self._profile / "user.js").write_text(_PREFERENCES, encoding="ascii")
        self._number = 0
        self._connection: socket.socket | None = None
        self._last_field = ""
        settings = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "TMPDIR"), str(self._folder))
        program = "firefox-esr"
        if _UNPACKED.exists():
            program = str(_UNPACKED / "usr/lib/firefox-esr/firefox-esr")
            settings["LD_LIBRARY_PATH"] = ":".join(str(each) for each in (_UNPACKED / "usr/lib").glob("*-linux-gnu*"))
        try:
            self._process = subprocess.Popen(  # noqa: S603 - fixed arguments
                [program, "--headless", "--no-remote", "--marionette", "--profile", str(self._profile)],
                env=os.environ | settings,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def __enter__(self) -> Self:
        try:
            self._connection = self._connect()
            _read_message(self._connection)  # the greeting
            self.send("WebDriver:NewSession", capabilities={"alwaysMatch": {"acceptInsecureCerts": False}})
        except BaseException:
            self.close()
            raise
        return self

    def _connect(self) -> socket.socket:
        end = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < end and self._process.poll() is None:
            with suppress(OSError, ValueError):
                port = int((self._profile / _PORT_FILE).read_text(encoding="ascii"))
                return socket.create_connection(("127.0.0.1", port), _COMMAND_TIMEOUT_S)
            time.sleep(0.05)
        raise BrowserError("firefox-esr did not start")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop Firefox and its child processes, and remove its profile."""
        with suppress(BrowserError, OSError, subprocess.TimeoutExpired):
            self.send("Marionette:Quit", timeout=5.0, flags=["eForceQuit"])
            self._process.wait(5)
        with suppress(ProcessLookupError):  # its child processes are in its process group
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._connection is not None:
            self._connection.close()
        for _ in range(20):  # a process that is ending may still write
            shutil.rmtree(self._folder, ignore_errors=True)
            if not self._folder.exists():
                break
            time.sleep(0.1)

    def send(self, command: str, timeout: float = _COMMAND_TIMEOUT_S, **parameters: Any) -> Any:
        """Send one command and return its result. ``timeout`` is in seconds. Raises BrowserError."""
        if self._connection is None:
            raise BrowserError("firefox-esr is not connected")
        self._number += 1
        message = json.dumps([0, self._number, command, parameters]).encode()
        try:
            self._connection.settimeout(timeout)
            self._connection.sendall(b"%d:%s" % (len(message), message))
            while True:
                reply = _read_message(self._connection)
                if reply[:2] == [1, self._number]:
                    break
        except TimeoutError as error:
            raise BrowserError("firefox-esr does not answer") from error
        except (OSError, ValueError) as error:
            raise BrowserError("firefox-esr has ended") from error
        if reply[2] is not None:
            raise BrowserError(f"{command}: {reply[2].get('message', 'refused')}")
        return reply[3]

    def open(self, url: str, timeout: float) -> str:
        """Open ``url``. Return Firefox's error text, ``""`` if a response arrived. ``timeout`` is in seconds."""
        try:
            self.send("WebDriver:Navigate", timeout, url=url)
        except BrowserError as error:
            return str(error)
        return ""

    @property
    def status(self) -> int:
        """The HTTP status of the document, 0 if there is none."""
        return int(self.js("performance.getEntriesByType('navigation')[0]?.responseStatus") or 0)

    def js(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page; None while there is no page."""
        script = f"return ({expression})"
        with suppress(BrowserError):  # without a sandbox of its own, so that the page keeps what is set
            result = self.send("WebDriver:ExecuteScript", script=script, args=[], newSandbox=False, sandbox=None)
            return result["value"]
        return None

    def type(self, selector: str, text: str) -> None:
        """Type ``text`` into the field ``selector``, in place of its content."""
        found = self._send_when_ready("WebDriver:FindElement", using="css selector", value=selector)
        self._last_field = found["value"][_ELEMENT]
        self._send_when_ready("WebDriver:ElementClear", id=self._last_field)
        self._send_when_ready("WebDriver:ElementSendKeys", id=self._last_field, text=text)

    def _send_when_ready(self, command: str, **parameters: Any) -> Any:
        for _ in range(_TRIES - 1):
            with suppress(BrowserError):
                return self.send(command, **parameters)
            time.sleep(0.05)
        return self.send(command, **parameters)

    def press_enter(self) -> None:
        """Press the Enter key in the field that was typed into last."""
        self.send("WebDriver:ElementSendKeys", id=self._last_field, text=_ENTER)


def _read_message(connection: socket.socket) -> Any:
    """Read one message. Raises OSError, and ValueError at the end of the connection."""
    length = b""
    while (octet := connection.recv(1)) != b":":
        if not octet.isdigit():
            raise ValueError("no message")
        length += octet
    text = b""
    while len(text) < int(length):
        received = connection.recv(int(length) - len(text))
        if not received:
            raise ValueError("no message")
        text += received
    return json.loads(text)

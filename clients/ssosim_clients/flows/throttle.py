"""What libraries remember of answers, and hold against later requests: the state that outlives a call.

Each layer keeps what it keeps in the device's memory, so a new process starts without it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

from ssosim_clients.failures import HttpFailure
from ssosim_clients.flows.http import read_retry_after
from ssosim_clients.ports import Device, Http, HttpResponse

__all__ = ["Msal4jLock", "MsalPythonCache"]

_LONGEST: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MsalPythonCache:
    """MSAL Python's throttled HTTP client. Source: msal throttled_http_client.py (read, run).

    A GET that succeeded is not sent again for ``keep_get`` seconds, realm answer and MEX document included. A POST
    that got 429, 5xx or a Retry-After is answered from memory for as long as that says, ``keep_error`` seconds without
    one. The key of a form is URL, client, scope and who it is for; of anything else, such as WS-Trust, *the URL alone*,
    so that one user's wrong password is played back to every other. An identical POST that got 400 is not sent again
    for ``keep_error`` seconds either. The library keeps all this for each application object; a process is taken to
    have one.
    """

    keep_get: float = 86400.0
    keep_error: float = 60.0

    def wrap(self, device: Device) -> Http:
        """The device's HTTP port with this memory."""
        return _MsalPython(self, device)


class _MsalPython:
    __slots__ = ("_device", "_rule")

    def __init__(self, rule: MsalPythonCache, device: Device) -> None:
        self._rule = rule
        self._device = device

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:
        memory, now = self._device.memory, self._device.clock.now()
        keys = [f"msal-python:GET {url}"] if method == "GET" else [_whose(url, headers, body), _same(url, body)]
        for key in keys:
            if (kept := memory.recall(key, HttpResponse, now)) is not None:
                return kept
        response = await self._device.http.request(method, url, headers, body)
        now, told = self._device.clock.now(), read_retry_after(response)
        if method == "GET":
            if 200 <= response.status < 300:
                memory.keep(keys[0], response, now + self._rule.keep_get)
        elif response.status == 429 or response.status >= 500 or told is not None:
            seconds = self._rule.keep_error if told is None else min(told, _LONGEST)
            memory.keep(keys[0], response, now + seconds)
        elif response.status == 400:
            memory.keep(keys[1], response, now + self._rule.keep_error)
        return response


def _whose(url: str, headers: Mapping[str, str], body: bytes) -> str:
    """The key under which an error is kept."""
    form: Mapping[str, list[str]] = {}
    if headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
        form = parse_qs(body.decode("ascii", "replace"))
    who = [form.get(name, [""])[0] for name in ("refresh_token", "code", "username")]
    who = [hashlib.sha256(value.encode()).hexdigest() for value in who if value]
    return " ".join(["msal-python:POST", url, *form.get("client_id", []), *form.get("scope", []), *who])


def _same(url: str, body: bytes) -> str:
    return f"msal-python:400 {url} {hashlib.sha256(body).hexdigest()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Msal4jLock:
    """msal4j's lock on (client, authority, scopes) after a 429 or 5xx: ``seconds``, or what Retry-After says.

    It is tested before each request of the flow, so one refusal at WS-Trust also keeps the next realm discovery from
    being sent (MsalThrottlingException). Of an answer without a body no header is seen. Source: msal4j HttpHelper.java,
    ThrottlingCache.java (read), DefaultHttpClient (1.26.0, run).
    """

    seconds: float = 5.0

    def wrap(self, device: Device) -> Http:
        """The device's HTTP port behind this lock."""
        return _Locked(self, device)


class _Locked:
    __slots__ = ("_device", "_rule")

    def __init__(self, rule: Msal4jLock, device: Device) -> None:
        self._rule = rule
        self._device = device

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:
        memory = self._device.memory
        status = memory.recall("msal4j:lock", int, self._device.clock.now())
        if status is not None:
            host = urlsplit(url).hostname
            raise HttpFailure(status, f"{host} was not asked: the library is locked after an answer of this status")
        response = await self._device.http.request(method, url, headers, body)
        if response.status == 429 or response.status >= 500:
            told = read_retry_after(response) if response.body else None
            seconds = self._rule.seconds if told is None else min(told, _LONGEST)
            memory.keep("msal4j:lock", response.status, self._device.clock.now() + seconds)
        return response

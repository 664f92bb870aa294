"""Caches and locks of libraries: responses that are stored and change later requests.

Each layer stores its state in the device's memory, so a new client process starts without it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

from ssosim_clients.failures import HttpFailure
from ssosim_clients.flows.http import MSAL4J_RETRY_AFTER
from ssosim_clients.flows.retry_after import has_retry_after, read_retry_after
from ssosim_clients.ports import Device, Http, HttpResponse

__all__ = ["Msal4jLock", "MsalPythonCache"]

_MAX_SECONDS: Final = 3600.0


class MsalPythonCache(Struct, frozen=True, kw_only=True):
    """MSAL Python's throttled HTTP client. Source: msal throttled_http_client.py (read, run).

    - A successful GET is not sent again for ``get_lifetime`` seconds. This includes realm discovery and MEX.
    - A POST that got 429, 5xx or a Retry-After is answered from the cache, for the seconds in Retry-After, an hour at
      most, or for ``error_lifetime`` seconds without that header, or if it has a date. The cache key of a form is URL,
      client, scope and refresh token, and of anything else, such as WS-Trust, *the URL alone*; so an error of one
      user is one for every other user.
    - An identical POST that got 400 is not sent again for ``error_lifetime`` seconds.

    The library has one cache for each application object; here a process has one.
    """

    get_lifetime: float = 86400.0
    error_lifetime: float = 60.0

    def wrap(self, device: Device) -> Http:
        """The device's HTTP port with this cache."""
        return _CachingHttp(self, device)


class _CachingHttp:
    __slots__ = ("_device", "_rule")

    def __init__(self, rule: MsalPythonCache, device: Device) -> None:
        self._rule = rule
        self._device = device

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:
        memory, now = self._device.memory, self._device.clock.now()
        if method == "GET":
            keys = [f"msal-python:GET {url}"]
        else:
            keys = [_build_error_key(url, headers, body), _build_body_key(url, body)]
        for key in keys:
            if (cached := memory.recall(key, HttpResponse, now)) is not None:
                return cached
        response = await self._device.http.request(method, url, headers, body)
        now, retry_after = self._device.clock.now(), read_retry_after(response, None)
        if method == "GET":
            if 200 <= response.status < 300:
                memory.keep(keys[0], response, now + self._rule.get_lifetime)
        elif response.status == 429 or response.status >= 500 or has_retry_after(response):
            seconds = self._rule.error_lifetime if retry_after is None else min(retry_after, _MAX_SECONDS)
            memory.keep(keys[0], response, now + seconds)
        elif response.status == 400:
            memory.keep(keys[1], response, now + self._rule.error_lifetime)
        return response


def _build_error_key(url: str, headers: Mapping[str, str], body: bytes) -> str:
    """The cache key of a 429, a 5xx or a response with Retry-After."""
    form: Mapping[str, list[str]] = {}
    if headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
        form = parse_qs(body.decode("ascii", "replace"))
    # The library means the user name too, and reads it only if the data are no form (1.39, _extract_data).
    subjects = [hashlib.sha256(value.encode()).hexdigest() for value in form.get("refresh_token", [])]
    return " ".join(["msal-python:POST", url, *form.get("client_id", []), *form.get("scope", []), *subjects])


def _build_body_key(url: str, body: bytes) -> str:
    """The cache key of a 400: it holds for an identical request."""
    return f"msal-python:400 {url} {hashlib.sha256(body).hexdigest()}"


class Msal4jLock(Struct, frozen=True, kw_only=True):
    """msal4j's lock on (client, authority, scopes) after a 429, a 5xx or a Retry-After.

    It lasts for the time in Retry-After, or for ``seconds`` without a time that the library reads.

    The lock is checked before each request of the flow. So after an error of WS-Trust the next realm discovery is not
    sent either (MsalThrottlingException). The headers of a response without a body are not read. Source: msal4j
    HttpHelper.java, ThrottlingCache.java (read), DefaultHttpClient (1.26.0, run).
    """

    seconds: float = 5.0

    def wrap(self, device: Device) -> Http:
        """The device's HTTP port with this lock."""
        return _LockedHttp(self, device)


class _LockedHttp:
    __slots__ = ("_device", "_rule")

    def __init__(self, rule: Msal4jLock, device: Device) -> None:
        self._rule = rule
        self._device = device

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:
        memory = self._device.memory
        status = memory.recall("msal4j:lock", int, self._device.clock.now())
        if status is not None:
            host = urlsplit(url).hostname
            raise HttpFailure(status, f"no request was sent to {host}: the library is locked after this status")
        response = await self._device.http.request(method, url, headers, body)
        retry_after = MSAL4J_RETRY_AFTER.read(response, self._device.read_date()) if response.body else None
        if response.status == 429 or response.status >= 500 or retry_after is not None:
            seconds = self._rule.seconds if retry_after is None else retry_after
            memory.keep("msal4j:lock", response.status, self._device.clock.now() + seconds)
        return response

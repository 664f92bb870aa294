"""The retries that a library's HTTP stack makes by itself.

A layer wraps a device's HTTP port. So a flow has the same code, whatever the HTTP stack of its library does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Protocol

from msgspec import Struct

from ssosim_clients.failures import NetworkFailure
from ssosim_clients.ports import Device, Http, HttpResponse

__all__ = [
    "AZURE_CORE",
    "HTTPCLIENT5",
    "MSAL4J",
    "MSAL_DOTNET",
    "MSAL_PYTHON",
    "HttpLayer",
    "OnRetryAfter",
    "RetryRule",
    "add_layers",
    "read_retry_after",
]

_ALL: Final = frozenset({"dns", "connect", "tls", "read"})
_SERVER_ERRORS: Final = frozenset(range(500, 600))


class HttpLayer(Protocol):
    """A layer between a flow and the device's HTTP port."""

    def wrap(self, device: Device) -> Http:
        """An HTTP port that uses ``device.http`` and adds the behaviour of this layer."""
        ...


def add_layers(device: Device, layers: tuple[HttpLayer, ...]) -> Device:
    """``device`` with its HTTP port wrapped in ``layers``; the first layer is the innermost."""
    for layer in layers:
        device = dataclasses.replace(device, http=layer.wrap(device))
    return device


class OnRetryAfter(StrEnum):
    """What an HTTP stack does with a Retry-After header in a response after which it may retry."""

    WAIT = "waits what it says, then repeats"
    STOP = "does not repeat"


class RetryRule(Struct, frozen=True, kw_only=True):
    """When an HTTP stack retries a request. ``pauses`` has one entry, in seconds, for each possible retry.

    ``errors`` (network stages) and ``statuses`` cause a retry of a GET, ``post_errors`` and ``post_statuses`` of a
    POST. ``final_kinds``: the kinds of network errors that cause none. ``only_with_retry_after``: the status alone
    causes no retry. ``reads_headers_without_body``: whether the stack reads the headers of a response without a body.
    """

    pauses: tuple[float, ...]
    errors: frozenset[str] = frozenset()
    post_errors: frozenset[str] = frozenset()
    final_kinds: frozenset[str] = frozenset()
    statuses: frozenset[int] = frozenset()
    post_statuses: frozenset[int] = frozenset()
    on_retry_after: OnRetryAfter = OnRetryAfter.WAIT
    only_with_retry_after: bool = False
    reads_headers_without_body: bool = True

    def wrap(self, device: Device) -> Http:
        """The device's HTTP port with retries."""
        return _RetryingHttp(self, device)

    def pause_before_next(self, method: str, outcome: HttpResponse | NetworkFailure, pause: float) -> float | None:
        """The seconds to wait before the next retry; None if there is no retry."""
        get = method == "GET"
        if isinstance(outcome, NetworkFailure):
            retried = outcome.stage in (self.errors if get else self.post_errors)
            return pause if retried and outcome.kind not in self.final_kinds else None
        if outcome.status not in (self.statuses if get else self.post_statuses):
            return None
        retry_after = read_retry_after(outcome) if outcome.body or self.reads_headers_without_body else None
        if retry_after is not None:
            return retry_after if self.on_retry_after is OnRetryAfter.WAIT else None
        return None if self.only_with_retry_after else pause


def read_retry_after(response: HttpResponse) -> float | None:
    """The seconds in the Retry-After header; None if there is none, or if it is a date."""
    value = response.headers.get("Retry-After", "").strip()
    return float(value) if value.isascii() and value.isdigit() and len(value) < 10 else None


class _RetryingHttp:
    __slots__ = ("_device", "_rule")

    def __init__(self, rule: RetryRule, device: Device) -> None:
        self._rule = rule
        self._device = device

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:
        for pause in self._rule.pauses:
            outcome: HttpResponse | NetworkFailure
            try:
                outcome = await self._device.http.request(method, url, headers, body)
            except NetworkFailure as failure:
                outcome = failure
            wait = self._rule.pause_before_next(method, outcome, pause)
            if wait is None:
                if isinstance(outcome, NetworkFailure):
                    raise outcome
                return outcome
            if wait:
                await self._device.clock.sleep(wait)
        return await self._device.http.request(method, url, headers, body)


MSAL_PYTHON: Final = RetryRule(
    pauses=(0.0,),
    errors=_ALL,
    post_errors=_ALL - {"read"},
    statuses=frozenset({413, 429, 503}),
    only_with_retry_after=True,
)
"""``HTTPAdapter(max_retries=1)`` of requests; a POST only if it was not sent. Source: msal application.py, run."""

AZURE_CORE: Final = RetryRule(
    pauses=(0.0, 1.6, 3.2),
    errors=_ALL,
    post_errors=_ALL,
    statuses=frozenset({408, 429}) | _SERVER_ERRORS - {501, 505},
    post_statuses=frozenset({408, 429}) | _SERVER_ERRORS - {501, 505},
)
"""Three retries, factor 0.8, also of a POST. Source: azure-core RetryPolicy, azure-identity msal_client.py, run."""

MSAL_DOTNET: Final = RetryRule(
    pauses=(1.0,),
    errors=frozenset({"read"}),
    post_errors=frozenset({"read"}),
    statuses=_SERVER_ERRORS,
    post_statuses=_SERVER_ERRORS,
    on_retry_after=OnRetryAfter.STOP,
)
"""One retry after 1 s, for 5xx without Retry-After and for a time-out, never for 429. Source: MSAL.NET
DefaultRetryPolicy."""

MSAL4J: Final = RetryRule(
    pauses=(1.0,),
    statuses=_SERVER_ERRORS,
    post_statuses=_SERVER_ERRORS,
    on_retry_after=OnRetryAfter.STOP,
    reads_headers_without_body=False,
)
"""One retry after 1 s, for 5xx without Retry-After, never for exceptions. For an error without a body only the status
is read, so a Retry-After there has no effect. Source: msal4j DefaultRetryPolicy, DefaultHttpClient (1.26.0, run)."""

HTTPCLIENT5: Final = RetryRule(
    pauses=(1.0,),
    errors=frozenset({"read"}),
    final_kinds=frozenset({"timeout"}),
    statuses=frozenset({429, 503}),
    post_statuses=frozenset({429, 503}),
)
"""One retry after 1 s or after Retry-After, for a GET also after a connection that ended without a response.

Source: httpclient5 DefaultHttpRequestRetryStrategy (5.3.1 read, 5.6.5 run)."""

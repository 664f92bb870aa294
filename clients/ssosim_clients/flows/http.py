"""What an HTTP stack does by itself around each request: it repeats some of them.

A layer is put around a device's HTTP port, so a flow reads the same whatever its library's stack does below it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from ssosim_clients.failures import NetworkFailure
from ssosim_clients.ports import Device, Http, HttpResponse

__all__ = [
    "AZURE_CORE",
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
    """Something that stands between a flow and the device's HTTP port."""

    def wrap(self, device: Device) -> Http:
        """An HTTP port that does more than ``device.http``, and uses it."""
        ...


def add_layers(device: Device, layers: tuple[HttpLayer, ...]) -> Device:
    """``device`` with ``layers`` around its HTTP port, the first one innermost."""
    for layer in layers:
        device = dataclasses.replace(device, http=layer.wrap(device))
    return device


class OnRetryAfter(StrEnum):
    """What a stack makes of a Retry-After header on an answer that it might repeat."""

    WAIT = "waits what it says, then repeats"
    STOP = "does not repeat"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """Repetitions by the stack. ``pauses`` has one entry, in seconds, for each repetition that may follow.

    ``errors`` and ``statuses`` are what a GET is repeated for; ``post_errors`` and ``post_statuses`` likewise a POST.
    ``only_with_retry_after``: a status alone is not enough. ``reads_headers_without_body``: whether the headers of an answer
    without a body are seen.
    """

    pauses: tuple[float, ...]
    errors: frozenset[str] = frozenset()
    post_errors: frozenset[str] = frozenset()
    statuses: frozenset[int] = frozenset()
    post_statuses: frozenset[int] = frozenset()
    on_retry_after: OnRetryAfter = OnRetryAfter.WAIT
    only_with_retry_after: bool = False
    reads_headers_without_body: bool = True

    def wrap(self, device: Device) -> Http:
        """The device's HTTP port with repetitions."""
        return _Retrying(self, device)

    def pause_before_next(self, method: str, outcome: HttpResponse | NetworkFailure, pause: float) -> float | None:
        """How long to wait before the next try, in seconds; None: there is none."""
        get = method == "GET"
        if isinstance(outcome, NetworkFailure):
            return pause if outcome.stage in (self.errors if get else self.post_errors) else None
        if outcome.status not in (self.statuses if get else self.post_statuses):
            return None
        told = read_retry_after(outcome) if outcome.body or self.reads_headers_without_body else None
        if told is not None:
            return told if self.on_retry_after is OnRetryAfter.WAIT else None
        return None if self.only_with_retry_after else pause


def read_retry_after(response: HttpResponse) -> float | None:
    """The whole seconds of a Retry-After header; None without one. Dates are not read."""
    value = response.headers.get("Retry-After", "").strip()
    return float(value) if value.isascii() and value.isdigit() and len(value) < 10 else None


class _Retrying:
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
"""``HTTPAdapter(max_retries=1)`` of requests; a POST only before it was sent. Source: msal application.py, run."""

AZURE_CORE: Final = RetryRule(
    pauses=(0.0, 1.6, 3.2),
    errors=_ALL,
    post_errors=_ALL,
    statuses=frozenset({408, 429}) | _SERVER_ERRORS - {501, 505},
    post_statuses=frozenset({408, 429}) | _SERVER_ERRORS - {501, 505},
)
"""Three repetitions, factor 0.8, POST included. Source: azure-core RetryPolicy, azure-identity msal_client.py, run."""

MSAL_DOTNET: Final = RetryRule(
    pauses=(1.0,),
    errors=frozenset({"read"}),
    post_errors=frozenset({"read"}),
    statuses=_SERVER_ERRORS,
    post_statuses=_SERVER_ERRORS,
    on_retry_after=OnRetryAfter.STOP,
)
"""One after 1 s: 5xx without Retry-After, or a time-out; 429 never. Source: MSAL.NET DefaultRetryPolicy."""

MSAL4J: Final = RetryRule(
    pauses=(1.0,),
    statuses=_SERVER_ERRORS,
    post_statuses=_SERVER_ERRORS,
    on_retry_after=OnRetryAfter.STOP,
    reads_headers_without_body=False,
)
"""Two tries in all, 1 s apart, 5xx without Retry-After; exceptions never. Of an error without a body only the status is
looked at, so a Retry-After there is not seen. Source: msal4j DefaultRetryPolicy, DefaultHttpClient (1.26.0, run)."""

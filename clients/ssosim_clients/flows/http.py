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
from ssosim_clients.flows.retry_after import AS_WRITTEN, RetryAfterReading, has_retry_after
from ssosim_clients.ports import Device, Http, HttpResponse

__all__ = [
    "AZURE_CORE",
    "HTTPCLIENT5",
    "MSAL4J",
    "MSAL4J_RETRY_AFTER",
    "MSAL_DOTNET",
    "MSAL_PYTHON",
    "HttpLayer",
    "OnRetryAfter",
    "RetryRule",
    "add_layers",
]

_ALL: Final = frozenset({"dns", "connect", "tls", "read"})
_FIRST_ERROR: Final = 400
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
    causes no retry. ``any_error_with_retry_after``: with that header each status of 400 and above causes a retry.
    ``retry_after`` is how the stack reads the header. ``reads_headers_without_body``: whether the stack reads the
    headers of a response without a body.
    """

    pauses: tuple[float, ...]
    errors: frozenset[str] = frozenset()
    post_errors: frozenset[str] = frozenset()
    final_kinds: frozenset[str] = frozenset()
    statuses: frozenset[int] = frozenset()
    post_statuses: frozenset[int] = frozenset()
    on_retry_after: OnRetryAfter = OnRetryAfter.WAIT
    only_with_retry_after: bool = False
    any_error_with_retry_after: bool = False
    retry_after: RetryAfterReading = AS_WRITTEN
    reads_headers_without_body: bool = True

    def wrap(self, device: Device) -> Http:
        """The device's HTTP port with retries."""
        return _RetryingHttp(self, device)

    def pause_before_next(
        self, method: str, outcome: HttpResponse | NetworkFailure, pause: float, date: float
    ) -> float | None:
        """The seconds to wait before the next retry; None if there is no retry.

        ``date`` is the present date of the device, in seconds since the Unix epoch, for a Retry-After with a date.
        """
        get = method == "GET"
        if isinstance(outcome, NetworkFailure):
            retried = outcome.stage in (self.errors if get else self.post_errors)
            return pause if retried and outcome.kind not in self.final_kinds else None
        says_when = self.any_error_with_retry_after and outcome.status >= _FIRST_ERROR and has_retry_after(outcome)
        if outcome.status not in (self.statuses if get else self.post_statuses) and not says_when:
            return None
        readable = outcome.body or self.reads_headers_without_body
        retry_after = self.retry_after.read(outcome, date) if readable else None
        if retry_after is not None:
            return retry_after if self.on_retry_after is OnRetryAfter.WAIT else None
        return None if self.only_with_retry_after else pause


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
            wait = self._rule.pause_before_next(method, outcome, pause, self._device.read_date())
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
    retry_after=RetryAfterReading(longest=21_600.0),
)
"""``HTTPAdapter(max_retries=1)`` of requests; a POST only if it was not sent. Source: msal application.py, run;
urllib3 Retry.parse_retry_after."""

AZURE_CORE: Final = RetryRule(
    pauses=(0.0, 1.6, 3.2),
    errors=_ALL,
    post_errors=_ALL,
    statuses=frozenset({408, 429}) | _SERVER_ERRORS - {501, 505},
    post_statuses=frozenset({408, 429}) | _SERVER_ERRORS - {501, 505},
    any_error_with_retry_after=True,
    retry_after=RetryAfterReading(zero=False),
)
"""Three retries, factor 0.8, also of a POST; with Retry-After, of each error. Source: azure-core RetryPolicy,
azure-identity msal_client.py, run."""

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

MSAL4J_RETRY_AFTER: Final = RetryAfterReading(dates=False, zero=False, longest=3_600.0, cuts=False)
"""msal4j reads whole seconds from 1 to 3,600; for anything else it is as if there were no header. Source: msal4j
HttpHelper.java, getRetryAfterHeader."""

MSAL4J: Final = RetryRule(
    pauses=(1.0,),
    statuses=_SERVER_ERRORS,
    post_statuses=_SERVER_ERRORS,
    on_retry_after=OnRetryAfter.STOP,
    retry_after=MSAL4J_RETRY_AFTER,
    reads_headers_without_body=False,
)
"""One retry after 1 s, for 5xx without Retry-After, never for exceptions. For an error without a body only the status
is read, so a Retry-After there has no effect. Source: msal4j DefaultRetryPolicy, HttpHelper, DefaultHttpClient (1.26.0,
run)."""

HTTPCLIENT5: Final = RetryRule(
    pauses=(1.0,),
    errors=frozenset({"read"}),
    final_kinds=frozenset({"timeout"}),
    statuses=frozenset({429, 503}),
    post_statuses=frozenset({429, 503}),
    retry_after=RetryAfterReading(zero=False),
)
"""One retry after 1 s or after Retry-After, for a GET also after a connection that ended without a response.

Source: httpclient5 DefaultHttpRequestRetryStrategy (5.3.1 read, 5.6.5 run)."""

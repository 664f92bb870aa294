"""Retries of models of HTTP stacks beside the libraries themselves: urllib3 and azure-core, request by request."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import Any, Self, cast

import pytest
from azure.core.exceptions import AzureError
from azure.core.pipeline import Pipeline
from azure.core.pipeline.policies import RetryPolicy
from azure.core.rest import HttpRequest
from ssosim_clients.flows import http
from urllib3.util.retry import Retry

from .scripted import HOUR, PAST, count_and_waits, response

STATUSES = (
    200,
    202,
    204,
    301,
    304,
    400,
    401,
    403,
    404,
    408,
    409,
    413,
    425,
    429,
    500,
    501,
    502,
    503,
    504,
    505,
    511,
    599,
)


@pytest.mark.parametrize("value", ["0", "7", "21600", "21601", "999999999999"])
@pytest.mark.parametrize("status", [413, 429, 503])
def test_msal_python_waits_as_urllib3_does(status: int, value: str) -> None:
    """``HTTPAdapter(max_retries=1)`` repeats a GET with Retry-After once, after the seconds that urllib3 reads."""
    expected = Retry(1).parse_retry_after(value)
    sent, waits = count_and_waits(http.MSAL_PYTHON, response(status, value))
    assert (sent, sum(waits)) == (2, expected)


def test_msal_python_waits_until_a_date_as_urllib3_does() -> None:
    """urllib3 reads dates as well; one in the past means at once."""
    soon = Retry(1).parse_retry_after(formatdate(time.time() + 3600, usegmt=True))
    assert soon == pytest.approx(3600, abs=300)
    assert count_and_waits(http.MSAL_PYTHON, response(503, HOUR)) == (2, [3600.0])
    assert Retry(1).parse_retry_after(PAST) == 0
    assert count_and_waits(http.MSAL_PYTHON, response(503, PAST)) == (2, [])


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("value", [None, "5"])
def test_msal_python_repeats_what_urllib3_repeats(status: int, method: str, value: str | None) -> None:
    """Which statuses are repeated once is the decision of urllib3."""
    repeated = Retry(1).is_retry(method, status, has_retry_after=value is not None)
    assert count_and_waits(http.MSAL_PYTHON, response(status, value), method)[0] == (2 if repeated else 1)


class Reply:
    """A response of azure-core's pipeline."""

    def __init__(self, status: int, headers: dict[str, str]) -> None:
        self.status_code = status
        self.headers = headers


class Transport:
    """A transport of azure-core that answers each request so, and writes down the waits."""

    def __init__(self, reply: Reply | Exception) -> None:
        self._reply = reply
        self.sent = 0
        self.waits: list[float] = []

    def send(self, _request: object, **_options: object) -> Reply:
        """Answer a request."""
        self.sent += 1
        if isinstance(self._reply, Exception):
            raise self._reply
        return self._reply

    def sleep(self, seconds: float) -> None:
        """Write the wait down."""
        self.waits.append(seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def azure_core(status: int, value: str | None, method: str) -> tuple[int, list[float]]:
    """What azure-core's own RetryPolicy sends and waits, as azure-identity calls it."""
    transport = Transport(Reply(status, {} if value is None else {"Retry-After": value}))
    pipeline = Pipeline(cast("Any", transport), policies=[RetryPolicy()])
    more: dict[str, Any] = {"retry_on_methods": ["POST"]} if method == "POST" else {}
    try:
        pipeline.run(HttpRequest(method, "https://h/p"), **more)
    except AzureError as error:  # pragma: no cover - would be another library
        pytest.fail(str(error))
    return transport.sent, [each for each in transport.waits if each]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("value", [None, "0", "5"])
def test_azure_core_is_repeated_as_by_its_retry_policy(status: int, method: str, value: str | None) -> None:
    """Requests and waits are those of the original, for each status, with and without Retry-After."""
    sent, waits = count_and_waits(http.AZURE_CORE, response(status, value), method)
    original = azure_core(status, value, method)
    assert (sent, waits) == (original[0], pytest.approx(original[1]))

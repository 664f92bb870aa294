"""Retries after network errors, beside urllib3 and azure-core themselves: which stage, which method, how often."""

from __future__ import annotations

import contextlib
from typing import Any, cast

import pytest
from azure.core.exceptions import AzureError, ServiceRequestError, ServiceResponseError
from azure.core.pipeline import Pipeline
from azure.core.pipeline.policies import RetryPolicy
from azure.core.rest import HttpRequest
from ssosim_clients.failures import NetworkFailure
from ssosim_clients.flows import http
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util.retry import Retry

from .scripted import count_and_waits
from .test_retry_originals import Transport

DNS_KINDS = ("nxdomain", "nodata", "servfail", "refused", "timeout")
MISSING: Any = None


def urllib3_error(stage: str, kind: str) -> HTTPError:
    """The error that urllib3 has for a stage: a name without an address is a connection that was not made."""
    if stage == "dns" or (stage, kind) == ("connect", "refused"):
        return NewConnectionError(MISSING, kind)
    if stage == "connect":
        return ConnectTimeoutError(kind)
    if stage == "tls":
        return SSLError(kind)
    return ReadTimeoutError(MISSING, "/", kind) if kind == "timeout" else ProtocolError(kind)


ERRORS = [
    *(("dns", kind) for kind in DNS_KINDS),
    ("connect", "refused"),
    ("connect", "timeout"),
    ("tls", "bad-certificate"),
    ("tls", "handshake"),
    ("read", "closed"),
    ("read", "timeout"),
]


@pytest.mark.parametrize(("stage", "kind"), ERRORS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_msal_python_repeats_what_urllib3_repeats(stage: str, kind: str, method: str) -> None:
    """``HTTPAdapter(max_retries=1)``: once, and a POST only if it cannot have been processed."""
    retries, sent = Retry.from_int(1), 1
    with contextlib.suppress(MaxRetryError, HTTPError):
        while True:
            retries = retries.increment(method, "/", error=urllib3_error(stage, kind), _pool=MISSING)
            sent += 1
    failure = NetworkFailure(cast("Any", stage), kind)
    assert count_and_waits(http.MSAL_PYTHON, failure, method) == (sent, [])


@pytest.mark.parametrize(("stage", "kind"), ERRORS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_azure_core_repeats_each_network_error_three_times(stage: str, kind: str, method: str) -> None:
    """Its pipeline has two kinds of errors: of a request that was not sent, and of a response that did not come."""
    error = ServiceResponseError(kind) if stage == "read" else ServiceRequestError(kind)
    transport = Transport(error)
    pipeline = Pipeline(cast("Any", transport), policies=[RetryPolicy()])
    more: dict[str, Any] = {"retry_on_methods": ["POST"]} if method == "POST" else {}
    with pytest.raises(AzureError):
        pipeline.run(HttpRequest(method, "https://h/p"), **more)
    sent, waits = count_and_waits(http.AZURE_CORE, NetworkFailure(cast("Any", stage), kind), method)
    assert (sent, waits) == (transport.sent, pytest.approx([each for each in transport.waits if each]))

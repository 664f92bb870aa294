"""What the HTTP stack of each library does by itself after a network error, and how a failure reaches the policy."""

from __future__ import annotations

import pytest
from ssosim_clients.failures import DnsFailure, HttpFailure, NetworkFailure, Stage, StageFailure, during
from ssosim_clients.flows import http
from ssosim_clients.flows.http import RetryRule, add_layers
from ssosim_clients.ports import HttpResponse

from .scripted import Answer, ScriptedDevice, count_and_waits, finish, response

STAGES = ("dns", "connect", "tls", "read")


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("rule", "stages", "posts", "waits"),
    [
        (http.MSAL_DOTNET, ("read",), ("read",), [1.0]),
        (http.MSAL4J, (), (), []),
        (http.HTTPCLIENT5, ("read",), (), [1.0]),
    ],
    ids=["msal-dotnet", "msal4j", "httpclient5"],
)
def test_which_network_errors_a_stack_repeats(
    stage: str, method: str, rule: RetryRule, stages: tuple[str, ...], posts: tuple[str, ...], waits: list[float]
) -> None:
    """MSAL.NET repeats a time-out, msal4j no exception, httpclient5 a GET whose connection ended without a response."""
    repeated = stage in (stages if method == "GET" else posts)
    failure = NetworkFailure(stage, "closed")  # type: ignore[arg-type]
    assert count_and_waits(rule, failure, method) == ((2, waits) if repeated else (1, []))


def test_httpclient5_does_not_repeat_a_time_out() -> None:
    """InterruptedIOException is one of the exceptions that DefaultHttpRequestRetryStrategy never repeats."""
    assert count_and_waits(http.HTTPCLIENT5, NetworkFailure("read", "timeout")) == (1, [])


@pytest.mark.parametrize(
    "answers",
    [
        [NetworkFailure("read", "closed"), response(200)],
        [response(503), response(200)],
        [response(429), response(200)],
    ],
    ids=["closed", "503", "429"],
)
def test_a_success_after_a_retry_is_the_result(answers: list[Answer]) -> None:
    """The flow sees the response of the last request only."""
    scripted = ScriptedDevice(answers)
    assert scripted.send(http.AZURE_CORE.wrap(scripted.device)) == answers[-1]
    assert len(scripted.sent) == 2


def test_the_last_failure_is_the_result() -> None:
    """After all retries the flow gets what came last, a failure or a response."""
    last = NetworkFailure("tls", "bad-certificate")
    scripted = ScriptedDevice([response(503), response(500), NetworkFailure("dns", "servfail"), last, response(200)])
    assert scripted.send(http.AZURE_CORE.wrap(scripted.device)) is last
    assert len(scripted.sent) == 4


def test_each_retry_is_the_same_request() -> None:
    """Method, URL and body of a retry are those of the first request."""
    scripted = ScriptedDevice([response(500)])
    scripted.send(http.AZURE_CORE.wrap(scripted.device), "POST", "https://h/token", b"a=1")
    assert set(scripted.sent) == {("POST", "https://h/token", b"a=1")}


def test_layers_are_from_the_inside_out() -> None:
    """The first layer is next to the network: the second sees what the first made of it."""
    scripted = ScriptedDevice([response(500)])
    device = add_layers(scripted.device, (http.MSAL_DOTNET, http.AZURE_CORE))
    assert finish(device.http.request("GET", "https://h/p", {}, b"")).status == 500
    assert len(scripted.sent) == 2 * 4


@pytest.mark.parametrize("kind", ["nxdomain", "nodata", "servfail", "refused", "timeout"])
def test_a_failed_look_up_keeps_its_kind(kind: str) -> None:
    """A network error of the stage ``dns`` says which RCODE it was, and for which name."""
    failure = NetworkFailure.from_dns(DnsFailure(kind, "h.example"))  # type: ignore[arg-type]
    assert (failure.stage, failure.kind) == ("dns", kind)
    assert str(failure) == f"could not resolve h.example ({kind})"


@pytest.mark.parametrize("stage", Stage)
def test_a_failure_gets_the_stage_in_which_it_happened(stage: Stage) -> None:
    """The innermost stage counts; what is no failure of a sign-in passes as it is."""
    cause = HttpFailure(503)
    with pytest.raises(StageFailure) as raised, during(Stage.TOKEN), during(stage):
        raise cause
    assert (raised.value.stage, raised.value.failure) == (stage, cause)
    assert str(raised.value) == f"{stage}: HTTP 503"
    with pytest.raises(KeyError), during(stage):
        raise KeyError
    with during(stage):
        pass


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"a":1}' * 3], ids=["empty", "half", "binary", "thrice"])
def test_a_partial_body_is_not_repeated_by_the_stack(body: bytes) -> None:
    """A response of status 200 is the business of the flow, whatever its body is."""
    for rule in (http.MSAL_PYTHON, http.AZURE_CORE, http.MSAL_DOTNET, http.MSAL4J, http.HTTPCLIENT5):
        assert count_and_waits(rule, HttpResponse(200, body=body)) == (1, [])

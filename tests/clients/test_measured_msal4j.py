"""The requests and results of msal4j 1.26.0 with a ticket, measured fault by fault: its model does the same.

Measured in the lab with the client of ``clients/real/msal4j`` (flow ``integrated-federated``), one fresh JVM for each
row.
"""

import json
from collections.abc import Callable

import pytest
from ssosim_clients.failures import Failure, OauthFailure, StageFailure
from ssosim_clients.models.msal import MSAL4J_IWA
from ssosim_clients.ports import Headers, HttpResponse

from ssosim.testing import FEDERATED_UPN, STS, ClientEnvironment, SignInStep

from .documents import soap_fault

STEPS = (SignInStep.REALM, SignInStep.MEX, SignInStep.WSTRUST_TICKET, SignInStep.INSTANCE, SignInStep.TOKEN)
RETRY_AFTER = Headers([("Retry-After", "2")])
HTML = b"<!DOCTYPE html><html><head><title>This site is blocked by policy"
JSON = json.dumps({"error": "temporarily_unavailable", "error_description": "AADSTS90033: busy"}).encode()

Change = Callable[[ClientEnvironment], None]


def says(step: SignInStep, status: int, body: bytes = b"", headers: Headers | None = None) -> Change:
    """The fault: ``step`` is answered so, however often it is asked."""

    def change(environment: ClientEnvironment) -> None:
        environment.answers[step] = HttpResponse(status, headers or Headers(), body)

    return change


def first_says(step: SignInStep, status: int) -> Change:
    """The fault: the first request for ``step`` is answered so."""

    def change(environment: ClientEnvironment) -> None:
        def answer(_: object) -> HttpResponse:
            del environment.answers[step]
            return HttpResponse(status)

        environment.answers[step] = answer

    return change


def no_kdc_entry(environment: ClientEnvironment) -> None:
    """The fault: the KDC does not know the SPN."""
    environment.spns.clear()


# fault: requests for realm, MEX, windowstransport, instance discovery, token; whether tokens came
ROWS: dict[str, tuple[Change, str, bool]] = {
    "none": (lambda _: None, "11211", True),
    "WS-Trust 401 empty": (says(SignInStep.WSTRUST_TICKET, 401), "11100", False),
    "WS-Trust 403 empty": (says(SignInStep.WSTRUST_TICKET, 403), "11100", False),
    "WS-Trust 500 empty": (says(SignInStep.WSTRUST_TICKET, 500), "11200", False),
    "WS-Trust 503 empty, Retry-After 2": (says(SignInStep.WSTRUST_TICKET, 503, b"", RETRY_AFTER), "11200", False),
    "WS-Trust 503 JSON, Retry-After 2": (says(SignInStep.WSTRUST_TICKET, 503, JSON, RETRY_AFTER), "11100", False),
    "WS-Trust 500 SOAP fault": (says(SignInStep.WSTRUST_TICKET, 500, soap_fault("no")), "11200", False),
    "WS-Trust 200 HTML": (says(SignInStep.WSTRUST_TICKET, 200, HTML), "11100", False),
    "WS-Trust 500 HTML": (says(SignInStep.WSTRUST_TICKET, 500, HTML), "11200", False),
    "WS-Trust 503 once": (first_says(SignInStep.WSTRUST_TICKET, 503), "11311", True),
    "MEX 403 empty": (says(SignInStep.MEX, 403), "11000", False),
    "MEX 500 empty": (says(SignInStep.MEX, 500), "12000", False),
    "MEX 200 HTML": (says(SignInStep.MEX, 200, HTML), "11000", False),
    "MEX 503 once": (first_says(SignInStep.MEX, 503), "12211", True),
    "realm 404": (says(SignInStep.REALM, 404), "10000", False),
    "realm 429": (says(SignInStep.REALM, 429), "10000", False),
    "realm 500": (says(SignInStep.REALM, 500), "20000", False),
    "realm 200 HTML": (says(SignInStep.REALM, 200, HTML), "10000", False),
    "instance 403": (says(SignInStep.INSTANCE, 403), "11211", True),
    "instance 200 HTML": (says(SignInStep.INSTANCE, 200, HTML), "11211", True),
    "instance 429: locked before the token": (says(SignInStep.INSTANCE, 429), "11210", False),
    "instance 500: locked before the token": (says(SignInStep.INSTANCE, 500), "11220", False),
    "instance 500 once": (first_says(SignInStep.INSTANCE, 500), "11221", True),
    "token 429": (says(SignInStep.TOKEN, 429), "11211", False),
    "token 500": (says(SignInStep.TOKEN, 500), "11212", False),
    "token 503 JSON": (says(SignInStep.TOKEN, 503, JSON), "11212", False),
    "token 503 JSON, Retry-After 2": (says(SignInStep.TOKEN, 503, JSON, RETRY_AFTER), "11211", False),
    "KDC knows no such SPN": (no_kdc_entry, "11100", False),
}


@pytest.mark.parametrize("row", ROWS)
def test_model_sends_what_msal4j_was_seen_to_send(row: str) -> None:
    """Requests for each step and the end, as measured; 1 s passes between two tries of one request."""
    change, expected, gets_in = ROWS[row]
    environment = ClientEnvironment()
    change(environment)
    failure = _attempt(environment)
    assert "".join(str(environment.count(step)) for step in STEPS) == expected
    assert (failure is None) is gets_in
    asked = [event.at for event in environment.events if event.kind == "http"]
    repeats = any(
        tries == "2" for step, tries in zip(STEPS, expected, strict=True) if step is not SignInStep.WSTRUST_TICKET
    )
    repeats |= expected[2] == "3" or (expected[2] == "2" and expected[3] == "0")
    assert asked[-1] - asked[0] == pytest.approx(1.0 if repeats else 0.0, abs=0.5)


def test_instance_discovery_that_names_no_endpoint_ends_the_sign_in() -> None:
    """A JSON error is reported to the caller with its text; every other response is ignored."""
    environment = ClientEnvironment()
    environment.answers[SignInStep.INSTANCE] = HttpResponse(400, Headers(), b'{"error":"invalid_instance"}')
    failure = _attempt(environment)
    assert isinstance(failure, OauthFailure)
    assert "invalid_instance" in str(failure)
    assert environment.count(SignInStep.TOKEN) == 0


def test_instance_discovery_is_asked_once_in_a_process() -> None:
    """The second sign-in of the same JVM goes to the token endpoint at once."""
    environment = ClientEnvironment()
    device = environment.device(upn=FEDERATED_UPN)
    for _ in range(2):
        environment.play(MSAL4J_IWA.sign_in(device))
    assert (environment.count(SignInStep.INSTANCE), environment.count(SignInStep.TOKEN)) == (1, 2)


def _attempt(environment: ClientEnvironment) -> Failure | None:
    async def attempt() -> Failure | None:
        try:
            await MSAL4J_IWA.flow.attempt(environment.device(upn=FEDERATED_UPN), MSAL4J_IWA.spn)
        except StageFailure as stopped:
            return stopped.failure
        return None

    assert STS in environment.addresses
    return environment.play(attempt())

"""Models of HTTP libraries with Negotiate: how often they respond to a challenge, and what they take without proof."""

from __future__ import annotations

import msgspec
import pytest
from ssosim_clients.catalogue import MODELS
from ssosim_clients.models.base import SignInState
from ssosim_clients.ports import Headers, HttpResponse

from ssosim.estate import default_estate
from ssosim.testing import ClientEnvironment
from ssosim.trace import SignInStep

# Requests of the real library while each is answered by 401 and bare Negotiate (tests/real_clients counts the same).
REQUESTS = {
    "java-jgss": 2,
    "httpclient5": 2,
    "node-kerberos": 2,
    "curl-negotiate": 1,
    "libsoup": 21,
    "lwp-negotiate": 8,
    "requests-kerberos": 3,
    "requests-kerberos-optional": 3,
    "httpx-gssapi": 3,
    "httpx-gssapi-required": 3,
    "pyspnego": 2,
    "heimdal": 2,
}
DEMANDING = ("requests-kerberos", "httpx-gssapi-required")


@pytest.mark.parametrize("name", REQUESTS)
def test_an_endless_challenge_ends(name: str) -> None:
    """To 401 and bare Negotiate without end a model responds as often as its library, and fails."""
    environment = ClientEnvironment()
    environment.answers[SignInStep.BROWSER_SSO] = HttpResponse(401, Headers([("WWW-Authenticate", "Negotiate")]), b"")
    report = environment.play(MODELS[name].sign_in(environment.device()))
    assert report is not None
    assert (report.state, environment.count(SignInStep.BROWSER_SSO)) == (SignInState.FAILED, REQUESTS[name])


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("mutual", [True, False])
def test_a_200_without_a_token_of_the_service(name: str, mutual: bool) -> None:
    """Only a client that demands mutual authentication fails, and only where the service does not send its token."""
    estate = default_estate()
    cloud = msgspec.structs.replace(estate.cloud, mutual_authentication=mutual)
    environment = ClientEnvironment(estate=msgspec.structs.replace(estate, cloud=cloud))
    report = environment.play(MODELS[name].sign_in(environment.device()))
    assert report is not None
    fails = name in DEMANDING and not mutual
    assert report.state is (SignInState.FAILED if fails else SignInState.SILENT), report.detail
    assert not fails or "no token of the service" in report.detail


@pytest.mark.parametrize("name", ["curl-negotiate", "libsoup"])
def test_when_a_ticket_is_requested(name: str) -> None:
    """A name without an address leads to no ticket request, also where the ticket is in the first request."""
    environment = ClientEnvironment()
    environment.remove_record()
    report = environment.play(MODELS[name].sign_in(environment.device()))
    assert report is not None
    assert report.state is SignInState.FAILED
    assert environment.seen("tgs") == []

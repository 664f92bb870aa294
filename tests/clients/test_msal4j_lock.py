"""msal4j's lock: after which responses nothing is sent, and for how long."""

from __future__ import annotations

import contextlib

import pytest
from ssosim_clients.failures import HttpFailure
from ssosim_clients.flows.throttle import Msal4jLock
from ssosim_clients.ports import HttpResponse

from .scripted import ScriptedDevice, response

TOKEN, REALM = "https://login.example/t/oauth2/v2.0/token", "https://login.example/common/userrealm/a"


def lock_after(answer: HttpResponse, later: float) -> int:
    """How many of two requests msal4j's model sends, the second ``later`` seconds after the first."""
    scripted = ScriptedDevice([answer])
    locked = Msal4jLock().wrap(scripted.device)
    scripted.send(locked, "POST", TOKEN)
    scripted.moment += later
    with contextlib.suppress(HttpFailure):
        scripted.send(locked, "GET", REALM)
    return len(scripted.sent)


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (response(429), 5.0),
        (response(500), 5.0),
        (response(599), 5.0),
        (response(503, "7"), 7.0),
        (response(400, "7"), 7.0),
        (response(503, "0"), 5.0),
        (response(503, "3600"), 3600.0),
        (response(503, "3601"), 5.0),
        (response(503, "soon"), 5.0),
        (response(503, "7", body=b""), 5.0),
    ],
)
def test_msal4j_is_locked_for_the_time_that_it_reads(answer: HttpResponse, seconds: float) -> None:
    """HttpHelper.java, processThrottlingInstructions: a time from 1 to 3,600 s of any response, else 429 and 5xx."""
    assert lock_after(answer, seconds - 0.5) == 1
    assert lock_after(answer, seconds) == 2


def test_a_lock_is_told_with_the_status_that_began_it() -> None:
    """The caller gets the status of the response after which nothing is sent, and no response of the next host."""
    scripted = ScriptedDevice([response(429)])
    locked = Msal4jLock().wrap(scripted.device)
    scripted.send(locked, "POST", TOKEN)
    with pytest.raises(HttpFailure, match=r"HTTP 429: no request was sent to login\.example"):
        scripted.send(locked, "GET", REALM)


@pytest.mark.parametrize(
    "answer", [response(200), response(400), response(404), response(400, "0"), response(400, "9", b"")]
)
def test_msal4j_is_not_locked_by_another_response(answer: HttpResponse) -> None:
    """An error of the request itself locks nothing."""
    assert lock_after(answer, 0.0) == 2

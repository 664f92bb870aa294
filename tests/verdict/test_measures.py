"""The measures of one client in one phase, on hand-made records: recovery, rates, peak and exposures."""

from __future__ import annotations

import pytest

from ssosim.trace import (
    ClientFinished,
    ConnectionFailed,
    CredentialExposed,
    DnsAnswered,
    Event,
    HttpExchange,
    KdcExchange,
    LabEvent,
    Record,
    SignInStep,
    TokenIssued,
)
from ssosim.verdict import Measures, judge, measure
from ssosim.verdict.measures import NOTHING_MEASURED

BEGAN = 1000.0
access = TokenIssued(kind="access", grant="password", subject="a")
device = LabEvent(part="device", text="started")
failing = HttpExchange(host="login.example", method="GET", path="/r", status=503, step=SignInStep.REALM)
good = HttpExchange(host="login.example", method="GET", path="/r", status=200, step=SignInStep.REALM)
no_name = DnsAnswered(name="login.example", type="A", rcode="NXDOMAIN")
no_connection = ConnectionFailed(host="login.example", address="192.0.2.1", stage="connect", step=SignInStep.REALM)


def measured(*timed: tuple[float, Event], last_undone: float = 0.0) -> Measures:
    """The measures of events at these seconds of the phase; ``last_undone`` is in seconds of the phase as well."""
    records = [Record(number, BEGAN + at, "c", event) for number, (at, event) in enumerate(timed, 1)]
    return measure(records, judge(records, BEGAN), BEGAN, BEGAN + last_undone)


def ticket(service: str, outcome: str = "issued", request: str = "TGS") -> KdcExchange:
    """A request to the KDC."""
    return KdcExchange(request=request, service=service, outcome=outcome)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("events", "last_undone", "seconds"),
    [
        ([(1.0, failing), (7.5, access)], 5.0, 2.5),
        ([(1.0, failing), (7.5, access)], 0.0, 7.5),
        ([(1.0, failing), (7.5, access)], 9.0, 0.0),
        ([(0.2, failing), (0.5, access)], 0.0, 0.5),
        ([(0.5, access)], 0.0, None),
        ([(1.0, access)], 0.0, 1.0),
        ([(0.1, device), (7.5, access)], 0.0, None),
        ([(0.1, device), (1.0, failing), (7.5, access)], 0.0, 7.5),
        ([(0.1, LabEvent(part="dns", text="")), (7.5, access)], 0.0, 7.5),
        ([(1.0, failing), (7.1234564, access)], 0.0, 7.123456),
        ([(1.0, failing), (7.5, failing)], 0.0, None),
        ([(1.0, failing), (7.5, ClientFinished(program="c", exit_code=1))], 0.0, None),
        ([(1.0, good), (7.5, ClientFinished(program="c", exit_code=1))], 0.0, None),
        ([], 0.0, None),
    ],
)
def test_recovery_is_from_the_last_undone_fault_to_the_sign_in(
    events: list[tuple[float, Event]], last_undone: float, seconds: float | None
) -> None:
    """Only a client that failed, or a model that waited a second, has recovered; only one that signed in."""
    assert measured(*events, last_undone=last_undone).recovered_after_s == seconds


def test_the_rate_counts_from_the_first_failure_to_the_sign_in() -> None:
    """What came before the failure and after the token does not count; the rate is over at least a minute."""
    events = [(0.0, good), (10.0, no_name), (20.0, good), (110.0, good), (130.0, access), (131.0, good)]
    found = measured(*events)
    assert (found.failing_requests, found.requests_per_minute) == (3, 1.5)
    assert (found.step, found.step_seq) == (SignInStep.UNKNOWN, 2)
    assert found.requests == 5
    short = measured((0.0, failing), (1.0, good), (2.0, ClientFinished(program="c", exit_code=1)))
    assert (short.failing_requests, short.requests_per_minute) == (2, 2.0)
    assert (short.step, short.step_seq) == (SignInStep.REALM, 1)
    three = measured((0.0, failing), (90.0, failing), (90.0, failing))
    assert (three.failing_requests, three.requests_per_minute) == (3, 2.0)


def test_a_failure_at_the_moment_of_the_first_counts_even_if_it_is_recorded_before() -> None:
    """Both ends of the time are included; a failed connection is a request, and not one that was sent."""
    found = measured((5.0, no_connection), (5.0, good), (6.0, access))
    assert (found.failing_requests, found.requests) == (1, 2)


def test_without_a_failure_there_is_no_rate() -> None:
    """Requests and peak are counted for everybody; rate, step and recovery need a failure."""
    assert measured() == NOTHING_MEASURED == Measures()
    found = measured((0.0, good), (0.5, access))
    assert found == Measures(requests=1, peak_requests_per_minute=1)


@pytest.mark.parametrize(
    ("times", "peak"),
    [
        ([0.0], 1),
        ([0.0, 59.999], 2),
        ([0.0, 60.0], 1),
        ([0.0, 0.0, 30.0, 60.0, 89.0, 90.0], 3),
        ([float(each) for each in range(0, 600, 10)], 6),
        ([0.0, 100.0, 100.1, 100.2, 300.0], 3),
    ],
)
def test_the_peak_is_the_busiest_minute_wherever_it_begins(times: list[float], peak: int) -> None:
    """A minute has its beginning and not its end; failed connections and tickets count too."""
    for event in (good, no_name, no_connection, ticket("HTTP/x", "no answer")):
        assert measured(*((at, event) for at in times)).peak_requests_per_minute == peak
    assert measured(*((at, device) for at in times)).peak_requests_per_minute == 0


@pytest.mark.parametrize(
    ("service", "exposed"),
    [
        ("HTTP/web.corp", ""),
        ("HTTP/WEB.corp", ""),
        ("http/web.corp", ""),
        ("HTTP/web.corp:8080", ""),
        ("HTTP/web.corp@CORP.CONTOSO.COM", ""),
        ("HTTP/other.corp", "other.corp"),
        ("http/other.corp", "other.corp"),
        ("HTTP/Other.corp:8080", "other.corp"),
        ("cifs/other.corp", ""),
        ("krbtgt/CORP.CONTOSO.COM", ""),
    ],
)
def test_a_ticket_is_exposed_only_if_it_is_for_another_host(service: str, exposed: str) -> None:
    """Names are compared as Active Directory does: without regard to case, and without port and realm."""
    page = HttpExchange(host="web.corp", method="GET", path="/", status=200)
    found = measured((0.0, ticket(service)), (1.0, page)).exposures
    assert [each.where for each in found] == ([exposed] if exposed else [])


def test_a_ticket_that_was_not_issued_or_not_sent_is_none() -> None:
    """A refused request, an AS exchange, and a client that spoke to no host expose nothing."""
    page = HttpExchange(host="web.corp", method="GET", path="/", status=200)
    assert measured((0.0, ticket("HTTP/other", "KDC_ERR_S_PRINCIPAL_UNKNOWN")), (1.0, page)).exposures == ()
    assert measured((0.0, ticket("HTTP/other", request="AS")), (1.0, page)).exposures == ()
    assert measured((0.0, ticket("HTTP/other"))).exposures == ()
    found = measured((0.0, page), (1.0, ticket("HTTP/other"))).exposures
    assert [(each.what, each.where, each.seq) for each in found] == [("ticket", "other", 2)]


@pytest.mark.parametrize(
    ("status", "injected", "words"),
    [
        (401, False, "the service takes Kerberos tickets only"),
        (421, False, "this host is none of the services"),
        (200, True, "something else answered in the service's place"),
        (421, True, "something else answered in the service's place"),
        (0, True, "the service takes Kerberos tickets only"),
    ],
)
def test_an_ntlm_token_is_exposed_wherever_it_goes(status: int, injected: bool, words: str) -> None:
    """An NTLM token can be relayed by whoever gets it; the reason says who that was."""
    sent = HttpExchange(host="h", method="GET", path="/", status=status, auth="ntlm", injected=injected)
    (found,) = measured((0.0, sent)).exposures
    assert (found.what, found.where, found.why, found.seq) == ("ntlm", "h", words, 1)
    assert measured((0.0, HttpExchange(host="h", method="GET", path="/", status=status))).exposures == ()


def test_what_a_service_found_in_a_request_is_an_exposure() -> None:
    """The event of the recipient is passed on whole."""
    leak = CredentialExposed(credential="password", host="sts", reason="foreign", part="body", owner="bob")
    (found,) = measured((0.0, leak)).exposures
    assert str(found) == "password of bob in the body to sts: foreign"
    assert found.seq == 1

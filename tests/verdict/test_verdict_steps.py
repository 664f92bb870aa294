"""Failures and attempts are counted by the step that is in the trace, not by paths or names of hosts."""

import json

import pytest

from ssosim.trace import (
    ConnectionFailed,
    DnsAnswered,
    HttpExchange,
    KdcExchange,
    Record,
    SignInStep,
    TokenIssued,
)
from ssosim.trace.export import TraceFormatError, parse_record, record_to_json
from ssosim.verdict import judge, measure
from ssosim.verdict.explain import explain
from ssosim.verdict.measures import Exposure
from ssosim.verdict.steps import classify_failed_step, is_attempt

IDP = "id.example"  # a login host whose name does not begin with "login."
FIRST = {IDP: SignInStep.REALM}
no_name = DnsAnswered(name="ID.example", type="A", rcode="NXDOMAIN")
refused = ConnectionFailed(host=IDP, address="192.0.2.1", stage="connect", reason="refused", step=SignInStep.REALM)
asked = HttpExchange(host=IDP, method="GET", path="/any/path", status=503, step=SignInStep.REALM)
told = HttpExchange(host=IDP, method="GET", path="/any/path", status=200, step=SignInStep.REALM)


def _records(*events):
    return [Record(number, 100.0 + number, "c", event) for number, event in enumerate(events, 1)]


@pytest.mark.parametrize(
    ("event", "step"),
    [
        (no_name, SignInStep.REALM),
        (DnsAnswered(name="other.example", type="A", rcode="NXDOMAIN"), SignInStep.UNKNOWN),
        (DnsAnswered(name="other.example", type="AAAA", rcode="NODATA"), None),
        (refused, SignInStep.REALM),
        (ConnectionFailed(host="login.example", address="192.0.2.1", stage="connect"), SignInStep.UNKNOWN),
        (KdcExchange(request="TGS", service="HTTP/x", outcome="no answer"), SignInStep.TICKET),
        (asked, SignInStep.REALM),
        (told, None),
        (HttpExchange(host=IDP, method="GET", path="/common/userrealm/a", status=500), SignInStep.OTHER),
    ],
)
def test_a_failure_is_at_the_step_that_the_trace_has(event, step):
    """A path or a host's name alone says nothing; a name without an address fails where its host is declared for."""
    assert classify_failed_step(event, FIRST) is step


def test_what_failed_first_is_measured_by_its_step():
    """The step of a host comes from what is passed; without that it is unknown, and never a guess."""
    records = _records(no_name, no_name)
    verdict = judge(records, 100.0)
    assert measure(records, verdict, 100.0, 100.0, FIRST).step is SignInStep.REALM
    assert measure(records, verdict, 100.0, 100.0).step is SignInStep.UNKNOWN


def test_attempts_are_realm_discoveries_and_refused_connections_to_its_host():
    """Three attempts at a login host of any name are three, whatever the paths look like."""
    assert [is_attempt(event) for event in (refused, asked, told, no_name)] == [True, True, True, False]
    verdict = judge(_records(refused, asked, refused), 100.0)
    assert (verdict.attempts, verdict.outcome) == (3, "stalled")
    assert verdict.reason.startswith("3 attempts")
    other = HttpExchange(host=IDP, method="GET", path="/common/userrealm/a@b.c", status=503)
    assert judge(_records(other, other, other), 100.0).attempts == 1


def test_a_trace_in_a_file_carries_the_steps():
    """Read back from JSON, a record has the same step, as the enum's member; a step that is none is refused."""
    records = _records(asked, refused)
    lines = [record_to_json(record) for record in records]
    back = [parse_record(line) for line in lines]
    assert back == records
    assert [record.event.step for record in back] == [SignInStep.REALM, SignInStep.REALM]
    assert all(isinstance(record.event.step, SignInStep) for record in back)
    assert judge(back, 100.0) == judge(records, 100.0)
    with pytest.raises(TraceFormatError):
        parse_record(json.dumps(json.loads(lines[0]) | {"step": "no-such-step"}))


def test_no_silent_way_is_told_by_the_step():
    """That the provider offers nothing is said after realm discovery or the page's question, by verdict and chain."""
    page = HttpExchange(host=IDP, method="POST", path="/q", status=200, step=SignInStep.CREDENTIAL_TYPE)
    token = HttpExchange(host=IDP, method="POST", path="/getcredentialtype", status=200, step=SignInStep.TOKEN)
    issued = TokenIssued(kind="id", grant="x", subject="y")
    assert "offers no silent way" in judge(_records(page), 100.0).reason
    assert "offers no silent way" in str(explain(_records(told))[0])
    assert "offers no silent way" not in judge(_records(token, issued, page, token), 100.0).reason


@pytest.mark.parametrize(
    ("known", "text"),
    [
        ({}, "password to sts.example: foreign"),
        ({"owner": "bob@contoso.com"}, "password of bob@contoso.com to sts.example: foreign"),
        ({"part": "body"}, "password in the body to sts.example: foreign"),
    ],
)
def test_an_exposure_names_what_is_known(known, text):
    """The text of an exposure has owner and part of the request where they are known, else nothing."""
    assert str(Exposure(what="password", where="sts.example", why="foreign", seq=1, **known)) == text

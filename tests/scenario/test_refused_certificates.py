"""A certificate that a program refuses is the reason that verdict, explanation and comparison give."""

import pytest
from msgspec.structs import replace

from ssosim.real_clients.sent_requests import collect_sent_requests
from ssosim.trace import (
    ClientFinished,
    ConnectionFailed,
    DnsAnswered,
    FaultApplied,
    HttpExchange,
    Record,
    SignInStep,
    TokenIssued,
    UserPrompted,
    step_of_host,
)
from ssosim.trace.export import format_record, parse_record
from ssosim.verdict.explain import explain
from ssosim.verdict.judge import judge
from ssosim.verdict.steps import classify_failed_step

LOGIN, AUTOLOGON = "login.microsoftonline.com", "autologon.microsoftazuread-sso.com"
REALM = SignInStep.REALM
realm = HttpExchange(host=LOGIN, method="GET", path="/common/userrealm/a@b.c", status=200, step=REALM)
token = HttpExchange(host=LOGIN, method="POST", path="/organizations/oauth2/v2.0/token", status=200)
access = TokenIssued(kind="access", grant="authorization_code", subject="a@b.c")
asked = UserPrompted(reason="password")
ended = ClientFinished(program="curl", exit_code=60)
noise = DnsAnswered(name="update.googleapis.com", type="A", rcode="NXDOMAIN")
forbidden = HttpExchange(host=LOGIN, method="GET", path="/common/userrealm/a@b.c", status=403, step=REALM)


def refused(reason, host=LOGIN, by="server"):
    """A connection that ended in TLS."""
    step = step_of_host({LOGIN: SignInStep.REALM, AUTOLOGON: SignInStep.MEX}, host)
    return ConnectionFailed(host=host, address="192.0.2.10", stage="tls", reason=reason, by=by, step=step)


def records(*events, apart=1.0):
    """One record an event."""
    return [Record(number, 100 + number * apart, "c", event) for number, event in enumerate(events, 1)]


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (refused("certificate_expired"), f"{LOGIN}'s certificate was refused: certificate_expired"),
        (refused("unknown_ca"), f"{LOGIN}'s certificate was refused: unknown_ca"),
        (refused("bad-certificate", by="device"), f"{LOGIN}'s certificate was refused: bad-certificate"),
        (refused("closed"), f"{LOGIN}'s certificate was refused: closed without an alert"),
        (refused("unfinished"), f"no TLS with {LOGIN} at 192.0.2.10: the handshake was broken off without an alert"),
        (refused("protocol_version"), f"no TLS with {LOGIN} at 192.0.2.10: protocol_version"),
        (refused("decode_error", host=""), "no TLS with 192.0.2.10: decode_error"),
    ],
)
def test_the_reason_is_the_certificate(event, words):
    """Not that the provider offered nothing, and not that nothing failed; with the fault behind it."""
    fault = FaultApplied(name="certificate-expired", detail=f"the certificate of {LOGIN} has expired", id=1)
    event = replace(event, faults=(1,))
    for seen in ([event, ended], [realm, event, ended]):
        assert judge(records(*seen), 100.0).reason == f"it ended with exit code 60: {words}"
        (explained,) = explain(records(fault, *seen), client="c")
        assert [link.text.partition(" at 00")[0] for link in explained.links] == [words, "fault 'certificate-expired'"]
    assert words in format_record(records(event)[0])
    assert classify_failed_step(event) is (SignInStep.REALM if event.host else SignInStep.UNKNOWN)


def test_a_browser_s_own_questions_do_not_hide_it():
    """Names that had no address afterwards are not the reason; a service's later answer of its own is."""
    events = [refused("certificate_unknown"), noise, ended]
    assert "certificate_unknown" in judge(records(*events), 100.0).reason
    assert "certificate_unknown" in str(explain(records(*events))[0])
    assert "update.googleapis.com" in judge(records(refused("unknown_ca"), realm, noise, ended), 100.0).reason
    assert judge(records(refused("unknown_ca", AUTOLOGON), forbidden, ended), 100.0).outcome == "refused"
    assert "answered 403" in judge(records(refused("unknown_ca", AUTOLOGON), forbidden, ended), 100.0).reason


def test_a_handshake_that_a_browser_gives_up_is_no_cause():
    """No fault touched it, and its host answered on another connection: what else failed is the reason."""
    given_up, name = refused("unfinished"), replace(noise, name="firefox.settings.services.mozilla.com")
    throttled = replace(forbidden, host=AUTOLOGON, status=429)
    for events in ([realm, given_up, name, throttled, ended], [given_up, realm, throttled, name, ended]):
        reason = judge(records(*events), 100.0).reason
        assert "answered 429" in reason
        assert "429" in str(explain(records(*events))[0])
    assert "broken off" in judge(records(given_up, ended), 100.0).reason
    assert "broken off" in judge(records(realm, replace(given_up, faults=(1,)), ended), 100.0).reason


def test_an_alert_may_come_after_the_page():
    """What a browser does next may overtake its alert by some milliseconds; one much later is no cause."""
    events = [realm, asked, refused("certificate_unknown", AUTOLOGON), token, access]
    soon, late = judge(records(*events, apart=0.02), 100.0), judge(records(*events, apart=3.0), 100.0)
    assert (soon.outcome, late.outcome) == ("interactive", "interactive")
    assert "certificate_unknown" in soon.reason
    assert "certificate" not in late.reason
    assert "certificate_unknown" in str(explain(records(*events, apart=0.02))[0])


def test_models_and_programs_count_alike():
    """Each try is a step, whoever saw it; other connections that failed are none."""
    other = ConnectionFailed(host=LOGIN, address="100::1", stage="connect", reason="refused")
    model = collect_sent_requests(records(refused("expired-certificate", by="device"), other, realm), [])
    program = collect_sent_requests(records(refused("certificate_expired"), realm), [])
    assert model.steps == program.steps == (f"no TLS {LOGIN}", "realm")


def test_traces_of_before_are_read():
    """A record that does not say by whom is the device's, and one without a step has none that is known."""
    line = (
        '{"seq":1,"at":"2026-11-22T18:09:25.993568Z","client":"c","layer":"http","event":"ConnectionFailed",'
        f'"host":"{LOGIN}","address":"192.0.2.10","stage":"tls","reason":"bad-certificate"}}'
    )
    assert parse_record(line).event == replace(refused("bad-certificate", by="device"), step=SignInStep.UNKNOWN)

"""The rules of the judge that decide a sign-in or a failure, one by one, on hand-made records."""

from __future__ import annotations

import msgspec
import pytest

from ssosim.trace import (
    ClientFinished,
    ConnectionFailed,
    DnsAnswered,
    Event,
    HttpExchange,
    KdcExchange,
    LabEvent,
    Record,
    SignInStep,
    TokenIssued,
)
from ssosim.verdict import Outcome, judge
from ssosim.verdict.explain import explain
from ssosim.verdict.judge import find_unresolved_name
from tests.verdict.builders import (
    AUTOLOGON,
    GRAPH,
    LOGIN,
    accepted,
    access,
    assertion,
    at_graph,
    at_host,
    at_login,
    at_web,
    browser,
    crashed,
    deadline,
    declared,
    done,
    no_address,
    no_kdc,
    prompted,
    records,
    refused_ticket,
    tgs,
    unknown,
    untrusted,
    verdict,
)


@pytest.mark.parametrize(
    "later",
    [
        at_graph(200, injected=True),
        at_graph(0, injected=True),
        at_graph(0, dropped=True),
        at_graph(302, injected=True),
    ],
    ids=["page-in-its-place", "kept-back", "dropped", "redirect-in-its-place"],
)
def test_only_the_service_itself_can_cancel_its_refusal(later: HttpExchange) -> None:
    """After a 403, an answer that a fault kept back or put in its place is no success: the client is not signed in."""
    found = verdict(access, at_graph(403, error_description="Forbidden: no"), later, done)
    assert found.outcome is Outcome.FAILED
    assert verdict(access, at_graph(403), at_graph(200), done).outcome is Outcome.SILENT


@pytest.mark.parametrize("status", [400, 404, 408, 410, 429])
def test_a_session_is_no_sign_in_if_the_next_step_was_an_error(status: int) -> None:
    """A browser session is a step: an error page of the login host after it, of any status, ends the sign-in."""
    assert verdict(browser, at_login(status)).outcome is Outcome.STALLED
    found = verdict(browser, at_login(status), done)
    assert found.outcome is Outcome.FAILED
    assert f"{LOGIN}/common/login answered {status}" in found.reason
    assert verdict(browser, at_login(status), at_login(200), done).outcome is Outcome.SILENT


def test_a_picture_that_is_missing_does_not_undo_a_session() -> None:
    """An error at a path that is no step of the sign-in, such as that of an icon, changes nothing."""
    icon = at_login(404, "/favicon.ico", step=SignInStep.OTHER)
    assert verdict(browser, icon, done).outcome is Outcome.SILENT
    assert verdict(accepted, at_web(200), icon, done).outcome is Outcome.SILENT


@pytest.mark.parametrize(
    ("failed", "text"),
    [
        ((refused_ticket, at_web(401)), "the service refused the ticket: bad-bindings: none"),
        ((at_login(400),), "400 at login"),
        ((at_login(0),), "0 at login"),
    ],
    ids=["refused-ticket", "error-page", "no-answer"],
)
def test_a_picture_that_is_missing_is_no_cause(failed: tuple[Event, ...], text: str) -> None:
    """A browser requests the icon of each host after a refusal too, and looks up names: the refusal is the cause."""
    icon = at_login(404, "/favicon.ico", step=SignInStep.OTHER)
    noise = no_address("firefox.settings.services.mozilla.com")
    for events in ((*failed, icon), (*failed, icon, noise), (*failed, noise, icon), (icon, *failed)):
        (found,) = explain(records(*events, done))
        assert text in str(found)
        assert "favicon" not in f"{found} {found.reason}"


def test_a_page_that_is_missing_is_the_cause_if_nothing_else_failed() -> None:
    """The challenge that starts Negotiate and names without an address are no failures beside it."""
    page = HttpExchange(host="web.corp", method="GET", path="/gone", status=404)
    challenge = HttpExchange(host="web.corp", method="GET", path="/", status=401)
    for events in ((page,), (challenge, page), (no_address("x.example"), page), (page, no_address("x.example"))):
        (found,) = explain(records(*events, done))
        assert "404 at gone" in str(found)


@pytest.mark.parametrize("status", [400, 404, 413, 431])
def test_an_error_that_answers_a_ticket_is_the_refusal_and_not_the_challenge(status: int) -> None:
    """RFC 4559, section 4: the 401 without a ticket is the first step; what follows the ticket is the answer to it."""
    challenge = at_login(401, "/winauth", step=SignInStep.WSTRUST_TICKET)
    answer = at_login(
        status, "/winauth", step=SignInStep.WSTRUST_TICKET, auth="kerberos", error_description="Too long."
    )
    found = verdict(challenge, answer, done)
    assert (found.outcome, found.reason) == (Outcome.REFUSED, f"{LOGIN}/winauth answered {status}, Too long")
    assert verdict(challenge, msgspec.structs.replace(answer, injected=True), done).outcome is Outcome.FAILED
    page = verdict(at_web(401, auth="none"), at_web(status), done)
    assert page.outcome is Outcome.FAILED
    assert page.reason == f"it ended with exit code 0: web.corp/ answered {status}"


@pytest.mark.parametrize("status", [408, 425, 429])
def test_an_answer_that_means_try_again_refuses_no_ticket(status: int) -> None:
    """RFC 6585: a service that limits requests has not judged the ticket; the client has failed, with that answer."""
    found = verdict(at_login(status, "/winauth", step=SignInStep.WSTRUST_TICKET, auth="kerberos"), done)
    assert found.outcome is Outcome.FAILED
    assert f"answered {status}" in found.reason


def test_a_client_that_ends_with_the_error_of_a_reverse_look_up_is_told_so() -> None:
    """go-spnego ends where an address has no PTR record; a client that goes on after it has another cause."""
    pointer = DnsAnswered(name="20.2.0.192.in-addr.arpa", type="PTR", rcode="NXDOMAIN")
    challenge = HttpExchange(host=AUTOLOGON, method="GET", path="/sso", status=401, step=SignInStep.BROWSER_SSO)
    text = "the PTR look-up of 20.2.0.192.in-addr.arpa failed (NXDOMAIN)"
    (found,) = explain(records(pointer, crashed))
    assert (found.outcome, found.reason) == (Outcome.FAILED, f"it ended with exit code 1: {text}")
    assert [each.text for each in found.links] == [text]
    (found,) = explain(records(challenge, pointer, crashed))
    assert [each.text for each in found.links] == ["401 at sso", text]
    for events in ((pointer, at_graph(200), crashed), (pointer, done), (pointer, deadline)):
        (found,) = explain(records(*events))
        assert text not in f"{found} {found.reason}"


def test_an_assertion_counts_only_where_it_is_declared() -> None:
    """An assertion alone is a grant; with a declared last step it is the sign-in, unless a next step failed."""
    assert verdict(assertion, done).outcome is Outcome.FAILED
    assert "no token was asked for with it" in verdict(assertion, done).reason
    assert verdict(declared, assertion, done).outcome is Outcome.SILENT
    assert verdict(declared, assertion, no_address(GRAPH), done).outcome is Outcome.FAILED
    assert verdict(declared, assertion, at_login(503), done).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        ((accepted, at_web(200), done), Outcome.SILENT),
        ((accepted, at_web(403), done), Outcome.REFUSED),
        ((accepted, at_web(404), done), Outcome.FAILED),
        ((accepted, at_web(0, injected=True), done), Outcome.FAILED),
        ((accepted, at_web(200, injected=True), done), Outcome.FAILED),
        ((accepted, at_web(200, step=SignInStep.WSTRUST_TICKET), done), Outcome.FAILED),
        ((accepted, at_web(200), at_web(503), done), Outcome.FAILED),
        ((accepted, at_web(500), at_web(200), done), Outcome.FAILED),
    ],
)
def test_a_page_signs_in_only_with_the_ticket_that_was_accepted(events: tuple[Event, ...], outcome: Outcome) -> None:
    """RFC 4559, section 4.1: the page of the service itself, right after its check of the ticket."""
    assert verdict(*events).outcome is outcome


def test_a_client_that_ends_with_an_error_after_its_token_has_not_signed_in() -> None:
    """The exit code after the token counts; that of a client which ssosim stopped does not."""
    found = verdict(access, crashed)
    assert (found.outcome, found.after_s) == (Outcome.FAILED, 2.0)
    assert found.reason == "it ended with exit code 1: no exchange failed, and it had signed in"
    assert verdict(crashed, access).outcome is Outcome.SILENT
    late = verdict(access, deadline)
    assert late.outcome is Outcome.SILENT
    assert late.reason.endswith("; it did not end by itself, still running after 30 s, when its deadline came")
    assert "did not end" not in verdict(deadline, access).reason


def test_a_client_that_took_no_response_is_told_why() -> None:
    """requests-kerberos demands mutual authentication: a response without a token of the service is none for it."""
    assert "demands mutual authentication" in verdict(accepted, at_web(200), crashed).reason
    assert verdict(accepted, at_web(200, mutual_token=True), crashed).reason.endswith("the ticket was accepted")


def test_a_trace_that_does_not_say_why_a_client_was_killed_means_a_request() -> None:
    """A negative exit code is a signal of ssosim; a verdict on an old trace is that of a stopped client."""
    killed = ClientFinished(program="client", exit_code=-15)
    found = verdict(at_login(200), killed)
    assert (found.outcome, found.after_s) == (Outcome.STALLED, None)
    assert found.reason.startswith("still running, when it was stopped by a request: no exchange failed")


def test_a_client_stopped_at_the_limit_retries_without_bound() -> None:
    """The limit of events is named, and how often the client began."""
    limit = ClientFinished(program="client", exit_code=-9, stopped="limit", running_s=3600.0)
    realm = at_login(503, "/common/userrealm/a", step=SignInStep.REALM)
    reason = verdict(realm, realm, limit).reason
    assert reason.startswith(
        "stopped after 1 h at the limit of 20,000 events in an hour: it retries without bound: 2 attempts"
    )
    assert "it sent nothing" in verdict(limit).reason
    assert "attempts" not in verdict(realm, limit).reason


def test_a_challenge_that_was_left_unanswered_is_no_refusal() -> None:
    """A stopped client whose last answer was a bare 401 is still at it; one that sent a ticket was refused."""
    bare = at_web(401, auth="none")
    assert verdict(bare, deadline).reason.endswith(
        "it met the challenge of web.corp/ (401) last, without an answer to it"
    )
    for last in (at_web(401), at_web(403, auth="none"), at_login(401, auth="none", code=50126)):
        assert "challenge" not in verdict(last, deadline).reason
    assert "does not know" in verdict(unknown, bare, deadline).reason
    assert verdict(bare, done).outcome is Outcome.REFUSED


def test_a_prompt_is_counted_and_explained() -> None:
    """A prompt names its cause; before a token it is part of the sign-in, and without one it was in vain."""
    found = verdict(no_address(AUTOLOGON), prompted, access)
    assert (found.outcome, found.prompts, found.evidence) == (Outcome.INTERACTIVE, 1, (2, 3))
    assert found.reason == f"the user was asked, because {AUTOLOGON} has no address (NXDOMAIN)"
    assert verdict(prompted, prompted, access).reason == "the user was asked twice"
    assert verdict(prompted, prompted, prompted, access).reason == "the user was asked 3 times"
    assert verdict(access, prompted, access).reason == "the user was asked although a token had come"
    assert verdict(assertion, prompted, access).reason.startswith("the user was asked, because an assertion")
    vain = verdict(prompted, done)
    assert (vain.outcome, vain.reason) == (
        Outcome.FAILED,
        "the user was asked in vain: no exchange failed, and nothing was issued that signs in",
    )
    again = verdict(access, prompted, done)
    assert (again.outcome, again.reason) == (
        Outcome.FAILED,
        "the user was asked although a token had come, and nothing followed",
    )
    assert verdict(prompted, deadline).reason.startswith("the user was asked in vain, still running after 30 s")


def test_the_code_is_that_of_the_cause() -> None:
    """A code is named only if the reason names its exchange; a prompt has that of what came before it."""
    wrong = at_login(400, code=50126, error_description="AADSTS50126: Error.")
    assert verdict(wrong, done).code == "AADSTS50126"
    assert verdict(wrong, prompted, access).code == "AADSTS50126"
    assert verdict(unknown, done).code == "KDC_ERR_S_PRINCIPAL_UNKNOWN"
    assert verdict(tgs("no answer"), done).code == ""
    assert verdict(no_address(LOGIN), done).code == ""
    assert verdict(access, at_graph(403, error_description="ForbiddenByRbac: x"), done).code == "ForbiddenByRbac"
    assert verdict(access, at_graph(403, error_description="no code here"), done).code == ""
    assert verdict(at_web(403, error_description="ForbiddenByRbac: x"), done).code == ""


def test_a_token_that_a_resource_refuses_is_a_refusal_even_after_a_prompt() -> None:
    """The sign-in had succeeded, and a permission is missing. A client that was stopped is stalled all the same."""
    no = at_graph(403, error_description="Forbidden: missing scope.")
    found = verdict(prompted, access, no, done)
    assert found.outcome is Outcome.REFUSED
    assert (
        found.reason == "the token was accepted, and a permission is missing: "
        f"{GRAPH}/v1.0/me answered 403, Forbidden: missing scope"
    )
    assert verdict(access, at_graph(401), done).reason == f"{GRAPH}/v1.0/me answered 401"
    assert verdict(access, no, deadline).outcome is Outcome.STALLED


def test_a_code_that_waits_for_the_user_refuses_nothing() -> None:
    """authorization_pending is neither a refusal nor an error of the step (RFC 8628, section 3.5)."""
    pending = at_login(400, "/token", code=70016, step=SignInStep.TOKEN)
    assert verdict(pending).reason.endswith("no exchange failed, and nothing was issued that signs in")
    assert verdict(browser, pending, done).outcome is Outcome.SILENT
    assert verdict(at_login(400, "/token", code=50126), pending, done).outcome is Outcome.REFUSED


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ((KdcExchange(request="AS", service="krbtgt/C", outcome="KDC_ERR_CLIENT_REVOKED", principal="a@C"), done),
         "the KDC refused the sign-on of a@C: KDC_ERR_CLIENT_REVOKED"),
        ((KdcExchange(request="AS", service="krbtgt/C", outcome="no answer", principal="a@C"), done),
         "the KDC did not answer the sign-on of a@C"),
        ((tgs("no answer"), done), "it asked for HTTP/web.corp, and the KDC did not answer"),
        ((tgs("KDC_ERR_ETYPE_NOSUPP"), done), "it asked for HTTP/web.corp, and the KDC said KDC_ERR_ETYPE_NOSUPP"),
        ((unknown, at_web(401, auth="none"), done), "and got 401 to the request without a ticket"),
        ((unknown, at_web(403, auth="ntlm"), done), "and got 403 to the NTLM token it sent instead"),
        ((unknown, at_web(403), done), "which the KDC does not know, and got 403"),
        ((tgs("KDC_ERR_S_PRINCIPAL_UNKNOWN", "krbtgt/OTHER"), done), "no exchange failed"),
        ((at_login(0), done), f"{LOGIN}/common/login did not answer"),
        ((at_login(200, injected=True), done), "/common/login (200) was not the service's own answer"),
        ((at_login(502, injected=True), done), f"{LOGIN}/common/login answered 502"),
        ((at_login(400, code=90009), done), f"{LOGIN}/common/login answered 400, AADSTS90009"),
        ((at_login(200, step=SignInStep.REALM), done), f"{LOGIN} offers no silent way for this user"),
        ((at_login(200, step=SignInStep.CREDENTIAL_TYPE), done), f"{LOGIN} offers no silent way for this user"),
        ((ConnectionFailed(host="", address="169.254.169.254", stage="connect", by="wire",
                           step=SignInStep.MANAGED_IDENTITY), done), "there is no managed identity here"),
    ],
)  # fmt: skip
def test_the_cause_is_told_in_the_words_of_its_kind(events: tuple[Event, ...], words: str) -> None:
    """Each kind of cause has its sentence; a request for a realm is none."""
    assert words in verdict(*events).reason


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        ((at_web(401), no_address("web.corp"), done), Outcome.FAILED),
        ((no_address("web.corp"), at_web(401), done), Outcome.REFUSED),
        ((at_web(401), no_address("ads.example"), done), Outcome.REFUSED),
        ((at_web(401), ConnectionFailed(host="web.corp", address="192.0.2.1", stage="connect"), done), Outcome.FAILED),
        ((at_web(401), no_kdc, done), Outcome.REFUSED),
        ((at_web(401), at_login(503), done), Outcome.FAILED),
        ((at_web(401), at_login(499), done), Outcome.REFUSED),
        ((at_web(401), at_login(503), at_login(200), done), Outcome.REFUSED),
        ((at_host(404), done), Outcome.REFUSED),
        ((at_host(400), done), Outcome.REFUSED),
        ((at_host(500), done), Outcome.FAILED),
        ((at_web(401), at_login(500), done), Outcome.FAILED),
        ((at_web(401), at_login(503), at_graph(200), done), Outcome.FAILED),
        ((at_host(399), done), Outcome.FAILED),
    ],
)  # fmt: skip
def test_a_refusal_is_the_outcome_only_as_the_last_failure(events: tuple[Event, ...], outcome: Outcome) -> None:
    """A name, a connection or an answer that fails later is the cause; one that was made good is not."""
    assert verdict(*events).outcome is outcome


def test_a_resource_that_fails_does_not_undo_a_token() -> None:
    """The sign-in is the token; that an API is down afterwards is another trouble. A refusal of it is not."""
    assert verdict(access, at_graph(503), done).outcome is Outcome.SILENT
    assert verdict(access, at_graph(500), at_graph(401), done).outcome is Outcome.REFUSED
    assert verdict(browser, at_login(500), done).outcome is Outcome.FAILED
    assert verdict(browser, at_login(503), at_graph(200), done).outcome is Outcome.FAILED
    assert verdict(browser, at_login(429), at_login(200, "/other"), done).outcome is Outcome.FAILED


def test_attempts_are_counted_in_words() -> None:
    """One attempt, or their number, of a client that did not end."""
    realm = at_login(503, "/common/userrealm/a", step=SignInStep.REALM)
    assert verdict(realm).reason.startswith("one attempt, no prompt, no sign-in: ")
    assert verdict(realm, realm, realm).reason.startswith("3 attempts, no prompt, no sign-in: ")
    assert verdict(at_login(400, injected=True), done).reason.endswith(f"{LOGIN}/common/login answered 400")


def test_a_name_that_a_client_only_asked_for_is_no_cause_beside_another_failure() -> None:
    """Browsers query many names; the first name without an address is the cause if nothing else failed."""
    missing = no_address("ads.example")
    assert find_unresolved_name(records(missing, no_address("later.example"))).event.name == "ads.example"  # type: ignore[union-attr]
    for other in (at_login(503), at_web(401), tgs("no answer"), at_login(400), untrusted):
        assert find_unresolved_name(records(missing, other)) is None
        named = no_address(getattr(other, "host", "x"))
        assert (find_unresolved_name(records(named, other)) is None) == isinstance(other, KdcExchange)
    found = DnsAnswered(name="b", type="A", rcode="NOERROR", answers=("A 192.0.2.1",))
    assert find_unresolved_name(records(missing, found)) is None


def test_a_refused_certificate_is_the_cause_before_a_name() -> None:
    """A program that refused a certificate failed there, whatever it asked DNS for afterwards."""
    reason = verdict(untrusted, no_address(LOGIN), done).reason
    assert "has no address" not in reason
    assert "certificate" in reason or "unknown" in reason
    assert "has no address" in verdict(untrusted, at_login(200), no_address(LOGIN), done).reason


def test_a_client_that_sends_nothing_is_told_what_it_met_before() -> None:
    """A client can store an error: the last failure of an earlier phase is named, with its age."""
    before = records(at_login(200), at_login(503), at_login(200), began=10.0)
    reason = judge([], 100.0, before=before).reason
    assert (
        reason == "it did nothing that reached the wire; what it met last, 1 min 28 s before: "
        f"{LOGIN}/common/login answered 503"
    )
    assert judge([], 100.0, before=records(at_login(200))).reason == "it did nothing that reached the wire"
    ended = judge(records(done), 100.0, before=before)
    assert ended.outcome is Outcome.FAILED
    assert ended.reason.startswith("it ended with exit code 0 and sent nothing; what it met last")
    assert judge([], 10.0, before=records(at_login(503), began=99.0)).reason.count("0 s before") == 1
    assert "8 s before" in judge([], 100.0, before=records(at_login(503), began=91.0)).reason


def test_a_model_that_raises_an_error_has_failed_with_it() -> None:
    """The error of the model is named, and the cause in parentheses if there is one."""
    raised = ClientFinished(program="model", exit_code=1, error="ValueError: no")
    assert verdict(raised).reason == "it raised ValueError: no"
    found = verdict(at_login(503), raised)
    assert (found.outcome, found.reason) == (
        Outcome.FAILED,
        f"it raised ValueError: no ({LOGIN}/common/login answered 503)",
    )


def test_times_of_models_are_told_and_those_of_programs_are_not() -> None:
    """A program needs time to start, so only a model's sign-in a second or more into the phase is told."""
    assert verdict(at_login(200), access).reason.endswith(", 2 s into the phase, without the user")
    assert verdict(access).reason.endswith(", 1 s into the phase, without the user")
    assert judge([Record(1, 100.999, "c", access)], 100.0).reason == "signed in without a prompt"
    device = LabEvent(part="device", text="started", device_kind="arc")
    assert "into the phase" not in verdict(device, access).reason
    assert "into the phase" in verdict(LabEvent(part="dns", text="started"), access).reason
    assert "into the attempt" in judge(records(access), 90.0, period="attempt").reason
    assert "1 h 1 min 1 s into" in judge([Record(1, 3761.0, "c", access)], 100.0).reason


def test_the_first_lasting_token_gives_the_time() -> None:
    """Later tokens of the same kind do not move the time; a failure or a prompt between them does."""
    assert verdict(access, access, at_login(200), access).after_s == 1.0
    assert verdict(access, at_login(503), access).after_s == 3.0
    assert verdict(access, at_login(400), access, access).after_s == 3.0
    assert verdict(browser, access).after_s == 2.0
    assert verdict(access, at_graph(401), access, at_graph(200)).after_s == 3.0


def test_a_stored_refresh_token_is_named() -> None:
    """A token by a refresh token that nobody got in this phase is of an earlier sign-in."""
    renewed = TokenIssued(kind="access", grant="refresh_token", subject="a")
    assert "with a refresh token of an earlier sign-in" in verdict(renewed).reason
    assert "earlier sign-in" not in verdict(access, renewed).reason.replace("access", "")
    assert "earlier" not in verdict(access).reason


def test_the_last_service_is_named_and_realms_are_not() -> None:
    """``spn`` is the last service ticket that was asked for; requests for a realm do not count."""
    assert verdict(tgs("issued", "HTTP/a"), tgs("issued", "HTTP/b"), tgs("issued", "krbtgt/X")).spn == "HTTP/b"
    assert verdict(KdcExchange(request="AS", service="krbtgt/C", outcome="issued")).spn == ""
    assert verdict(unknown, tgs("issued"), done).code == ""
    assert (verdict().attempts, verdict(tgs("issued")).attempts) == (0, 1)


def test_rules_that_were_switched_off_are_told_of_a_sign_in_only() -> None:
    """``not checked`` is part of the reason of a sign-in; a failure has no token to rely on."""
    lenient = TokenIssued(kind="access", grant="password", subject="a", not_checked=("mfa", "audience"))
    assert verdict(lenient).reason.endswith("; not checked: audience, mfa")
    assert "not checked" not in verdict(lenient, crashed).reason


def test_the_chain_does_not_depend_on_how_a_name_is_written() -> None:
    """Active Directory and DNS compare names without regard to case: a CNAME in capitals is still the cause."""
    alias = DnsAnswered(name="web.corp", type="A", rcode="NOERROR", answers=("CNAME TM.example.", "A 192.0.2.1"))
    chain = explain(
        records(alias, tgs("KDC_ERR_S_PRINCIPAL_UNKNOWN", "HTTP/Tm.example:8443"), at_web(401, auth="none"), done)
    )
    assert any("web.corp is a CNAME and this client canonicalises" in str(each) for each in chain)

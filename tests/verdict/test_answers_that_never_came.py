"""What looks like a sign-in and is none: a lost token, a page without the ticket, another request."""

from __future__ import annotations

import pytest

from ssosim.trace import ClientFinished, HttpExchange, SignInStep, TicketChecked, TokenIssued
from ssosim.verdict import Outcome
from ssosim.verdict.explain import explain
from tests.verdict.builders import (
    GRAPH,
    LOGIN,
    accepted,
    access,
    assertion,
    at_graph,
    at_host,
    at_login,
    at_token,
    at_web,
    crashed,
    declared,
    done,
    prompted,
    records,
    verdict,
)

refresh = TokenIssued(kind="refresh", grant="password", subject="a")
identity = TokenIssued(kind="id", grant="password", subject="a")


@pytest.mark.parametrize("token", [access, refresh, identity], ids=["access", "refresh", "id"])
@pytest.mark.parametrize(
    "answer",
    [at_token(200, injected=True), at_token(503, injected=True), at_token(0, dropped=True), at_token(0)],
    ids=["changed", "replaced", "dropped", "kept-back"],
)
def test_a_token_whose_answer_was_changed_or_kept_back_signs_nobody_in(
    token: TokenIssued, answer: HttpExchange
) -> None:
    """The provider issued the token; what reached the client was no answer of the provider (RFC 6749, section 5.1)."""
    ended = verdict(token, answer, done)
    assert ended.outcome is Outcome.FAILED
    assert f"{LOGIN}/common/oauth2/v2.0/token" in ended.reason
    assert verdict(token, answer).outcome is Outcome.STALLED
    assert verdict(token, at_token(200), done).outcome is Outcome.SILENT


def test_all_tokens_of_a_lost_answer_are_lost() -> None:
    """One answer holds access, refresh and id token; they are lost together, and those of the next answer are not."""
    lost = at_token(200, injected=True)
    assert verdict(access, refresh, identity, lost, done).outcome is Outcome.FAILED
    again = verdict(access, refresh, identity, lost, access, refresh, at_token(200), done)
    assert (again.outcome, again.after_s, again.evidence) == (Outcome.SILENT, 6.0, (6,))


def test_the_time_of_a_sign_in_is_that_of_a_token_that_arrived() -> None:
    """A token before it whose answer was lost is not the first lasting one."""
    for lost in (at_token(200, injected=True), at_token(401, injected=True), at_token(0)):
        assert verdict(access, lost, access, at_token(200)).after_s == 3.0
    assert verdict(access, at_token(200), access, at_token(200)).after_s == 1.0


def test_a_prompt_after_a_lost_token_does_not_come_although_a_token_had_come() -> None:
    """The client had no token when it asked; the changed answer is the cause of the prompt."""
    found = verdict(access, at_token(502, injected=True), prompted, access, at_token(200))
    assert found.outcome is Outcome.INTERACTIVE
    assert found.reason == f"the user was asked, because {LOGIN}/common/oauth2/v2.0/token answered 502"
    vain = verdict(access, at_token(502, injected=True), prompted, done)
    assert (vain.outcome, vain.reason) == (
        Outcome.FAILED,
        f"the user was asked in vain: {LOGIN}/common/oauth2/v2.0/token answered 502",
    )


def test_trouble_at_a_resource_does_not_undo_a_token() -> None:
    """An exchange that gives no token, such as one with an API, is not the answer that contained the token."""
    for trouble in (at_graph(0), at_graph(200, injected=True), at_graph(503, injected=True)):
        assert verdict(access, trouble, done).outcome is Outcome.SILENT
    assert verdict(access, at_graph(503), at_token(0), done).outcome is Outcome.SILENT


def test_a_managed_identity_token_can_be_lost_too() -> None:
    """The host of a device answers at the step ``managed-identity``; a fault in its place keeps the token back."""
    token = TokenIssued(kind="access", grant="managed_identity", subject="vm")
    lost = HttpExchange(host="h", method="GET", path="/m", status=200, step=SignInStep.MANAGED_IDENTITY, injected=True)
    assert verdict(token, lost, done).outcome is Outcome.FAILED
    assert verdict(token, at_host(200), done).outcome is Outcome.SILENT


def test_a_declared_assertion_that_was_changed_on_its_way_is_no_last_step() -> None:
    """The assertion is the sign-in where it is declared to be, and only if the answer with it arrived."""
    step = SignInStep.WSTRUST_TICKET
    assert verdict(declared, assertion, at_login(200, "/w", step=step, injected=True), done).outcome is Outcome.FAILED
    assert verdict(declared, assertion, at_login(200, "/w", step=step), done).outcome is Outcome.SILENT


@pytest.mark.parametrize("auth", ["none", "ntlm", "negotiate", "password", "bearer"])
def test_only_the_answer_to_the_ticket_is_the_page_of_a_sign_in(auth: str) -> None:
    """RFC 4559, section 4.1: the page answers the request with the ticket, not another request of the same client."""
    other = HttpExchange(host="cdn.example", method="GET", path="/logo.png", status=200, auth=auth)  # type: ignore[arg-type]
    assert verdict(accepted, other, done).outcome is not Outcome.SILENT
    assert verdict(accepted, at_web(200), other, done).outcome is Outcome.SILENT


def test_one_check_of_a_ticket_is_for_one_answer() -> None:
    """A ticket that was accepted for an answer with an error is none for the next page (RFC 4559, section 4.1)."""
    assert verdict(accepted, at_web(500), at_web(200), done).outcome is Outcome.FAILED
    assert verdict(accepted, at_web(500), accepted, at_web(200), done).outcome is Outcome.SILENT


def test_a_refused_ticket_after_an_accepted_one_gives_no_page() -> None:
    """The last check before the answer counts: the page came without a ticket that the service accepted."""
    refused = TicketChecked(accepted=False, mechanism="kerberos", reason="replay")
    assert verdict(accepted, refused, at_web(200), done).outcome is Outcome.FAILED
    assert verdict(refused, accepted, at_web(200), done).outcome is Outcome.SILENT


def test_a_preflight_cancels_no_refusal() -> None:
    """Fetch standard, CORS protocol: a preflight has no credentials, so a server answers it whoever asks."""
    preflight = at_graph(204, method="OPTIONS", auth="none")
    found = verdict(access, at_graph(403, error_description="Authorization_RequestDenied: no"), preflight, done)
    assert (found.outcome, found.code) == (Outcome.REFUSED, "Authorization_RequestDenied")
    page = at_login(401, code=50126)
    assert verdict(page, at_login(200, method="OPTIONS"), done).outcome is Outcome.REFUSED
    assert verdict(page, at_login(200), done).outcome is Outcome.FAILED


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE"])
def test_a_permission_to_read_is_none_to_write(method: str) -> None:
    """Azure RBAC has actions of their own for read, write and delete; a later GET of the same path cancels nothing."""
    refused = at_graph(403, method=method, error_description="ForbiddenByRbac: no")
    found = verdict(access, refused, at_graph(200), done)
    assert (found.outcome, found.code) == (Outcome.REFUSED, "ForbiddenByRbac")
    assert verdict(access, refused, at_graph(200, method=method), done).outcome is Outcome.SILENT


def test_the_chain_names_the_refusal_that_a_read_does_not_cancel() -> None:
    """The chain of causes and the outcome go by the same rule: else the chain would end at a success."""
    other = at_web(500)  # it is open as well, and came before
    refused = at_graph(403, method="PUT", error_description="no write")
    (found,) = explain(records(access, other, refused, at_graph(200), done))
    assert [link.seq for link in found.links] == [3]
    (found,) = explain(records(access, other, refused, at_graph(200, method="PUT"), done))
    assert 3 not in [link.seq for link in found.links]
    wrong = at_login(401, code=50126, step=SignInStep.TOKEN)
    (found,) = explain(records(other, wrong, at_login(200, method="OPTIONS", step=SignInStep.TOKEN), done))
    assert [link.seq for link in found.links] == [2]
    (found,) = explain(records(other, wrong, at_login(200, step=SignInStep.TOKEN), done))
    assert [link.seq for link in found.links] == [1]


def test_an_error_of_a_model_after_its_token_is_a_failure_whatever_its_exit_code() -> None:
    """The caller of the model got the exception, and no token."""
    raised = ClientFinished(program="model", exit_code=0, error="ValueError: no")
    found = verdict(access, at_token(200), raised)
    assert (found.outcome, found.reason) == (
        Outcome.FAILED,
        "it raised ValueError: no (no exchange failed, and it had signed in)",
    )
    assert verdict(access, at_token(200), crashed).outcome is Outcome.FAILED
    assert verdict(access, at_token(200), ClientFinished(program="m", exit_code=0)).outcome is Outcome.SILENT


def test_a_host_that_answers_something_else_does_not_cancel_its_own_refusal() -> None:
    """A success counts at the same host and the same path only."""
    refused = at_graph(403)
    elsewhere = HttpExchange(host="graph.microsoft.us", method="GET", path="/v1.0/me", status=200, auth="bearer")
    other_path = HttpExchange(host=GRAPH, method="GET", path="/v1.0/users", status=200, auth="bearer")
    for success in (elsewhere, other_path):
        assert verdict(access, refused, success, done).outcome is Outcome.REFUSED

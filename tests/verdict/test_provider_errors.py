"""An error of the provider is a refusal whatever the HTTP status, and is said in the provider's own words."""

from __future__ import annotations

import pytest

from ssosim.trace import HttpExchange, Record, SignInStep
from ssosim.trace.export import describe_event, parse_record, record_to_json
from ssosim.verdict.explain import explain
from ssosim.verdict.judge import Verdict, judge
from ssosim.verdict.outcome import Outcome
from ssosim.verdict.steps import classify_failed_step

TEXT = "AADSTS50011: The redirect URI 'https://x.example/' does not match."


def exchange(status: int, code: int | None = None, text: str = "") -> HttpExchange:
    """An answer of the authorization endpoint."""
    return HttpExchange(
        host="login",
        method="GET",
        path="/common/authorize",
        status=status,
        code=code,
        error_description=text,
        step=SignInStep.AUTHORIZE,
    )


def records(*events: HttpExchange) -> list[Record]:
    """The events, one a second."""
    return [Record(number, 100.0 + number, "c", event) for number, event in enumerate(events)]


def judged(*events: HttpExchange) -> Verdict:
    """The verdict on ``events``."""
    return judge(records(*events), 100.0)


@pytest.mark.parametrize("status", [200, 302, 400, 503])
def test_a_code_is_a_refusal_with_any_status(status: int) -> None:
    """An error page has status 200 and a redirect with an error 302: neither is a success."""
    verdict = judged(exchange(status, 50011, TEXT))
    assert verdict.outcome is Outcome.REFUSED
    assert f"answered {status}, {TEXT.rstrip('.')}" in verdict.reason
    assert classify_failed_step(exchange(status, 50011)) is SignInStep.AUTHORIZE


def test_a_later_good_answer_cancels_it_and_an_error_page_does_not() -> None:
    """The same path without an error is a success; with an error page it is none."""
    refused, page, good = exchange(401, 7000215, "AADSTS7000215: x"), exchange(200, 50011, TEXT), exchange(200)
    assert judged(refused, good).outcome is Outcome.STALLED
    assert judged(refused, page).outcome is Outcome.REFUSED
    assert "AADSTS50011" in judged(refused, page).reason


def test_explanation_and_trace_say_the_sentence() -> None:
    """``ssosim explain`` and ``ssosim trace`` have the text, JSON has it in full, and reading gives it back."""
    found = records(exchange(200, 50011, TEXT))
    assert "200 AADSTS50011 at authorize: The redirect URI" in str(explain(found)[0])
    assert TEXT in describe_event(found[0].event)
    assert parse_record(record_to_json(found[0])) == found[0]


def test_a_long_sentence_is_cut_at_a_word() -> None:
    """A reason is one line; the trace has the rest."""
    text = "AADSTS50105: " + "word " * 200
    reason = judged(exchange(400, 50105, text)).reason
    assert "word …" in reason
    assert len(reason) < 400

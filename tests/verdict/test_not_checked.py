"""A verdict names the rules of the identity provider that were switched off and that a token does not keep."""

from __future__ import annotations

from ssosim.trace import HttpExchange, Record, TokenIssued, UserPrompted
from ssosim.verdict.judge import Verdict, judge
from ssosim.verdict.outcome import Outcome


def token(*rules: str) -> TokenIssued:
    """An access token that does not keep ``rules``."""
    return TokenIssued(kind="access", grant="password", subject="a@b.c", not_checked=rules)


def judged(*events: TokenIssued | UserPrompted | HttpExchange) -> Verdict:
    """The verdict on ``events``, one a second."""
    return judge([Record(number, 100.0 + number, "c", event) for number, event in enumerate(events)], 100.0)


def test_a_sign_in_names_each_rule_once() -> None:
    """The outcome stays; the reason ends with the rules."""
    verdict = judged(token("scope", "consent"), token("consent"))
    assert verdict.outcome is Outcome.SILENT
    assert verdict.reason.endswith("; not checked: consent, scope")
    assert judged(UserPrompted(), token("consent")).reason.endswith("; not checked: consent")


def test_a_sign_in_that_keeps_all_rules_says_nothing() -> None:
    """Only tokens count: no rule, no words."""
    assert "not checked" not in judged(token()).reason


def test_a_client_that_did_not_sign_in_says_nothing() -> None:
    """A verdict without a sign-in rests on no token."""
    refused = HttpExchange(host="login", method="POST", path="/t", status=400, code=65001)
    verdict = judged(token("consent"), refused)
    assert verdict.outcome is Outcome.REFUSED
    assert "not checked" not in verdict.reason

"""A program that answers the sign-in page by itself has asked nobody."""

from __future__ import annotations

from ssosim.trace import HttpExchange, Record, SignInStep, TokenIssued, UnattendedSignIn, UserPrompted
from ssosim.verdict.judge import judge
from ssosim.verdict.outcome import Outcome

POST = HttpExchange(host="login", method="POST", path="/common/login", status=302, step=SignInStep.SIGN_IN_PAGE)
TOKEN = TokenIssued(kind="access", grant="authorization_code", subject="a", audience="b", digest="c")


def judged(*events):
    """The verdict on these events of one client."""
    return judge([Record(seq, 0.0, "c", event) for seq, event in enumerate(events)], 0.0)


def test_a_page_without_a_person_is_no_prompt():
    """Silent, and the reason says how."""
    verdict = judged(UnattendedSignIn(reason="page"), POST, TOKEN)
    assert (verdict.outcome, verdict.reason) == (Outcome.SILENT, "signed in at the page without a person")
    assert judged(POST, TOKEN).reason == "signed in without a prompt"


def test_a_person_at_the_page_is_a_prompt():
    """A page that was displayed is a prompt, whatever else happened."""
    verdict = judged(UserPrompted(reason="page"), UnattendedSignIn(reason="page"), POST, TOKEN)
    assert (verdict.outcome, verdict.reason) == (Outcome.INTERACTIVE, "the user was asked")

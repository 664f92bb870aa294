"""Verdicts on programs whose sign-in succeeded and whose request a resource server refused."""

from __future__ import annotations

import pytest

from ssosim.trace import AccessTokenChecked, ClientFinished, Event, HttpExchange, Record, TokenIssued, UserPrompted
from ssosim.verdict.judge import judge
from ssosim.verdict.outcome import Outcome

ISSUED = TokenIssued(kind="access", grant="authorization_code", subject="alice@contoso.com")
CHECKED = AccessTokenChecked(resource="management.azure.com", accepted=True)
END = ClientFinished(program="python", exit_code=1)


def answer(status: int, text: str = "", auth: str = "bearer") -> HttpExchange:
    """Return the answer of Azure Resource Manager."""
    host = "management.azure.com"
    return HttpExchange(host=host, method="GET", path="/x", status=status, auth=auth, error_description=text)  # type: ignore[arg-type]


def refusal(code: int) -> HttpExchange:
    """Return a refusal of the identity provider."""
    host, text = "login.microsoftonline.com", f"AADSTS{code}: text"
    return HttpExchange(host=host, method="POST", path="/t", status=401, code=code, error_description=text)


def verdict_on(*events: Event) -> tuple[Outcome, str]:
    """Judge a client with these events."""
    records = [Record(number, 100.0 + number, "client", event) for number, event in enumerate(events, start=1)]
    found = judge(records, 100.0)
    return found.outcome, found.reason


@pytest.mark.parametrize("before", [(), (UserPrompted(reason="sign-in page"),)])
def test_a_missing_permission_is_no_failed_sign_in(before: tuple[Event, ...]) -> None:
    """403 after an accepted token is a permission, whether a person was asked before or not (GO-003, PY-003)."""
    text = "AuthorizationFailed: The client 'a' does not have authorization"
    outcome, reason = verdict_on(*before, ISSUED, CHECKED, answer(403, text), END)
    assert outcome is Outcome.REFUSED
    assert reason.startswith("the token was accepted, and a permission is missing: management.azure.com/x answered 403")
    assert "AuthorizationFailed" in reason


def test_a_refused_token_names_its_reason() -> None:
    """401 of a resource server is a refusal with its own words, also where the program ends with exit code 0."""
    for end in (END, ClientFinished(program="python", exit_code=0)):
        outcome, reason = verdict_on(ISSUED, answer(200), answer(401, "ExpiredAuthenticationToken: The access"), end)
        assert outcome is Outcome.REFUSED
        assert reason == "management.azure.com/x answered 401, ExpiredAuthenticationToken: The access"


def test_the_challenge_of_key_vault_is_no_refusal() -> None:
    """401 to the request without a token, then a token, then 200 at the same path: silent."""
    end = ClientFinished(program="python", exit_code=0)
    assert verdict_on(answer(401, auth="none"), ISSUED, answer(200), end)[0] is Outcome.SILENT


def test_a_deadline_is_still_a_deadline() -> None:
    """A program that ssosim stopped after a refusal has stalled."""
    end = ClientFinished(program="python", exit_code=-1, stopped="deadline")
    assert verdict_on(ISSUED, answer(403, "x"), end)[0] is Outcome.STALLED


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ((ISSUED, CHECKED, answer(403, "AuthorizationFailed: The client"), END), "AuthorizationFailed"),
        ((ISSUED, answer(401, "ExpiredAuthenticationToken: The access"), END), "ExpiredAuthenticationToken"),
        ((ISSUED, answer(403, "The token contains not enough scope."), END), ""),
        ((refusal(7000215), END), "AADSTS7000215"),
        ((refusal(50126), refusal(7000215), END), "AADSTS7000215"),
        ((refusal(50126), ISSUED, ClientFinished(program="python", exit_code=0)), ""),
        ((refusal(50126), UserPrompted(reason="sign-in page"), ISSUED), "AADSTS50126"),
        ((ClientFinished(program="python", exit_code=1),), ""),
        ((UserPrompted(reason="sign-in page"), answer(500, auth="none"), END), ""),
    ],
)
def test_the_code_of_a_verdict_is_that_of_its_cause(events: tuple[Event, ...], code: str) -> None:
    """AADSTS or the code of the resource server; none where nothing failed in the end, or the cause has no code."""
    records = [Record(number, 100.0 + number, "client", event) for number, event in enumerate(events, start=1)]
    found = judge(records, 100.0)
    assert found.code == code, found.reason
    assert not code or code in found.reason

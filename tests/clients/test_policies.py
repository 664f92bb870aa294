"""Policies are pure and decide as they state, whatever they are given."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ssosim_clients.failures import (
    Failure,
    HttpFailure,
    NetworkFailure,
    NotOffered,
    OauthFailure,
    ProtocolFailure,
    Stage,
    TicketFailure,
)
from ssosim_clients.policies import (
    Fail,
    FailFast,
    GiveUpUntil,
    Interactive,
    Policy,
    PromptAtOnce,
    RetryAfter,
    SwallowAndRetry,
    needs_person,
)

NETWORK: st.SearchStrategy[Failure] = st.builds(
    NetworkFailure, st.sampled_from(["dns", "connect", "tls", "read"]), st.just("timeout")
)
FAILURES: st.SearchStrategy[Failure] = NETWORK | st.one_of(
    st.builds(HttpFailure, st.integers(400, 599)),
    st.builds(ProtocolFailure, st.text(max_size=20)),
    st.builds(TicketFailure, st.sampled_from(["server-unknown", "kdc-unreachable", "expired"]), st.just("HTTP/h")),
    st.builds(OauthFailure, st.sampled_from(["invalid_grant", "temporarily_unavailable", "invalid_client"])),
    st.builds(NotOffered, st.just("managed")),
)
STAGES = st.sampled_from(Stage)
ATTEMPTS = st.integers(1, 10**6)
SECONDS = st.floats(0, 1e9)
SWALLOWS = st.builds(SwallowAndRetry, st.integers(1, 50), st.floats(0.1, 60), st.floats(0, 3600), st.floats(1, 86400))
POLICIES: st.SearchStrategy[Policy] = SWALLOWS | st.just(PromptAtOnce()) | st.just(FailFast())


@given(POLICIES, STAGES, FAILURES, ATTEMPTS, SECONDS)
def test_always_decides_and_is_pure(policy: Policy, stage: Stage, error: Failure, attempt: int, elapsed: float) -> None:
    """Whatever happened, there is a decision, and the same one when asked again."""
    decision = policy.decide(stage, error, attempt, elapsed)
    assert isinstance(decision, RetryAfter | Interactive | GiveUpUntil | Fail)
    assert decision == policy.decide(stage, error, attempt, elapsed)


@given(SWALLOWS, STAGES, FAILURES, ATTEMPTS, SECONDS)
def test_swallow_asks_only_when_told(
    policy: SwallowAndRetry, stage: Stage, error: Failure, attempt: int, elapsed: float
) -> None:
    """No network, HTTP, protocol or ticket error ever leads to a prompt (004-021)."""
    decision = policy.decide(stage, error, attempt, elapsed)
    assert isinstance(decision, Interactive) == needs_person(error)
    assert not isinstance(decision, Fail)


@given(SWALLOWS, st.lists(st.tuples(STAGES, FAILURES, st.floats(0, 120)), min_size=60, max_size=80))
def test_swallow_ends_its_round_in_time(policy: SwallowAndRetry, faults: list[tuple[Stage, Failure, float]]) -> None:
    """Under any sequence of faults a round ends within its tries, and no retry begins after its stated bound."""
    elapsed = 0.0
    for attempt, (stage, error, took) in enumerate(faults, 1):
        elapsed += took
        decision = policy.decide(stage, error, attempt, elapsed)
        if not isinstance(decision, RetryAfter):
            assert attempt <= policy.tries
            return
        elapsed += decision.seconds
        assert elapsed <= policy.decides_within
    pytest.fail("the round went on for ever")


@given(SWALLOWS, STAGES, st.integers(400, 599), ATTEMPTS, SECONDS)
def test_refusal_is_not_retried_within_a_round(
    policy: SwallowAndRetry, stage: Stage, status: int, attempt: int, elapsed: float
) -> None:
    """An HTTP answer is no network error: it waits for the next background round (004-081)."""
    assert policy.decide(stage, HttpFailure(status), attempt, elapsed) == GiveUpUntil(policy.round_every)


@given(STAGES, FAILURES, ATTEMPTS, SECONDS)
def test_prompt_at_once(stage: Stage, error: Failure, attempt: int, elapsed: float) -> None:
    """Every failure leads to the person, at once."""
    assert isinstance(PromptAtOnce().decide(stage, error, attempt, elapsed), Interactive)


@given(STAGES, FAILURES, ATTEMPTS, SECONDS)
def test_fail_fast(stage: Stage, error: Failure, attempt: int, elapsed: float) -> None:
    """Every failure is final and says where it happened."""
    decision = FailFast().decide(stage, error, attempt, elapsed)
    assert isinstance(decision, Fail)
    assert decision.message.startswith(stage)


@pytest.mark.parametrize("seconds", [-1.0, math.inf, math.nan])
def test_impossible_waits_are_refused(seconds: float) -> None:
    """A decision that no clock can carry out is an error where it is made."""
    with pytest.raises(ValueError, match="RetryAfter"):
        RetryAfter(seconds)
    with pytest.raises(ValueError, match="GiveUpUntil"):
        GiveUpUntil(seconds)


def test_a_background_round_takes_time() -> None:
    """Giving up for zero seconds would be a busy loop."""
    with pytest.raises(ValueError, match="above zero"):
        GiveUpUntil(0)

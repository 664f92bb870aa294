"""Policies are pure and decide as they state, whatever they are given."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from ssosim_clients.failures import (
    Failure,
    HttpFailure,
    InteractionRequired,
    NetworkFailure,
    OauthFailure,
    ProtocolFailure,
    Stage,
    TicketFailure,
)
from ssosim_clients.policies import (
    Fail,
    FailFast,
    Hybrid,
    Interactive,
    NextRoundAfter,
    Policy,
    PromptAtOnce,
    RetryAfter,
    RetryHot,
    RetryThenFallback,
    SwallowAndRetry,
    requires_user,
)

NETWORK: st.SearchStrategy[Failure] = st.builds(
    NetworkFailure, st.sampled_from(["dns", "connect", "tls", "read"]), st.just("timeout")
)
FAILURES: st.SearchStrategy[Failure] = NETWORK | st.one_of(
    st.builds(HttpFailure, st.integers(400, 599)),
    st.builds(ProtocolFailure, st.text(max_size=20)),
    st.builds(TicketFailure, st.sampled_from(["server-unknown", "kdc-unreachable", "expired"]), st.just("HTTP/h")),
    st.builds(OauthFailure, st.sampled_from(["invalid_grant", "temporarily_unavailable", "invalid_client"])),
    st.builds(InteractionRequired, st.just("managed")),
)
STAGES = st.sampled_from(Stage)
ATTEMPTS = st.integers(1, 10**6)
SECONDS = st.floats(0, 1e9)
SWALLOWS = st.builds(SwallowAndRetry, st.integers(1, 50), st.floats(0.1, 60), st.floats(0, 3600), st.floats(1, 86400))
FALLBACKS = st.builds(RetryThenFallback, st.floats(0, 600), st.floats(0.1, 30), st.floats(0.1, 60))
HYBRIDS = st.builds(Hybrid, st.floats(0, 7200), st.floats(0.1, 30), st.floats(0.1, 60))
SIMPLE: st.SearchStrategy[Policy] = st.sampled_from([PromptAtOnce(), FailFast()])
POLICIES: st.SearchStrategy[Policy] = SWALLOWS | FALLBACKS | HYBRIDS | SIMPLE


@given(POLICIES, STAGES, FAILURES, ATTEMPTS, SECONDS)
def test_always_decides_and_is_pure(policy: Policy, stage: Stage, error: Failure, attempt: int, elapsed: float) -> None:
    """For every failure there is a decision, and a second call gives the same one."""
    decision = policy.decide(stage, error, attempt, elapsed)
    assert isinstance(decision, RetryAfter | Interactive | NextRoundAfter | Fail)
    assert decision == policy.decide(stage, error, attempt, elapsed)


@given(SWALLOWS, STAGES, FAILURES, ATTEMPTS, SECONDS)
def test_swallow_asks_only_when_told(
    policy: SwallowAndRetry, stage: Stage, error: Failure, attempt: int, elapsed: float
) -> None:
    """No network, HTTP, protocol or ticket error ever leads to a prompt (TMS9-021)."""
    decision = policy.decide(stage, error, attempt, elapsed)
    assert isinstance(decision, Interactive) == requires_user(error)
    assert not isinstance(decision, Fail)


@given(POLICIES, st.lists(st.tuples(STAGES, FAILURES, st.floats(0, 120)), min_size=1, max_size=40))
def test_every_policy_decides_in_time(policy: Policy, faults: list[tuple[Stage, Failure, float]]) -> None:
    """Under any sequence of faults, however long each takes, no retry begins after the bound that a policy states."""
    bound = policy.max_retry_time  # type: ignore[attr-defined] - all of these state one
    elapsed, attempt = 0.0, 0
    while True:
        stage, error, took = faults[attempt % len(faults)]
        attempt, elapsed = attempt + 1, elapsed + took
        decision = policy.decide(stage, error, attempt, elapsed)
        if not isinstance(decision, RetryAfter):
            return
        elapsed += decision.seconds
        assert elapsed <= bound
        assert attempt < 100_000, "the round went on for ever"


@given(st.one_of(FALLBACKS, HYBRIDS), STAGES, FAILURES, st.integers(1, 10**6))
def test_patience_ends_with_a_person(policy: Policy, stage: Stage, error: Failure, attempt: int) -> None:
    """Both policies that retry and then prompt do prompt, whatever the failure is, after their time (TMS9-022)."""
    bound = policy.max_retry_time  # type: ignore[attr-defined] - both state one
    assert isinstance(policy.decide(stage, error, attempt, bound + 0.001), Interactive)


@given(FALLBACKS, STAGES, st.sampled_from([400, 401, 403, 404]), st.floats(0, 1))
def test_fallback_does_not_repeat_a_refusal(
    policy: RetryThenFallback, stage: Stage, status: int, elapsed: float
) -> None:
    """An error response leads to a prompt at once; a 503 is transient and is retried within the budget (TMS9-081)."""
    assert isinstance(policy.decide(stage, HttpFailure(status), 1, elapsed), Interactive)
    patient = RetryThenFallback(budget=600)
    assert isinstance(patient.decide(stage, HttpFailure(503), 1, elapsed), RetryAfter)


@given(STAGES, FAILURES, ATTEMPTS, SECONDS)
def test_retry_hot(stage: Stage, error: Failure, attempt: int, elapsed: float) -> None:
    """Two retries without a pause, then the error, whatever the failure and the time are."""
    decision = RetryHot().decide(stage, error, attempt, elapsed)
    assert decision == (RetryAfter(0.0) if attempt < 3 else Fail(f"{stage}: {error}"))


@given(HYBRIDS, STAGES, FAILURES)
def test_hybrid_asks_when_told(policy: Hybrid, stage: Stage, error: Failure) -> None:
    """If the service says that the user must act, the policy does not wait."""
    if requires_user(error):
        assert isinstance(policy.decide(stage, error, 1, 0.0), Interactive)


@given(SWALLOWS, STAGES, st.integers(400, 599), ATTEMPTS, SECONDS)
def test_refusal_is_not_retried_within_a_round(
    policy: SwallowAndRetry, stage: Stage, status: int, attempt: int, elapsed: float
) -> None:
    """An HTTP response is no network error: the policy waits for the next background round (TMS9-081)."""
    assert policy.decide(stage, HttpFailure(status), attempt, elapsed) == NextRoundAfter(policy.round_interval)


@given(STAGES, FAILURES, ATTEMPTS, SECONDS)
def test_prompt_at_once(stage: Stage, error: Failure, attempt: int, elapsed: float) -> None:
    """Every failure leads to a prompt at once."""
    assert isinstance(PromptAtOnce().decide(stage, error, attempt, elapsed), Interactive)


@given(STAGES, FAILURES, ATTEMPTS, SECONDS)
def test_fail_fast(stage: Stage, error: Failure, attempt: int, elapsed: float) -> None:
    """Every failure is final, and the error has the stage."""
    decision = FailFast().decide(stage, error, attempt, elapsed)
    assert isinstance(decision, Fail)
    assert decision.message.startswith(stage)


@pytest.mark.parametrize("seconds", [-1.0, math.inf, math.nan])
def test_impossible_waits_are_refused(seconds: float) -> None:
    """A decision with a time that no clock can wait for is a ValueError."""
    with pytest.raises(ValueError, match="RetryAfter"):
        RetryAfter(seconds)
    with pytest.raises(ValueError, match="NextRoundAfter"):
        NextRoundAfter(seconds)


def test_a_background_round_takes_time() -> None:
    """A new round after zero seconds would be a busy loop."""
    with pytest.raises(ValueError, match="above zero"):
        NextRoundAfter(0)


def test_a_copy_of_a_decision_is_checked_too():
    """A decision that is copied with another time is refused as a new one is (msgspec issue 874)."""
    with pytest.raises(ValueError, match="RetryAfter"):
        replace(RetryAfter(1.0), seconds=-1.0)
    with pytest.raises(ValueError, match="above zero"):
        replace(NextRoundAfter(60.0), seconds=0.0)

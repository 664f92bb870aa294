"""Network-error policies: what a client does after a failed sign-in attempt."""

from __future__ import annotations

from ssosim_clients.policies.decision import (
    Decision,
    Fail,
    Interactive,
    NextRoundAfter,
    Policy,
    RetryAfter,
    requires_user,
)
from ssosim_clients.policies.patient import Hybrid, RetryThenFallback
from ssosim_clients.policies.registry import (
    POLICIES,
    PolicyLoadError,
    UnknownPolicyError,
    find_policy,
    list_policy_names,
)
from ssosim_clients.policies.simple import FailFast, PromptAtOnce, RetryHot
from ssosim_clients.policies.swallow import SwallowAndRetry

__all__ = [
    "POLICIES",
    "Decision",
    "Fail",
    "FailFast",
    "Hybrid",
    "Interactive",
    "NextRoundAfter",
    "Policy",
    "PolicyLoadError",
    "PromptAtOnce",
    "RetryAfter",
    "RetryHot",
    "RetryThenFallback",
    "SwallowAndRetry",
    "UnknownPolicyError",
    "find_policy",
    "list_policy_names",
    "requires_user",
]

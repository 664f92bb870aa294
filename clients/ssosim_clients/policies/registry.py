"""Policies by name: those of this package, and those of other packages.

Another package registers a policy in the entry point group ``ssosim.network_error_policies``. The entry point is a
policy, or a class that can be called without arguments.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from ssosim_clients.policies.decision import Policy
from ssosim_clients.policies.patient import Hybrid, RetryThenFallback
from ssosim_clients.policies.simple import FailFast, PromptAtOnce, RetryHot
from ssosim_clients.policies.swallow import SwallowAndRetry

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["ENTRY_POINT_GROUP", "POLICIES", "PolicyLoadError", "UnknownPolicyError", "find_policy", "list_policy_names"]

ENTRY_POINT_GROUP: Final = "ssosim.network_error_policies"

POLICIES: Final[Mapping[str, Policy]] = MappingProxyType(
    {
        "swallow-and-retry": SwallowAndRetry(),
        "prompt-at-once": PromptAtOnce(),
        "fail-fast": FailFast(),
        "retry-hot": RetryHot(),
        "retry-then-fallback": RetryThenFallback(),
        "hybrid": Hybrid(),
    }
)
"""The policies of this package, with default values. Another package cannot replace them."""


class UnknownPolicyError(LookupError):
    """There is no policy with that name. The message lists similar names."""


class PolicyLoadError(Exception):
    """The policy of another package cannot be loaded. The message has the entry point and the reason."""


def list_policy_names() -> tuple[str, ...]:
    """The names of all policies, those of this package first. No other package is imported."""
    return (*POLICIES, *sorted({entry.name for entry in _list_entry_points()} - set(POLICIES)))


def find_policy(name: str) -> Policy:
    """The policy with the name ``name``. Raises ``UnknownPolicyError``, ``PolicyLoadError``."""
    if name in POLICIES:
        return POLICIES[name]
    for entry in _list_entry_points():
        if entry.name == name:
            return _load(entry)
    names = list_policy_names()
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names
    raise UnknownPolicyError(f"no network-error policy is called {name!r}; did you mean {', '.join(near)}?")


def _list_entry_points() -> tuple[EntryPoint, ...]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - the import takes 20 ms and is seldom needed

    return tuple(entry_points(group=ENTRY_POINT_GROUP))


def _load(entry: EntryPoint) -> Policy:
    label = f"the network-error policy {entry.name!r} ({entry.value})"
    try:
        found = entry.load()
        policy = found() if isinstance(found, type) else found
    except Exception as error:
        raise PolicyLoadError(f"{label} cannot be loaded: {type(error).__name__}: {error}") from error
    if not callable(getattr(policy, "decide", None)):
        raise PolicyLoadError(f"{label} has no method decide(stage, error, attempt, elapsed)")
    loaded: Policy = policy
    return loaded

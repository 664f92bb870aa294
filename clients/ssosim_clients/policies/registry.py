"""Policies by name: those that come with the package, and those that other packages bring.

Another package adds one through the entry point group ``ssosim.network_error_policies``; the entry point is a policy,
or a class that makes one without arguments.
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

__all__ = ["GROUP", "POLICIES", "PolicyLoadError", "UnknownPolicyError", "find_policy", "policy_names"]

GROUP: Final = "ssosim.network_error_policies"

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
"""The shipped policies with their default figures. Their names cannot be taken by another package."""


class UnknownPolicyError(LookupError):
    """There is no policy of that name; the message lists the near ones."""


class PolicyLoadError(Exception):
    """Another package names a policy that cannot be had; the message says which package's and why."""


def policy_names() -> tuple[str, ...]:
    """Every name that ``find_policy`` knows, the shipped ones first. Nothing is imported for it."""
    return (*POLICIES, *sorted({entry.name for entry in _brought()} - set(POLICIES)))


def find_policy(name: str) -> Policy:
    """The policy called ``name``. Raises ``UnknownPolicyError``, ``PolicyLoadError``."""
    if name in POLICIES:
        return POLICIES[name]
    for entry in _brought():
        if entry.name == name:
            return _load(entry)
    names = policy_names()
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names
    raise UnknownPolicyError(f"no network-error policy is called {name!r}; did you mean {', '.join(near)}?")


def _brought() -> tuple[EntryPoint, ...]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - 20 ms that most uses of the package do without

    return tuple(entry_points(group=GROUP))


def _load(entry: EntryPoint) -> Policy:
    where = f"the network-error policy {entry.name!r} ({entry.value})"
    try:
        found = entry.load()
        policy = found() if isinstance(found, type) else found
    except Exception as error:
        raise PolicyLoadError(f"{where} cannot be loaded: {type(error).__name__}: {error}") from error
    if not callable(getattr(policy, "decide", None)):
        raise PolicyLoadError(f"{where} has no method decide(stage, error, attempt, elapsed)")
    made: Policy = policy
    return made

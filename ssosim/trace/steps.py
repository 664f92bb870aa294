"""The steps of a sign-in in a trace: a request has one by its path, a host has that of the first request to it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ssosim_clients.steps import SignInStep

__all__ = ["NO_FIRST_STEPS", "FirstSteps", "SignInStep", "step_of_host"]

FirstSteps = Mapping[str, SignInStep]
"""The first sign-in step at each host, by name in lower case; ``ssosim.entra.first_steps`` has those of an estate."""

NO_FIRST_STEPS: FirstSteps = MappingProxyType({})
"""No host has a known step."""


def step_of_host(first_steps: FirstSteps, host: str) -> SignInStep:
    """Return the step for ``host`` where there is no request with a path; UNKNOWN for a host that is not listed."""
    return first_steps.get(host.lower(), SignInStep.UNKNOWN)

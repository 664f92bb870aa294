"""Steps of a sign-in, as a trace has them: of a request by its path, of a host by what it is asked for first."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ssosim_clients.steps import SignInStep

__all__ = ["NO_FIRST_STEPS", "FirstSteps", "SignInStep", "step_of_host"]

FirstSteps = Mapping[str, SignInStep]
"""What each host is asked for first, by name in lower case; of an estate: ``ssosim.entra.first_steps``."""

NO_FIRST_STEPS: FirstSteps = MappingProxyType({})
"""Where nobody has said what hosts are for."""


def step_of_host(first_steps: FirstSteps, host: str) -> SignInStep:
    """The step that stands for ``host`` where no path was seen; UNKNOWN for a host that nobody has declared."""
    return first_steps.get(host.lower(), SignInStep.UNKNOWN)

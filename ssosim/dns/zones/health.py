"""How traffic manager endpoints are: what one probe changes (pure), and the board that holds it all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from ssosim.dns.zones.query_context import ALL_ONLINE, Health, Status

__all__ = ["HealthTable", "ProbedState", "after_probe"]


@dataclass(frozen=True, slots=True)
class ProbedState:
    """One endpoint as its probes see it; ``failures`` were in a row. It is answered with while it is being checked."""

    status: Literal["checking", "online", "degraded"] = "checking"
    failures: int = 0


def after_probe(state: ProbedState, *, passed: bool, tolerated: int) -> ProbedState:
    """The state after one more probe.

    Failures are tolerated in a row up to ``tolerated``; one more and the endpoint is degraded. One probe that passes
    makes it online. Source: Traffic Manager documentation, endpoint monitoring.
    """
    if passed:
        return ProbedState("online")
    failures = state.failures + 1
    return ProbedState("degraded" if failures > tolerated else state.status, failures)


class HealthTable:
    """The state of endpoints, by names of profile and endpoint, as an immutable value that is replaced at a change.

    Who compares the value by identity knows whether anything has changed since. What is *held* goes before what probes
    find: that is how an operator or a fault stops or degrades an endpoint.

    ``current`` is the state of every endpoint that is not simply online; it is for reading.
    """

    def __init__(self) -> None:
        self._probed: dict[tuple[str, str], Status] = {}
        self._overrides: dict[tuple[str, str], Status] = {}
        self.current: Health = ALL_ONLINE

    def record_probe(self, profile: str, endpoint: str, status: Status) -> None:
        """Write down what a probe found."""
        self._probed[profile, endpoint] = status
        self._publish()

    def override(self, profile: str, endpoint: str, status: Status) -> None:
        """Set a state by hand, whatever probes find, until ``release``."""
        self._overrides[profile, endpoint] = status
        self._publish()

    def clear_override(self, profile: str, endpoint: str) -> None:
        """Let the probes' findings count again."""
        self._overrides.pop((profile, endpoint), None)
        self._publish()

    def forget(self, endpoints: Iterable[tuple[str, str]]) -> None:
        """Forget what probes found about those endpoints."""
        for endpoint in endpoints:
            self._probed.pop(endpoint, None)
        self._publish()

    def _publish(self) -> None:
        states = {key: status for key, status in {**self._probed, **self._overrides}.items() if status != "online"}
        if states != self.current:
            self.current = MappingProxyType(states)

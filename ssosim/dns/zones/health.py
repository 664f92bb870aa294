"""The health of traffic manager endpoints: the effect of one probe (a pure function), and the table of all states."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import MappingProxyType
from typing import Literal

from msgspec import Struct

from ssosim.dns.zones.query_context import ALL_ONLINE, Health, Status

__all__ = ["HealthTable", "ProbedState", "after_probe"]


class ProbedState(Struct, frozen=True):
    """The state of an endpoint by its probes; ``failures`` in a row. An endpoint in state checking is used."""

    status: Literal["checking", "online", "degraded"] = "checking"
    failures: int = 0


def after_probe(state: ProbedState, *, passed: bool, tolerated: int) -> ProbedState:
    """The state after one more probe.

    After more than ``tolerated`` failures in a row the endpoint is degraded. One successful probe makes it online.
    Source: Traffic Manager documentation, endpoint monitoring.
    """
    if passed:
        return ProbedState("online")
    failures = state.failures + 1
    return ProbedState("degraded" if failures > tolerated else state.status, failures)


class HealthTable:
    """The state of endpoints by (profile, endpoint), as an immutable mapping that is replaced at every change.

    Compare ``current`` by identity to find out whether anything has changed. An *override* has precedence over the
    results of probes: with it an operator or a fault stops or degrades an endpoint. ``current`` has every endpoint that
    is not online; it is read-only.
    """

    def __init__(self) -> None:
        self._probed: dict[tuple[str, str], Status] = {}
        self._overrides: dict[tuple[str, str], Status] = {}
        self.current: Health = ALL_ONLINE

    def record_probe(self, profile: str, endpoint: str, status: Status) -> None:
        """Record the state that a probe found."""
        self._probed[profile, endpoint] = status
        self._publish()

    def override(self, profile: str, endpoint: str, status: Status) -> None:
        """Set the state, independent of probes, until ``clear_override``."""
        self._overrides[profile, endpoint] = status
        self._publish()

    def clear_override(self, profile: str, endpoint: str) -> None:
        """Remove the override; the results of probes apply again."""
        self._overrides.pop((profile, endpoint), None)
        self._publish()

    def snapshot(self) -> Callable[[], None]:
        """Return the function that brings the present results of probes back; overrides stay as they are then."""
        probed = self._probed.copy()

        def restore() -> None:
            self._probed = probed
            self._publish()

        return restore

    def forget(self, endpoints: Iterable[tuple[str, str]]) -> None:
        """Remove the results of probes of those endpoints."""
        for endpoint in endpoints:
            self._probed.pop(endpoint, None)
        self._publish()

    def _publish(self) -> None:
        states = {key: status for key, status in {**self._probed, **self._overrides}.items() if status != "online"}
        if states != self.current:
            self.current = MappingProxyType(states)

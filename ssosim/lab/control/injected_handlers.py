"""The interface of handlers that belong to higher layers than the lab: verdicts and scenarios.

The lab must not import these layers. The program that starts the lab passes a function that creates the handlers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from ssosim.lab.core.lab import Lab
from ssosim.verdict.expectations import Expectation

if TYPE_CHECKING:  # a lab is ready sooner without
    from ssosim.changes.plan import Plan
    from ssosim.changes.risk import Reason

__all__ = ["InjectedHandlers", "MakeInjectedHandlers"]


class InjectedHandlers(Protocol):
    """Verdicts and scenarios on a running lab.

    All methods raise LabInputError for invalid input, and LabError for a request that the lab refuses.
    """

    async def verdicts(self, client: str | None, since: int, expected: Expectation | None = None) -> dict[str, Any]:
        """Judge ``client``, or all clients, from the trace records after number ``since``. The lab keeps running.

        ``expected`` is compared with each verdict.
        """
        ...

    def forecast_reasons(self, plan: Plan) -> tuple[Reason, ...]:
        """Forecast what ``plan`` does to clients, as reasons of its risk. It is called in a thread."""
        ...

    def scenarios(self) -> dict[str, Any]:
        """List the scenarios of the catalogue."""
        ...

    def begin(self, body: dict[str, Any]) -> dict[str, Any]:
        """Start a scenario with its first phase."""
        ...

    def current(self) -> dict[str, Any] | None:
        """The scenario that is running or has ended; None if none was started."""
        ...

    def advance(self) -> dict[str, Any]:
        """Start the next phase, or end the scenario after its last phase."""
        ...

    def end(self) -> dict[str, Any]:
        """Stop the scenario and undo its faults."""
        ...


MakeInjectedHandlers = Callable[[Lab], InjectedHandlers]
"""Creates the handlers. It is called at the first request that needs them, so that a lab is ready sooner."""

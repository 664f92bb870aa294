"""What the control API offers that is made in storeys above the lab: it is handed in, so that the lab need not know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ssosim.lab.core.lab import Lab

__all__ = ["InjectedHandlers", "MakeInjectedHandlers"]


class InjectedHandlers(Protocol):
    """Verdicts and scenarios on a running lab. All raise LabInputError for what makes no sense, LabError else."""

    async def verdicts(self, client: str | None, since: int) -> dict[str, Any]:
        """What became of ``client``, or of everybody, by the records after number ``since``; the lab goes on."""
        ...

    def scenarios(self) -> dict[str, Any]:
        """The scenarios that there are."""
        ...

    def begin(self, body: dict[str, Any]) -> dict[str, Any]:
        """Start a scenario with its first phase."""
        ...

    def current(self) -> dict[str, Any] | None:
        """The scenario under way or played to its end; None where there is none."""
        ...

    def advance(self) -> dict[str, Any]:
        """From its phase to the next, or to its end."""
        ...

    def end(self) -> dict[str, Any]:
        """Stop it, and undo what it broke."""
        ...


MakeInjectedHandlers = Callable[[Lab], InjectedHandlers]
"""Called at the first request that needs it: a lab is ready sooner without."""

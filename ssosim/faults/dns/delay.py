"""The fault ``delay``."""

from __future__ import annotations

import math
from typing import Literal

from ssosim.dns import Effect
from ssosim.faults.core.answer_fault import DnsAnswerFault
from ssosim.faults.core.fault import Applied
from ssosim.trace import DnsAnswered

__all__ = ["Delay"]


class Delay(DnsAnswerFault, frozen=True, kw_only=True, tag="delay"):
    """Answers are sent late, in real seconds. Source: Azure DNS, 1 April 2021 (overload).

    ``fixed``: by ``seconds``. ``uniform``: from ``seconds - spread`` to ``seconds + spread``. ``exponential``: with
    mean ``seconds``. Never by more than ``longest``, which bounds drawn delays.
    """

    seconds: float
    distribution: Literal["fixed", "uniform", "exponential"] = "fixed"
    spread: float = 0.0
    longest: float = 60.0

    def __post_init__(self) -> None:
        """Raise ValueError for fields out of range."""
        super().__post_init__()
        if not (0 < self.seconds < math.inf and 0 <= self.spread < math.inf and 0 < self.longest < math.inf):
            raise ValueError("seconds and longest must be above 0, spread not below 0, all of them finite")
        if self.distribution == "fixed" and self.seconds > self.longest:
            raise ValueError(f"seconds {self.seconds:g} is above longest {self.longest:g}: give a larger longest")
        if self.spread and self.distribution != "uniform":
            raise ValueError('spread is for distribution = "uniform" only')

    @property
    def final(self) -> bool:
        """Return False: the content of the answer does not change."""
        return False

    def effect(self, event: DnsAnswered, applied: Applied, client: str) -> Effect:  # noqa: ARG002 - the same for all requests
        """Delay the answer."""
        match self.distribution:
            case "fixed":
                wait = self.seconds
            case "uniform":
                wait = applied.random_for(client).uniform(self.seconds - self.spread, self.seconds + self.spread)
            case "exponential":
                wait = applied.random_for(client).expovariate(1 / self.seconds)
        return Effect(delay=min(max(wait, 0.0), self.longest))

    def describe(self) -> str:
        """Describe the fault in one line."""
        spread = f" ± {self.spread}" if self.distribution == "uniform" else ""
        return f"answers {self.seconds}{spread} s late ({self.distribution}): {self.describe_scope()}"

"""The level of a risk."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Level"]


class Level(IntEnum):
    """Risk, in rising order."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3

    @property
    def word(self) -> str:
        """The level as it is written in policies and output: low, medium, high."""
        return self.name.lower()

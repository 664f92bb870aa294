"""The time axis of the report: time runs to the right, and every phase has a readable minimum width."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Scale"]


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps seconds since the Unix epoch to x.

    ``stops`` are the phases' starts and the end; ``marks`` their x values.
    """

    stops: tuple[float, ...]
    marks: tuple[float, ...]

    @classmethod
    def over(cls, stops: Sequence[float], left: float, right: float, *, least: float) -> Scale:
        """Divide the width from ``left`` to ``right``: ``least`` for each phase, the rest by its length.

        Phases that all have no length get equal parts. ``stops`` are ascending: at least one phase, and the end.
        """
        count = len(stops) - 1
        least = min(least, (right - left) / count)
        spare, total = (right - left) - count * least, stops[-1] - stops[0]
        marks = [left]
        for begin, end in pairwise(stops):
            marks.append(marks[-1] + least + spare * ((end - begin) / total if total else 1 / count))
        return cls(tuple(stops), tuple(marks))

    def x(self, moment: float) -> float:
        """Return the x value of ``moment``; moments outside the range are at its ends."""
        moment = min(max(moment, self.stops[0]), self.stops[-1])
        index = min(bisect_right(self.stops, moment), len(self.stops) - 1) - 1
        begin, end = self.stops[index], self.stops[index + 1]
        left, right = self.marks[index], self.marks[index + 1]
        if begin == end:  # a phase without length: what is in it, is at its start
            return round(left, 1)
        return round(left + (right - left) * (moment - begin) / (end - begin), 1)

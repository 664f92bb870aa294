"""What a matrix came to: the cells whose own expectation is broken, and how many cells could fail at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ssosim.lab.base.errors import LabError
from ssosim.real_clients.batch import Cell
from ssosim.real_clients.measured import MeasurementDifference, count_compared_cells
from ssosim.verdict.status import Status, combine_statuses

__all__ = ["describe_broken_cells", "describe_judged_cells", "find_matrix_status", "require_cells"]


def require_cells(cells: Sequence[Cell]) -> None:
    """Raise LabError if there is no cell: a matrix of nothing shows nothing."""
    if not cells:
        raise LabError(
            "no sign-in was played, so nothing could fail; in password-faults, clients are left out that do not post "
            "a federated user's password and expect nothing of its phases by name"
        )


def describe_broken_cells(cells: Iterable[Cell]) -> list[str]:
    """Return a sentence about each cell whose expectation is broken: the place, what was expected, the reason."""
    return [
        f"{cell}: {cell.outcome}, expected {'; '.join(map(str, cell.broken))}: {cell.reason}"
        for cell in cells
        if cell.broken
    ]


def describe_judged_cells(cells: Sequence[Cell]) -> str:
    """Return how many cells an expectation judges, and how many of these are broken, as text for people."""
    judged = [cell for cell in cells if cell.status != "not-judged"]
    if not judged:
        return "no expectation judges any of them"
    return f"{len(judged)} are judged by an expectation, {sum(cell.status == 'failed' for cell in judged)} break it"


def find_matrix_status(cells: Sequence[Cell], differences: Iterable[MeasurementDifference]) -> Status:
    """Return the status of the whole matrix; ``differences`` are those from earlier measurements.

    A difference without a reason is a failure. A cell that was compared with a measurement was judged.
    """
    measured: list[Status] = ["passed"] if count_compared_cells(cells) else []
    measured += ["failed" for each in differences if each.reason is None]
    return combine_statuses([*measured, *(cell.status for cell in cells)])

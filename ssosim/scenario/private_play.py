"""Play a scenario in a new lab, from the user's command: start the lab, wait for it, read the result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ssosim.lab.base.errors import LabError
from ssosim.lab.base.folder import LabFolder
from ssosim.lab.process.launcher import launch
from ssosim.scenario.model import Scenario
from ssosim.verdict.result import ResultFormatError, RunResult, read_result

__all__ = ["play_privately"]


def play_privately(
    folder: LabFolder,
    scenario: Scenario,
    estate_file: Path | None = None,
    *,
    at_once: int | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> RunResult:
    """Play ``scenario`` in a private network, with the state folder ``folder``, and return the result.

    ``meanwhile`` is called ten times a second. ``at_once`` is the number of programs that run in parallel. Raises
    LabNameTakenError, LabError and its subclasses; in every case all processes of the lab have ended.
    """

    def work(_: int, status_fd: int) -> int:
        from ssosim.scenario.private_run import run_in_namespaces  # noqa: PLC0415 - in the lab's process only

        return run_in_namespaces(folder, scenario, estate_file, status_fd, at_once=at_once)

    namespaces, line = launch(folder, work, on_poll=meanwhile)
    namespaces.end()
    namespaces.wait()
    try:
        return read_result(line)
    except ResultFormatError as error:
        raise LabError(f"{scenario.name}: the lab's process sent an unusable result: {error}") from error

"""Play a scenario in a lab of its own, as the command that the user started sees it: start, wait, read the result."""

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
    """Play ``scenario`` in a private network on ``folder``; ``meanwhile`` is called ten times a second.

    ``at_once``: so many programs side by side. Raises LabNameTakenError, LabError and its kinds; whatever is raised,
    nothing is left running.
    """

    def work(_: int, tell: int) -> int:
        from ssosim.scenario.private_run import run_in_world  # noqa: PLC0415 - inside the world only

        return run_in_world(folder, scenario, estate_file, tell, at_once=at_once)

    namespaces, line = launch(folder, work, on_poll=meanwhile)
    namespaces.end()
    namespaces.wait()
    try:
        return read_result(line)
    except ResultFormatError as error:
        raise LabError(f"{scenario.name}: the lab told what is {error}") from error

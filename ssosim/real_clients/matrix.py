"""The matrix: which real clients meet which scenarios, cut into jobs that can be played at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

import msgspec

from ssosim.faults import KdcSilent
from ssosim.real_clients.batch import Cell, Job
from ssosim.real_clients.client_choice import as_client
from ssosim.real_clients.lookup import Part
from ssosim.real_clients.parallel_runs import Progress, play_jobs
from ssosim.scenario.client_choice import with_clients
from ssosim.scenario.loader import load_scenario
from ssosim.scenario.model import Client, Phase, Scenario

__all__ = ["PASSWORD_FAULTS", "SCENARIOS", "Matrix", "play_clients", "play_matrix"]

PASSWORD_FAULTS = "password-faults"  # noqa: S105 - the name of a scenario
"""The scenario of the fault rows; it concerns those who post a federated user's password, and nobody else."""

SCENARIOS = ("feb-2025", "short-blip", "middlebox", "kdc-unreachable", PASSWORD_FAULTS)
"""What the matrix plays unless told otherwise."""

_LABS_AT_ONCE = 2
_PROGRAMS_AT_ONCE = 4
_WAITERS_AT_ONCE = 12
_PHASES_A_JOB = 7
_STS = "sts.fabrikam.com"


@dataclass(frozen=True, slots=True)
class Matrix:
    """Who was played in what, and what came of it."""

    parts: tuple[Part, ...]
    scenarios: tuple[Scenario, ...]
    cells: tuple[Cell, ...]

    def cell(self, scenario: str, phase: str, client: str) -> Cell | None:
        """One cell; None where this client was not played there."""
        wanted = (scenario, phase, client)
        return next((cell for cell in self.cells if (cell.scenario, cell.phase, cell.client) == wanted), None)


def play_matrix(
    parts: Sequence[Part], names: Sequence[str] = SCENARIOS, progress: Progress = lambda *_: None
) -> Matrix:
    """Play the flows ``parts``, all installed, in the scenarios called ``names``.

    Raises TomlMistakeError for a scenario that is not there, PrerequisiteError for a client that is not installed, and
    LabError.
    """
    scenarios = tuple(load_scenario(name) for name in names)
    clients = [as_client(part) for part in parts]
    return Matrix(tuple(parts), scenarios, play_clients(scenarios, clients, progress))


def play_clients(
    scenarios: Sequence[Scenario], clients: Sequence[Client], progress: Progress = lambda *_: None
) -> tuple[Cell, ...]:
    """Every phase of ``scenarios`` with ``clients``; the fault rows only with those whom they concern."""
    general = [scenario for scenario in scenarios if scenario.name != PASSWORD_FAULTS]
    rows = next((scenario for scenario in scenarios if scenario.name == PASSWORD_FAULTS), None)
    first = [job for scenario in general for job in _jobs(scenario, clients)]
    if rows is None:
        return play_jobs(_numbered(first), _LABS_AT_ONCE, progress)
    # The healthy row says whom the others concern; it goes first, and with those that wait for long.
    healthy = _job(rows, rows.phases[:1], clients)
    known = play_jobs(_numbered([healthy]), 1, progress)
    concerned = {cell.client for cell in known if cell.outcome == "silent" and _STS in cell.seen.passwords}
    rest = msgspec.structs.replace(rows, phases=rows.phases[1:])
    more = _jobs(rest, [client for client in clients if client.name in concerned]) if concerned else []
    kept = tuple(cell for cell in known if cell.client in concerned)
    return kept + play_jobs(_numbered([*first, *more]), _LABS_AT_ONCE, progress)


def _jobs(scenario: Scenario, clients: Sequence[Client]) -> list[Job]:
    """The phases of ``scenario`` in labs of their own: those that make clients wait each in one."""
    waiting = [phase for phase in scenario.phases if _makes_wait(phase)]
    others = [phase for phase in scenario.phases if not _makes_wait(phase)]
    groups = [[phase] for phase in waiting]
    groups += [others[start : start + _PHASES_A_JOB] for start in range(0, len(others), _PHASES_A_JOB)]
    return [_job(scenario, group, clients) for group in groups]


def _job(scenario: Scenario, phases: Sequence[Phase], clients: Sequence[Client]) -> Job:
    waits = any(_makes_wait(phase) for phase in phases)
    cut = msgspec.structs.replace(with_clients(scenario, clients), phases=tuple(phases))
    return Job(lab="", scenario=cut, at_once=_WAITERS_AT_ONCE if waits else _PROGRAMS_AT_ONCE, waits=waits)


def _makes_wait(phase: Phase) -> bool:
    return any(isinstance(fault, KdcSilent) for fault in phase.faults)


def _numbered(jobs: Iterable[Job]) -> list[Job]:
    """Each in a lab of its own name, those that wait for long first."""
    ordered = sorted(jobs, key=attrgetter("waits"), reverse=True)
    return [msgspec.structs.replace(job, lab=f"matrix-{number}") for number, job in enumerate(ordered)]

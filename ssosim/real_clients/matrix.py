"""The matrix: real clients in scenarios, split into jobs that can be played in parallel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

import msgspec

from ssosim.faults import KdcSilent
from ssosim.real_clients.batch import Cell, Job
from ssosim.real_clients.client_choice import build_scenario_client
from ssosim.real_clients.lookup import ClientFlow
from ssosim.real_clients.measured import list_measured_clients
from ssosim.real_clients.parallel_runs import Progress, play_jobs
from ssosim.real_clients.phase_keys import check_phase_keys
from ssosim.scenario.client_choice import with_clients
from ssosim.scenario.loader import load_scenario
from ssosim.scenario.model import Client, Phase, Scenario
from ssosim.verdict.expectations import ANY_PHASE

__all__ = ["PASSWORD_FAULTS", "SCENARIOS", "SPNEGO_SCENARIOS", "Matrix", "play_clients", "play_matrix"]

PASSWORD_FAULTS = "password-faults"  # noqa: S105 - the name of a scenario
"""The scenario of the fault rows; only clients that post a federated user's password are played in it."""

SCENARIOS = ("feb-2025", "short-blip", "middlebox", "kdc-unreachable", PASSWORD_FAULTS)
"""The scenarios of the matrix of sign-ins by default."""

SPNEGO_SCENARIOS = ("feb-2025",)
"""The scenarios of the matrix of HTTP libraries and browsers with Negotiate by default."""

_LABS_AT_ONCE = 2
_PROGRAMS_AT_ONCE = 4
_WAITING_PROGRAMS_AT_ONCE = 12
_PHASES_PER_JOB = 7
_STS = "sts.fabrikam.com"


@dataclass(frozen=True, slots=True)
class Matrix:
    """The flows and scenarios that were played, and the resulting cells."""

    client_flows: tuple[ClientFlow, ...]
    scenarios: tuple[Scenario, ...]
    cells: tuple[Cell, ...]

    def cell(self, scenario: str, phase: str, client: str) -> Cell | None:
        """Return one cell; None if this client was not played in this phase."""
        wanted = (scenario, phase, client)
        return next((cell for cell in self.cells if (cell.scenario, cell.phase, cell.client) == wanted), None)


def play_matrix(
    client_flows: Sequence[ClientFlow], names: Sequence[str] = SCENARIOS, progress: Progress = lambda *_: None
) -> Matrix:
    """Play the flows ``client_flows``, all installed, in the scenarios called ``names``.

    Raises TomlMistakeError for an unknown scenario or phase, PrerequisiteError for a client that is not installed, and
    LabError.
    """
    scenarios = tuple(load_scenario(name) for name in names)
    check_phase_keys(client_flows, scenarios)
    clients = [build_scenario_client(client_flow) for client_flow in client_flows]
    return Matrix(tuple(client_flows), scenarios, play_clients(scenarios, clients, progress))


def play_clients(
    scenarios: Sequence[Scenario], clients: Sequence[Client], progress: Progress = lambda *_: None
) -> tuple[Cell, ...]:
    """Play every phase of ``scenarios`` with ``clients``.

    The fault rows are played by clients that post a federated user's password, by those that were measured in them,
    and where a client's manifest expects something of a row by its name.
    """
    general = [scenario for scenario in scenarios if scenario.name != PASSWORD_FAULTS]
    rows = next((scenario for scenario in scenarios if scenario.name == PASSWORD_FAULTS), None)
    first = [job for scenario in general for job in _build_jobs(scenario, clients)]
    if rows is None:
        return play_jobs(_name_labs(first), _LABS_AT_ONCE, progress)
    # The healthy row shows which clients post a password there, so it is played first.
    healthy = _build_job(rows, rows.phases[:1], clients)
    known = play_jobs(_name_labs([healthy]), 1, progress)
    concerned = {cell.client for cell in known if cell.outcome == "silent" and _STS in cell.sent.passwords}
    # One that was measured in these rows, and posts nothing today, is a difference, and no reason to leave it out.
    concerned |= {client.name for client in clients if client.name in list_measured_clients(rows.name)}
    expecting = {client.name: _list_named_phases(rows, client) for client in clients if client.name not in concerned}
    kept = tuple(
        cell for cell in known if cell.client in concerned or cell.phase in expecting.get(cell.client, frozenset())
    )
    rest = msgspec.structs.replace(rows, phases=rows.phases[1:])
    more = _build_jobs(rest, [client for client in clients if client.name in concerned]) if concerned else []
    for client in clients:
        named = [phase for phase in rest.phases if phase.name in expecting.get(client.name, ())]
        more += _build_jobs(msgspec.structs.replace(rest, phases=tuple(named)), [client]) if named else []
    return kept + play_jobs(_name_labs([*first, *more]), _LABS_AT_ONCE, progress)


def _build_jobs(scenario: Scenario, clients: Sequence[Client]) -> list[Job]:
    """Split the phases of ``scenario`` into jobs; each phase with a silent KDC is a job of its own."""
    waiting = [phase for phase in scenario.phases if _has_silent_kdc(phase)]
    others = [phase for phase in scenario.phases if not _has_silent_kdc(phase)]
    groups = [[phase] for phase in waiting]
    groups += [others[start : start + _PHASES_PER_JOB] for start in range(0, len(others), _PHASES_PER_JOB)]
    return [_build_job(scenario, group, clients) for group in groups]


def _build_job(scenario: Scenario, phases: Sequence[Phase], clients: Sequence[Client]) -> Job:
    waits = any(_has_silent_kdc(phase) for phase in phases)
    cut = msgspec.structs.replace(with_clients(scenario, clients), phases=tuple(phases))
    return Job(lab="", scenario=cut, at_once=_WAITING_PROGRAMS_AT_ONCE if waits else _PROGRAMS_AT_ONCE, waits=waits)


def _list_named_phases(rows: Scenario, client: Client) -> frozenset[str]:
    """Return the phases of ``rows`` in which the client's own manifest expects something, by their names."""
    names = [phase.name for phase in rows.phases]
    if f"{rows.name}#{ANY_PHASE}" in client.expect:
        return frozenset(names)
    return frozenset(name for name in names if {name, f"{rows.name}#{name}"} & set(client.expect))


def _has_silent_kdc(phase: Phase) -> bool:
    return any(isinstance(fault, KdcSilent) for fault in phase.faults)


def _name_labs(jobs: Iterable[Job]) -> list[Job]:
    """Give each job a lab name of its own, and put the jobs that mostly wait first."""
    ordered = sorted(jobs, key=attrgetter("waits"), reverse=True)
    return [msgspec.structs.replace(job, lab=f"matrix-{number}") for number, job in enumerate(ordered)]

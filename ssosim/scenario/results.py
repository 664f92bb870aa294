"""Convert a playback to the model of a run's result, for reports and JSON."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from datetime import timedelta

from ssosim import __version__
from ssosim.faults import AnyFault
from ssosim.scenario.model import Phase
from ssosim.scenario.phases import Playback
from ssosim.sources import load_sources
from ssosim.verdict.result import VERSION, ClientResult, PhaseFault, PhaseResult, RunResult

__all__ = ["run_result"]


def run_result(playback: Playback) -> RunResult:
    """Return the result of ``playback``, with the data of its scenario that a reader needs."""
    scenario = playback.scenario
    return RunResult(
        version=VERSION,
        versions={"ssosim": __version__, "python": platform.python_version()},
        scenario=scenario.name,
        title=scenario.title,
        seed=scenario.seed,
        end=scenario.end,
        sources=tuple(load_sources().cite(source) for source in scenario.sources),
        as_expected=not any(each.broken for each in playback.results),
        left_out=dict(playback.left_out),
        mix={client.name: client.weight for client in scenario.clients if client.weight > 0},
        phases=tuple(_phase(playback, phase, at) for phase in scenario.phases for at in phase.sign_in_at or (None,)),
    )


def _phase(playback: Playback, phase: Phase, sign_in_at: float | None) -> PhaseResult:
    return PhaseResult(
        phase=phase.name,
        title=phase.title,
        start=phase.start + timedelta(seconds=sign_in_at or 0.0),
        sign_in_at=sign_in_at,
        share_silent=playback.share(phase.name, sign_in_at=sign_in_at),
        faults=tuple(_faults(phase)),
        notes=playback.notes.get(phase.name, ()),
        clients={
            played.client: ClientResult.of(
                played.verdict, measures=played.measures, expected=played.expected, decided_s=played.decided_s
            )
            for played in playback.results
            if (played.phase, played.sign_in_at) == (phase.name, sign_in_at)
        },
    )


def _faults(phase: Phase) -> Iterator[PhaseFault]:
    yield from (_fault(fault, 0.0, None) for fault in phase.faults)
    for step in phase.steps:
        yield from (_fault(fault, step.at, step.until) for fault in step.faults)


def _fault(fault: AnyFault, at: float, until: float | None) -> PhaseFault:
    return PhaseFault(name=fault.fault_name, detail=fault.detail, at=at, until=until)

"""Models against their originals: the same phases, the same outcome, the same services asked for, the same requests.

A model and its original are two clients of one scenario, each new at every phase, on devices of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ssosim.real_clients.batch import Cell
from ssosim.real_clients.client_choice import as_client
from ssosim.real_clients.lookup import Part
from ssosim.real_clients.manifest import Deviation, Differs
from ssosim.real_clients.matrix import play_clients
from ssosim.real_clients.parallel_runs import Progress
from ssosim.scenario.model import Client, Scenario

__all__ = ["Comparison", "Difference", "Stale", "compare", "play_against", "with_models"]


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a flow and its model differ, and the deviation of the manifest that says why; None for none."""

    part: str
    scenario: str
    phase: str
    differs: Differs
    model: str
    original: str
    known: Deviation | None = None

    def __str__(self) -> str:
        """One line for people."""
        why = f" ({self.known.reason})" if self.known else ""
        place = f"{self.part} in {self.scenario}#{self.phase}"
        return f"{place}: {self.differs}: the model has [{self.model}], the original [{self.original}]{why}"


@dataclass(frozen=True, slots=True)
class Stale:
    """A deviation of a manifest that did not show where it should have."""

    part: str
    deviation: Deviation

    def __str__(self) -> str:
        """One line for people."""
        return (
            f"{self.part}: the deviation of {self.deviation.differs} in {self.deviation.phase!r} does not show any more"
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """All differences, explained or not, and the deviations that are stale."""

    differences: tuple[Difference, ...]
    stale: tuple[Stale, ...]

    def wrong(self, part: str) -> list[str]:
        """What is wrong with a flow, one line each; empty if nothing is."""
        unexplained = [str(each) for each in self.differences if each.part == part and each.known is None]
        return [*unexplained, *(str(each) for each in self.stale if each.part == part)]


def with_models(parts: Sequence[Part]) -> list[Client]:
    """Those of ``parts`` that have a model, and the models, each with the device and the person of its original."""
    clients = []
    for part in (part for part in parts if part.flow.model is not None):
        original = as_client(part)
        clients += [
            original,
            Client(
                name=_model_name(part),
                model=part.flow.model,
                policy=part.flow.policy,
                device=part.flow.device,
                person=part.flow.person,
                fresh=True,
            ),
        ]
    return clients


def play_against(
    scenarios: Sequence[Scenario], parts: Sequence[Part], progress: Progress = lambda *_: None
) -> Comparison:
    """Play ``parts`` that have a model, all installed, and their models. Raises PrerequisiteError, LabError."""
    return compare(play_clients(scenarios, with_models(parts), progress), parts)


def compare(cells: Sequence[Cell], parts: Sequence[Part]) -> Comparison:
    """What ``cells`` say of the models of ``parts``."""
    found: list[Difference] = []
    stale: list[Stale] = []
    for part in parts:
        own = {(cell.scenario, cell.phase): cell for cell in cells if cell.client == part.name}
        model = {(cell.scenario, cell.phase): cell for cell in cells if cell.client == _model_name(part)}
        both = [place for place in own if place in model]
        here = [each for place in both for each in _differences(part, model[place], own[place])]
        found += here
        for deviation in part.flow.deviations:
            played = any(_fits(deviation, *place) for place in both)
            if played and not any(each.known is deviation for each in here):
                stale.append(Stale(part.name, deviation))
    return Comparison(tuple(found), tuple(stale))


def _model_name(part: Part) -> str:
    return f"model of {part.name}"


def _differences(part: Part, model: Cell, original: Cell) -> Iterator[Difference]:
    pairs: Iterable[tuple[Differs, str, str]] = (
        ("outcome", model.outcome, original.outcome),
        ("spn", ", ".join(model.seen.spns), ", ".join(original.seen.spns)),
        ("requests", model.seen.sequence, original.seen.sequence),
    )
    for differs, mine, its in pairs:
        if mine != its:
            known = next(
                (
                    each
                    for each in part.flow.deviations
                    if each.differs == differs and _fits(each, original.scenario, original.phase)
                ),
                None,
            )
            yield Difference(part.name, original.scenario, original.phase, differs, mine, its, known)


def _fits(deviation: Deviation, scenario: str, phase: str) -> bool:
    return deviation.phase in ("*", phase, f"{scenario}#{phase}", f"{scenario}#*")

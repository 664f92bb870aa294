"""Compare models with their real clients: outcome, services that tickets are requested for, and requests, per phase.

A model and its real client are two clients of one scenario, each with a new process in every phase, on its own device.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ssosim.real_clients.batch import Cell
from ssosim.real_clients.client_choice import build_scenario_client
from ssosim.real_clients.lookup import ClientFlow
from ssosim.real_clients.manifest import Deviation, Differs
from ssosim.real_clients.matrix import play_clients
from ssosim.real_clients.parallel_runs import Progress
from ssosim.real_clients.phase_keys import check_phase_keys
from ssosim.scenario.model import Client, Scenario

__all__ = [
    "Comparison",
    "Difference",
    "StaleDeviation",
    "UnpairedCell",
    "compare",
    "pair_with_models",
    "play_with_models",
]


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between a flow and its model. ``known`` is the manifest's deviation that explains it, or None.

    ``reason`` is that of the real client, where the outcomes differ.
    """

    client_flow: str
    scenario: str
    phase: str
    differs: Differs
    model: str
    real_client: str
    known: Deviation | None = None
    reason: str = ""

    def __str__(self) -> str:
        """One line for people."""
        why = f" ({self.known.reason})" if self.known else f" ({self.reason})" if self.reason else ""
        place = f"{self.client_flow} in {self.scenario}#{self.phase}"
        return f"{place}: {self.differs}: the model has [{self.model}], the real client [{self.real_client}]{why}"


@dataclass(frozen=True, slots=True)
class StaleDeviation:
    """A deviation in a manifest that did not occur in a phase for which it is declared."""

    client_flow: str
    deviation: Deviation

    def __str__(self) -> str:
        """One line for people."""
        where = f"{self.deviation.differs} in {self.deviation.phase!r}"
        return f"{self.client_flow}: the deviation of {where} did not occur; remove it from the manifest"


@dataclass(frozen=True, slots=True)
class UnpairedCell:
    """A phase that only the model or only the real client of a flow has played, so that nothing was compared there.

    Without ``phase`` neither of them has played in any phase. ``played`` says who has.
    """

    client_flow: str
    scenario: str = ""
    phase: str = ""
    played: str = ""

    def __str__(self) -> str:
        """One line for people."""
        if not self.phase:
            return f"{self.client_flow}: neither the real client nor its model has played, so nothing was compared"
        return f"{self.client_flow} in {self.scenario}#{self.phase}: only the {self.played} has played"


@dataclass(frozen=True, slots=True)
class Comparison:
    """All differences, explained or not, the stale deviations, and what could not be compared."""

    differences: tuple[Difference, ...]
    stale: tuple[StaleDeviation, ...]
    unpaired: tuple[UnpairedCell, ...] = ()

    def wrong(self, client_flow: str) -> list[str]:
        """Return the unexplained differences, stale deviations and unpaired cells of a flow, one line each."""
        unexplained = [str(each) for each in self.differences if each.client_flow == client_flow and each.known is None]
        stale = [str(each) for each in self.stale if each.client_flow == client_flow]
        return [*unexplained, *stale, *(str(each) for each in self.unpaired if each.client_flow == client_flow)]


def pair_with_models(client_flows: Sequence[ClientFlow]) -> list[Client]:
    """Return the flows with a model as clients, each followed by its model with the same device and user behaviour."""
    clients = []
    for client_flow in (client_flow for client_flow in client_flows if client_flow.flow.model is not None):
        real_client = build_scenario_client(client_flow)
        clients += [
            real_client,
            Client(
                name=_model_name(client_flow),
                model=client_flow.flow.model,
                policy=client_flow.flow.policy,
                device=client_flow.flow.device,
                person=client_flow.flow.person,
                fresh=True,
            ),
        ]
    return clients


def play_with_models(
    scenarios: Sequence[Scenario], client_flows: Sequence[ClientFlow], progress: Progress = lambda *_: None
) -> Comparison:
    """Play ``client_flows`` that have a model, all installed, and their models.

    Raises TomlMistakeError for a key of a manifest that names no phase, PrerequisiteError, LabError.
    """
    check_phase_keys(client_flows, scenarios)
    return compare(play_clients(scenarios, pair_with_models(client_flows), progress), client_flows)


def compare(cells: Sequence[Cell], client_flows: Sequence[ClientFlow]) -> Comparison:
    """Compare the cells of ``client_flows`` with those of their models; of a flow without a model nothing is said."""
    found: list[Difference] = []
    stale: list[StaleDeviation] = []
    unpaired: list[UnpairedCell] = []
    for client_flow in (each for each in client_flows if each.flow.model is not None):
        own = {(cell.scenario, cell.phase): cell for cell in cells if cell.client == client_flow.name}
        model = {(cell.scenario, cell.phase): cell for cell in cells if cell.client == _model_name(client_flow)}
        both = [place for place in own if place in model]
        here = [each for place in both for each in _differences(client_flow, model[place], own[place])]
        found += here
        if not own and not model:
            unpaired.append(UnpairedCell(client_flow.name))
        unpaired += [UnpairedCell(client_flow.name, *place, "real client") for place in own if place not in model]
        unpaired += [UnpairedCell(client_flow.name, *place, "model") for place in model if place not in own]
        for deviation in client_flow.flow.deviations:
            played = any(_fits(deviation, *place) for place in both)
            if played and not deviation.at_times and not any(each.known is deviation for each in here):
                stale.append(StaleDeviation(client_flow.name, deviation))
    return Comparison(tuple(found), tuple(stale), tuple(unpaired))


def _model_name(client_flow: ClientFlow) -> str:
    return f"model of {client_flow.name}"


def _differences(client_flow: ClientFlow, model: Cell, real_client: Cell) -> Iterator[Difference]:
    pairs: Iterable[tuple[Differs, str, str]] = (
        ("outcome", model.outcome, real_client.outcome),
        ("spn", ", ".join(model.sent.spns), ", ".join(real_client.sent.spns)),
        ("requests", model.sent.sequence, real_client.sent.sequence),
    )
    for differs, mine, its in pairs:
        if mine != its:
            known = next(
                (
                    each
                    for each in client_flow.flow.deviations
                    if each.differs == differs and _fits(each, real_client.scenario, real_client.phase)
                ),
                None,
            )
            reason = real_client.reason if differs == "outcome" else ""
            place = (real_client.scenario, real_client.phase)
            yield Difference(client_flow.name, *place, differs, mine, its, known, reason)


def _fits(deviation: Deviation, scenario: str, phase: str) -> bool:
    return deviation.phase in ("*", phase, f"{scenario}#{phase}", f"{scenario}#*")

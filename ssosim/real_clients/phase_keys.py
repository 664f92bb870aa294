"""Check the names of scenarios, phases and groups in the manifests of real clients.

``flows.expect`` and ``flows.deviations`` are by phase, and ``flows.kind`` names a group of which scenarios expect
something. A name that no scenario has applies to nothing: the client would be judged by less than its author believes.
The scenarios that there are: those that are shipped, those that are being played, and the files of ``scenarios``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ssosim.estate.toml import TomlMistakeError, format_mistake, read_text
from ssosim.estate.toml_lines import KeyPath
from ssosim.nearest import suggest_nearest
from ssosim.real_clients.lookup import ClientFlow
from ssosim.real_clients.manifest import FILE_NAME, Flow, RealClient
from ssosim.scenario.loader import catalogue, guides, load_scenario
from ssosim.scenario.model import Scenario
from ssosim.verdict.expectations import ANY_PHASE

__all__ = ["check_phase_keys"]

_MOST_NAMES = 30
_OWN_FILES = "a scenario file of yours is known while it is played, or if `scenarios` of the manifest names it"


def check_phase_keys(client_flows: Iterable[ClientFlow], played: Sequence[Scenario] = ()) -> None:
    """Check the keys by phase and the groups of ``client_flows``; ``played`` are the scenarios that they play.

    Raises TomlMistakeError with file, line, key, what is known, and the nearest name.
    """
    clients = {each.client.folder: each.client for each in client_flows}
    for client in clients.values():
        if any(flow.expect or flow.deviations or flow.kind for flow in client.manifest.flows):
            _check_client(client, played)


def _check_client(client: RealClient, played: Sequence[Scenario]) -> None:
    own = tuple(load_scenario(str(client.folder / name)) for name in client.manifest.scenarios)
    names = _KnownNames((*played, *own, *catalogue(), *guides()))
    file = client.folder / FILE_NAME
    text = read_text(file)
    mistakes = [
        format_mistake(text, str(file), ("flows", index, *path), what)
        for index, flow in enumerate(client.manifest.flows)
        for path, what in names.find_mistakes(flow)
    ]
    if mistakes:
        raise TomlMistakeError("\n".join(mistakes))


class _KnownNames:
    """The names in ``scenarios``: phases by scenario, labels of sign-ins, and groups of clients."""

    def __init__(self, scenarios: Sequence[Scenario]) -> None:
        self._phases: dict[str, list[str]] = {}
        self._labels: dict[str, list[str]] = {}
        groups: list[str] = []
        for scenario in scenarios:
            labels = [label for phase in scenario.phases for label in phase.labels]
            self._labels.setdefault(scenario.name, []).extend(labels)
            names = [phase.name for phase in scenario.phases]
            self._phases.setdefault(scenario.name, []).extend(dict.fromkeys((*names, *labels)))
            groups += [key for client in scenario.clients for key in client.groups]
            tables = [table for phase in scenario.phases for table in (phase.expect, *phase.expect_at.values())]
            groups += [key for table in tables for key in table]
        self._groups = sorted(set(groups) - {ANY_PHASE})

    def find_mistakes(self, flow: Flow) -> Iterator[tuple[KeyPath, str]]:
        """Yield the keys of ``flow`` that name nothing, each with its place in the flow and what is wrong."""
        if flow.kind and flow.kind not in self._groups:
            yield ("kind",), f"no scenario has a client, kind or model {flow.kind!r}; {_near(flow.kind, self._groups)}"
        for key in flow.expect:
            if what := _find_mistake(key, self._phases):
                yield ("expect", key), what
        for index, deviation in enumerate(flow.deviations):  # cells of a comparison are found by labels
            if what := _find_mistake(deviation.phase, self._labels):
                yield ("deviations", index, "phase"), what


def _find_mistake(key: str, known: dict[str, list[str]]) -> str:
    """Return what is wrong with ``key``, given the phases of each scenario; empty if it names something."""
    everything = [phase for phases in known.values() for phase in phases]
    if key == ANY_PHASE or key in everything:
        return ""
    scenario, separator, phase = key.partition("#")
    if not separator:
        return f"there is no phase {key!r} in any scenario; {_near(key, everything)}; {_OWN_FILES}"
    if scenario not in known:
        return f"there is no scenario {scenario!r}; {_near(scenario, known)}; {_OWN_FILES}"
    if phase not in (*known[scenario], ANY_PHASE):
        return f"{scenario} has no phase {phase!r}; {_near(phase, known[scenario])}"
    return ""


def _near(wrong: str, known: Iterable[str]) -> str:
    """Return what is known, those of the scenarios that are played first, and the nearest name."""
    names = list(dict.fromkeys(known))
    near = suggest_nearest(wrong, names)
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"known: {', '.join(names[:_MOST_NAMES])}{more}{f'; {near}' if near else ''}"

"""Find a scenario: in the catalogue by name, or in a file of the user's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from ssosim.estate.places import KeyPath
from ssosim.estate.toml import TomlMistakeError, complain, convert_toml, read_text
from ssosim.scenario.model import Scenario

__all__ = ["catalogue", "load_scenario", "parse_scenario"]


def catalogue() -> tuple[Scenario, ...]:
    """The scenarios that are shipped, by name."""
    folder = resources.files("ssosim.scenario").joinpath("catalogue")
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda entry: entry.name)
    return tuple(parse_scenario(entry.read_text(encoding="utf-8"), f"{entry.name} (built in)") for entry in files)


def load_scenario(name: str) -> Scenario:
    """The scenario ``name``: a path if it ends in ``.toml``, else one of the catalogue. Raises TomlMistakeError."""
    if name.endswith(".toml"):
        path = Path(name)
        return parse_scenario(read_text(path), name)
    shipped = resources.files("ssosim.scenario").joinpath("catalogue", f"{name}.toml")
    if "/" in name or not shipped.is_file():
        known = ", ".join(scenario.name for scenario in catalogue())
        raise TomlMistakeError(f"there is no scenario {name!r}; known: {known}; a file of yours ends in .toml")
    return parse_scenario(shipped.read_text(encoding="utf-8"), f"{name}.toml (built in)")


def parse_scenario(text: str, source: str) -> Scenario:
    """Turn TOML text into a Scenario; ``source`` names the file. Raises TomlMistakeError with file, line and key."""
    scenario = convert_toml(text, source, Scenario)
    mistakes = [complain(text, source, mistake.path, mistake.text) for rule in _RULES for mistake in rule(scenario)]
    if mistakes:
        raise TomlMistakeError("\n".join(mistakes))
    return scenario


@dataclass(frozen=True, slots=True)
class _Mistake:
    path: KeyPath
    text: str


def _times(scenario: Scenario) -> Iterator[_Mistake]:
    if not scenario.phases:
        yield _Mistake(("phases",), "needs at least one phase")
    starts = [*(phase.start for phase in scenario.phases), scenario.end]
    for index, moment in enumerate(starts):
        path: KeyPath = ("phases", index, "start") if index < len(scenario.phases) else ("end",)
        if moment.tzinfo is None:
            yield _Mistake(path, "needs a time zone; expected e.g. 2025-02-25T16:42:00Z")
        elif index and starts[index - 1].tzinfo is not None and moment <= starts[index - 1]:
            yield _Mistake(path, "must be later than the start of the phase before")


def _clients(scenario: Scenario) -> Iterator[_Mistake]:
    names = [client.name for client in scenario.clients]
    for index, client in enumerate(scenario.clients):
        if names.index(client.name) != index:
            yield _Mistake(("clients", index, "name"), f"{client.name!r} is there twice")
        if (client.model is None) == (not client.run):
            yield _Mistake(("clients", index), "needs either model = NAME or run = [PROGRAM, ...]")
        if client.deadline <= 0:
            yield _Mistake(("clients", index, "deadline"), "expected a positive number of seconds")


def _expectations(scenario: Scenario) -> Iterator[_Mistake]:
    names = {client.name for client in scenario.clients}
    for index, phase in enumerate(scenario.phases):
        for name in phase.expect:
            if name not in names:
                known = ", ".join(sorted(names))
                yield _Mistake(("phases", index, "expect", name), f"there is no client {name!r}; known: {known}")


_RULES: tuple[Callable[[Scenario], Iterator[_Mistake]], ...] = (_times, _clients, _expectations)

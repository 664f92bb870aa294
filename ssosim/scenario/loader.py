"""Find a scenario: in the catalogue by name, or in a file of the user's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
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


def load_scenario(name: str, models: Collection[str] | None = None) -> Scenario:
    """The scenario ``name``: a path if it ends in ``.toml``, else one of the catalogue. Raises TomlMistakeError.

    ``models``, if given, are the client models that there are: naming another is a mistake.
    """
    if name.endswith(".toml"):
        path = Path(name)
        return parse_scenario(read_text(path), name, models)
    shipped = resources.files("ssosim.scenario").joinpath("catalogue", f"{name}.toml")
    if "/" in name or not shipped.is_file():
        known = ", ".join(scenario.name for scenario in catalogue())
        raise TomlMistakeError(f"there is no scenario {name!r}; known: {known}; a file of yours ends in .toml")
    return parse_scenario(shipped.read_text(encoding="utf-8"), f"{name}.toml (built in)")


def parse_scenario(text: str, source: str, models: Collection[str] | None = None) -> Scenario:
    """Turn TOML text into a Scenario; ``source`` names the file. Raises TomlMistakeError with file, line and key."""
    scenario = convert_toml(text, source, Scenario)
    found = [mistake for rule in _RULES for mistake in rule(scenario)]
    found += [] if models is None else _models(scenario, models)
    mistakes = [complain(text, source, mistake.path, mistake.text) for mistake in found]
    if mistakes:
        raise TomlMistakeError("\n".join(mistakes))
    return scenario


_LONGEST_S = 86400.0


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


def _names(scenario: Scenario) -> Iterator[_Mistake]:
    phases = [phase.name for phase in scenario.phases]
    for index, name in enumerate(phases):
        if phases.index(name) != index:
            yield _Mistake(("phases", index, "name"), f"{name!r} is there twice")
    named: list[tuple[KeyPath, str]] = [(("name",), scenario.name), (("title",), scenario.title)]
    named += [(("phases", index, "name"), name) for index, name in enumerate(phases)]
    named += [(("clients", index, "name"), client.name) for index, client in enumerate(scenario.clients)]
    for path, name in named:
        if not name or not name.isprintable():
            yield _Mistake(path, f"{name!r}: must not be empty nor hold control characters")


def _clients(scenario: Scenario) -> Iterator[_Mistake]:
    names = [client.name for client in scenario.clients]
    for index, client in enumerate(scenario.clients):
        if names.index(client.name) != index:
            yield _Mistake(("clients", index, "name"), f"{client.name!r} is there twice")
        if (client.model is None) == (not client.run):
            yield _Mistake(("clients", index), "needs either model = NAME or run = [PROGRAM, ...]")
        if not 0 < client.deadline <= _LONGEST_S:
            yield _Mistake(("clients", index, "deadline"), f"expected a number of seconds from 0 to {_LONGEST_S:.0f}")
        if client.run and (not client.run[0] or any("\0" in word for word in client.run)):
            yield _Mistake(("clients", index, "run"), "expected a program and its arguments, without NUL characters")


def _models(scenario: Scenario, models: Collection[str]) -> Iterator[_Mistake]:
    for index, client in enumerate(scenario.clients):
        if client.model is not None and client.model not in models:
            known = ", ".join(models)
            yield _Mistake(("clients", index, "model"), f"there is no model {client.model!r}; known: {known}")


def _expectations(scenario: Scenario) -> Iterator[_Mistake]:
    names = {client.name for client in scenario.clients}
    for index, phase in enumerate(scenario.phases):
        for name in phase.expect:
            if name not in names:
                known = ", ".join(sorted(names))
                yield _Mistake(("phases", index, "expect", name), f"there is no client {name!r}; known: {known}")


_RULES: tuple[Callable[[Scenario], Iterator[_Mistake]], ...] = (_names, _times, _clients, _expectations)

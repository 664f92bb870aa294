"""Find a scenario: in the catalogue by name, or in a file of the user's."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import msgspec
from ssosim_clients.policies.registry import list_policy_names

from ssosim.estate.checks import find_resolver_mistakes
from ssosim.estate.loader import SHIPPED_ESTATES
from ssosim.estate.toml import TomlMistakeError, convert_data, convert_toml, format_mistake, read_text
from ssosim.estate.toml_lines import KeyPath
from ssosim.faults.core.placeholders import find_field_mistakes
from ssosim.lab.scripted_user import BEHAVIOURS
from ssosim.nearest import suggest_nearest
from ssosim.scenario.model import ANY_CLIENT, Client, Phase, Scenario
from ssosim.verdict.expectations import ANY_PHASE, AnyExpectation, find_expectation_mistake

__all__ = [
    "catalogue",
    "check_scenario",
    "convert_scenario",
    "guides",
    "list_guide_names",
    "list_shipped_names",
    "load_scenario",
    "parse_scenario",
]


def catalogue() -> tuple[Scenario, ...]:
    """The scenarios that are shipped, by name; without the guides."""
    return _read_folder("catalogue")


def guides() -> tuple[Scenario, ...]:
    """The troubleshooting guides that are shipped as scenarios, by name. Their clients are real clients alone."""
    return _read_folder("guides")


def _read_folder(name: str) -> tuple[Scenario, ...]:
    folder = resources.files("ssosim.scenario").joinpath(name)
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda entry: entry.name)
    return tuple(parse_scenario(entry.read_text(encoding="utf-8"), f"{entry.name} (built in)") for entry in files)


def list_shipped_names() -> tuple[str, ...]:
    """The names of the scenarios that are shipped; without the guides."""
    return _list_names("catalogue")


def list_guide_names() -> tuple[str, ...]:
    """The names of the troubleshooting guides that are shipped as scenarios."""
    return _list_names("guides")


def _list_names(name: str) -> tuple[str, ...]:
    folder = resources.files("ssosim.scenario").joinpath(name)
    return tuple(sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml")))


def load_scenario(name: str, models: Collection[str] | None = None, within: tuple[str, ...] = ()) -> Scenario:
    """The scenario ``name``: a path if it ends in ``.toml``, else one of the catalogue. Raises TomlMistakeError.

    ``models``, if given, are the client models that there are: naming another is a mistake. ``within`` are the names
    of the scenarios that include it.
    """
    if name.endswith(".toml"):
        path = Path(name)
        return parse_scenario(read_text(path), name, models, within)
    folder = "guides" if name in list_guide_names() else "catalogue"
    shipped = resources.files("ssosim.scenario").joinpath(folder, f"{name}.toml")
    if "/" in name or not shipped.is_file():
        known = _list_known(name, (*list_shipped_names(), *list_guide_names()))
        raise TomlMistakeError(f"there is no scenario {name!r}; {known}; a file of yours ends in .toml")
    return parse_scenario(shipped.read_text(encoding="utf-8"), f"{name}.toml (built in)")


def parse_scenario(
    text: str, source: str, models: Collection[str] | None = None, within: tuple[str, ...] = ()
) -> Scenario:
    """Turn TOML text into a Scenario; ``source`` names the file. Raises TomlMistakeError with file, line and key.

    ``within`` are the names of the scenarios that include it.
    """
    return _check_scenario(convert_toml(text, source, Scenario), text, source, models, within)


def convert_scenario(data: object, source: str = "scenario") -> Scenario:
    """The scenario that plain data describe, as a TOML file does. Raises TomlMistakeError with the key."""
    return _check_scenario(convert_data(data, source, Scenario), "", source, None, ())


def check_scenario(scenario: Scenario) -> Scenario:
    """Return ``scenario``, a value made in Python, with its includes; the rules of a file apply to it.

    Raises TomlMistakeError with the key of each mistake. Without this an include would add no fault, and an expectation
    of a client that is not there would hold. Of a scenario without clients the expectations are not checked: whoever
    plays it names the clients. ``with_clients`` makes a scenario with some of the clients.
    """
    rules = _RULES if scenario.clients else tuple(rule for rule in _RULES if rule is not _expectations)
    return _check_scenario(scenario, "", f"scenario {scenario.name}", None, (), rules)


def _check_scenario(
    scenario: Scenario,
    text: str,
    source: str,
    models: Collection[str] | None,
    within: tuple[str, ...],
    rules: Sequence[_Rule] | None = None,
) -> Scenario:
    """``scenario`` with its includes, if there is no mistake in it. Raises TomlMistakeError with all that there are."""
    scenario = _resolve_includes(scenario, text, source, within)
    found = [mistake for rule in (_RULES if rules is None else rules) for mistake in rule(scenario)]
    found += [] if models is None else _models(scenario, models)
    mistakes = [format_mistake(text, source, mistake.path, mistake.text) for mistake in found]
    if mistakes:
        raise TomlMistakeError("\n".join(mistakes))
    return scenario


def _resolve_includes(scenario: Scenario, text: str, source: str, within: tuple[str, ...]) -> Scenario:
    """``scenario`` with what its phases include written out. Raises TomlMistakeError."""
    if not any(phase.include for phase in scenario.phases):
        return scenario
    phases = []
    for index, phase in enumerate(scenario.phases):
        faults, steps, steps_from = phase.faults, phase.steps, phase.steps_from
        for place, wanted in enumerate(phase.include):
            try:
                other = _other_phase(wanted, (*within, scenario.name))
            except TomlMistakeError as error:
                where: KeyPath = ("phases", index, "include", place)
                raise TomlMistakeError(format_mistake(text, source, where, str(error))) from error
            steps_from = other.steps_from if not steps and other.steps else steps_from
            faults, steps = (*faults, *other.faults), (*steps, *other.steps)
        phases.append(msgspec.structs.replace(phase, faults=faults, steps=steps, steps_from=steps_from, include=()))
    return msgspec.structs.replace(scenario, phases=tuple(phases))


def _other_phase(wanted: str, within: tuple[str, ...]) -> Phase:
    name, _, phase = wanted.rpartition("#")
    if not name:
        raise TomlMistakeError(f"{wanted!r}: expected scenario#phase, e.g. feb-2025#cname")
    if name.removesuffix(".toml").rpartition("/")[2] in within:
        raise TomlMistakeError(f"{wanted!r}: includes itself, by way of {' and '.join(within)}")
    other = load_scenario(name, None, within)
    found = next((each for each in other.phases if each.name == phase), None)
    if found is None:
        raise TomlMistakeError(f"{name} has no phase {phase!r}; {_list_known(phase, [p.name for p in other.phases])}")
    return found


def _list_known(wrong: str, names: Iterable[str]) -> str:
    """All that there is, and the near matches."""
    names = list(names)
    near = suggest_nearest(wrong, names)
    return f"known: {', '.join(names)}{f'; {near}' if near else ''}"


_MAX_DEADLINE_S = 86400.0


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
    yield from _labels(scenario)


def _labels(scenario: Scenario) -> Iterator[_Mistake]:
    """Find names that mean something else too: results and expectations of a sign-in are found by its label."""
    labels = {label: index for index, phase in enumerate(scenario.phases) for label in phase.labels if phase.sign_in_at}
    for index, phase in enumerate(scenario.phases):
        if phase.name in labels and labels[phase.name] != index:
            other = scenario.phases[labels[phase.name]].name
            yield _Mistake(
                ("phases", index, "name"), f"{phase.name!r} is the name of a sign-in of {other!r}; rename it"
            )
    for index, client in enumerate(scenario.clients):
        for key in ("name", "kind"):
            if getattr(client, key) == ANY_CLIENT:
                text = f"{ANY_CLIENT!r} stands for every client in expect; give another {key}"
                yield _Mistake(("clients", index, key), text)


def _resolvers(scenario: Scenario) -> Iterator[_Mistake]:
    for mistake in find_resolver_mistakes(scenario.resolvers):
        yield _Mistake(mistake.path, mistake.text)


def _default_estate(scenario: Scenario) -> Iterator[_Mistake]:
    name = scenario.default_estate
    if name and name not in SHIPPED_ESTATES:
        yield _Mistake(
            ("default_estate",), f"there is no shipped estate {name!r}; {_list_known(name, SHIPPED_ESTATES)}"
        )


def _clients(scenario: Scenario) -> Iterator[_Mistake]:
    names = [client.name for client in scenario.clients]
    for index, client in enumerate(scenario.clients):
        if names.index(client.name) != index:
            yield _Mistake(("clients", index, "name"), f"{client.name!r} is there twice")
        if (client.model is None) == (not client.run):
            yield _Mistake(("clients", index), "needs either model = NAME or run = [PROGRAM, ...]")
        if not 0 < client.deadline <= _MAX_DEADLINE_S:
            expected = f"expected a number of seconds, more than 0 and at most {_MAX_DEADLINE_S:.0f}"
            yield _Mistake(("clients", index, "deadline"), expected)
        if client.policy is not None and client.model is None:
            yield _Mistake(("clients", index, "policy"), "only a model has a policy that could be another")
        elif client.policy is not None and client.policy not in (known := list_policy_names()):
            text = f"there is no policy {client.policy!r}; {_list_known(client.policy, known)}"
            yield _Mistake(("clients", index, "policy"), text)
        if not 0 <= client.weight < math.inf:
            yield _Mistake(("clients", index, "weight"), "expected a number, zero or more")
        if client.run and (not client.run[0] or any("\0" in word for word in client.run)):
            yield _Mistake(("clients", index, "run"), "expected a program and its arguments, without NUL characters")


_OF_MODELS = ("signs-in", "walks-away")
"""What the scripted user of a client model can do. A model shows no page, where a user could do anything else."""

_DEFAULTS = {field.name: field.default for field in msgspec.structs.fields(Client)} | {"environment": {}}


def _devices(scenario: Scenario) -> Iterator[_Mistake]:
    for index, client in enumerate(scenario.clients):
        if client.behaviour not in BEHAVIOURS:
            yield _Mistake(("clients", index, "person"), f"expected true, false or one of: {', '.join(BEHAVIOURS)}")
        elif client.model is not None and client.behaviour not in _OF_MODELS:
            text = f"{client.person!r} is for programs; the user of a model {' or '.join(_OF_MODELS)} (true or false)"
            yield _Mistake(("clients", index, "person"), text)
        for key in ("environment", "etc", "deadline"):
            if client.model is not None and getattr(client, key) != _DEFAULTS[key]:
                yield _Mistake(("clients", index, key), "only a program has it")
        for name, value in client.environment.items():
            if not name or "=" in name or "\0" in name + value:
                text = "expected a name without '=', and no NUL characters"
                yield _Mistake(("clients", index, "environment", name), text)


def _steps(scenario: Scenario) -> Iterator[_Mistake]:
    for index, phase in enumerate(scenario.phases):
        starts = [*(p.start for p in scenario.phases), scenario.end]
        if any(moment.tzinfo is None for moment in starts):
            return  # said already
        length = scenario.duration_of(index)
        if phase.steps_from != "start" and not phase.changes:
            text = "is where the times of steps and time limits begin, and the phase has neither; leave it out"
            yield _Mistake(("phases", index, "steps_from"), text)
        for number, step in enumerate(phase.steps):
            path: KeyPath = ("phases", index, "steps", number)
            if not 0 <= step.at < length:
                yield _Mistake((*path, "at"), f"expected seconds within the phase, from 0 to below {length:g}")
            if step.until is not None and not step.at < step.until <= length:
                yield _Mistake((*path, "until"), f"expected seconds after {step.at:g}, up to {length:g}")
            if not step.faults:
                yield _Mistake((*path, "faults"), "needs at least one fault")


def _sign_ins(scenario: Scenario) -> Iterator[_Mistake]:
    if any(moment.tzinfo is None for moment in (*(phase.start for phase in scenario.phases), scenario.end)):
        return  # said already
    for index, phase in enumerate(scenario.phases):
        length, times = scenario.duration_of(index), phase.sign_in_at
        for number, at in enumerate(times):
            path: KeyPath = ("phases", index, "sign_in_at", number)
            if not 0 <= at < length:
                yield _Mistake(path, f"expected seconds within the phase, from 0 to below {length:g}")
            elif number and not at > times[number - 1]:
                yield _Mistake(path, "must be later than the sign-in before")
        keys = list(phase.expect_at)
        for place, key in enumerate(keys):
            if same := next((other for other in keys[:place] if _seconds(other) == _seconds(key) is not None), None):
                text = f"{same!r} is the same sign-in; put both into one table"
                yield _Mistake(("phases", index, "expect_at", key), text)
            if _seconds(key) not in times:
                known = f"expected one of {', '.join(f'{at:.12g}' for at in times)}" if times else "sign_in_at has none"
                yield _Mistake(("phases", index, "expect_at", key), f"there is no sign-in at {key!r}; {known}")


def _seconds(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _models(scenario: Scenario, models: Collection[str]) -> Iterator[_Mistake]:
    for index, client in enumerate(scenario.clients):
        if client.model is not None and client.model not in models:
            text = f"there is no model {client.model!r}; {_list_known(client.model, models)}"
            yield _Mistake(("clients", index, "model"), text)


def _expectations(scenario: Scenario) -> Iterator[_Mistake]:
    names = {key for client in scenario.clients for key in client.groups}
    for index, phase in enumerate(scenario.phases):
        tables: list[tuple[KeyPath, dict[str, AnyExpectation]]] = [(("phases", index, "expect"), phase.expect)]
        tables += [(("phases", index, "expect_at", at), table) for at, table in phase.expect_at.items()]
        for path, name, expected in (((*at, name), name, each) for at, table in tables for name, each in table.items()):
            if name not in names:
                yield _Mistake(path, f"there is no client {name!r}; {_list_known(name, sorted(names))}")
            if text := find_expectation_mistake(expected):
                yield _Mistake(path, text)
    phases = [*dict.fromkeys(name for phase in scenario.phases for name in (phase.name, *phase.labels))]
    known = {*phases, *(f"{scenario.name}#{phase}" for phase in (*phases, ANY_PHASE)), ANY_PHASE}
    for index, client in enumerate(scenario.clients):
        for key, expected in client.expect.items():
            path = ("clients", index, "expect", key)
            if key not in known:
                yield _Mistake(path, f"there is no phase {key!r}; {_list_known(key, phases)}")
            if text := find_expectation_mistake(expected):
                yield _Mistake(path, text)


def _placeholders(scenario: Scenario) -> Iterator[_Mistake]:
    for index, phase in enumerate(scenario.phases):
        here: KeyPath = ("phases", index)
        placed = [((*here, "faults", number), fault) for number, fault in enumerate(phase.faults)]
        for place, step in enumerate(phase.steps):
            placed += [((*here, "steps", place, "faults", number), fault) for number, fault in enumerate(step.faults)]
        for path, fault in placed:
            yield from (_Mistake((*path, field), text) for field, text in find_field_mistakes(fault))


_Rule = Callable[[Scenario], Iterator[_Mistake]]

_RULES: tuple[_Rule, ...] = (
    _names,
    _times,
    _default_estate,
    _resolvers,
    _clients,
    _devices,
    _steps,
    _sign_ins,
    _expectations,
    _placeholders,
)

"""Real clients among those who play in a scenario: wherever a model may be named, so may they."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from ssosim_clients.catalogue import MODELS

from ssosim.lab.base.errors import LabInputError
from ssosim.real_clients.folders import home_of
from ssosim.real_clients.installation import check_installed
from ssosim.real_clients.lookup import Part, find_flows, looks_like_path, shipped
from ssosim.real_clients.manifest import FILE_NAME
from ssosim.scenario.client_choice import find_client, with_clients
from ssosim.scenario.model import Client, Scenario
from ssosim.scenario.startable import why_not_startable

__all__ = ["as_client", "choose", "player_names", "with_real_clients"]


def player_names() -> frozenset[str]:
    """What ``model`` of a scenario's client may be: the client models, and every flow of the real clients."""
    parts = (part for original in shipped() for part in find_flows(original.name))
    return frozenset((*MODELS, *(part.name for part in parts)))


def as_client(part: Part, name: str | None = None, kind: str = "") -> Client:
    """``part`` as one who plays in a scenario, of the group ``kind``.

    Raises PrerequisiteError if not installed, LabInputError for a program that cannot be started.
    """
    check_installed(part.original)
    home, flow = str(home_of(part.original)), part.flow

    def placed(text: str) -> str:
        return text.replace("{home}", home)

    if "PATH" not in flow.environment and (trouble := why_not_startable(placed(flow.run[0]))):
        raise LabInputError(f"{part.original.folder / FILE_NAME}: flow {flow.name!r}: run: {trouble}")
    return Client(
        name=name or part.name,
        run=tuple(placed(word) for word in flow.run),
        device=flow.device,
        deadline=flow.deadline,
        kind=kind,
        person=flow.person,
        environment={key: placed(value) for key, value in flow.environment.items()},
        etc=None if flow.etc is None else str(home_of(part.original) / flow.etc),
    )


def choose(scenario: Scenario, names: Iterable[str]) -> Scenario:
    """``scenario`` with the clients called ``names`` and no other: its own, models, real clients by name or by path.

    Raises UnknownClientError, UnknownRealClientError, TomlMistakeError, and PrerequisiteError for one that is not
    installed.
    """
    chosen: dict[str, Client] = {}
    for name in dict.fromkeys(names):
        if _is_original(scenario, name):
            chosen |= {part.name: as_client(part, kind=_group(scenario, part)) for part in find_flows(name)}
        else:
            chosen[name] = find_client(scenario, name)
    return with_clients(scenario, chosen.values())


def with_real_clients(scenario: Scenario) -> Scenario:
    """``scenario`` with the programs of the real clients in the place of their names (``model = "curl/..."``).

    What the scenario says of device, deadline, person and group holds. Raises as ``choose``.
    """
    clients = tuple(_placed(client) for client in scenario.clients)
    return msgspec.structs.replace(scenario, clients=clients)


def _placed(client: Client) -> Client:
    if client.model is None or client.model in MODELS:
        return client
    part = as_client(find_flows(client.model)[0], client.name)
    defaults = Client(name=client.name)
    said = {
        field: getattr(client, field)
        for field in Client.__struct_fields__
        if field not in ("model", "run") and getattr(client, field) != getattr(defaults, field)
    }
    return msgspec.structs.replace(part, **said)


def _group(scenario: Scenario, part: Part) -> str:
    """The model of which ``part`` is the original, if one plays here at the same device: the same is expected."""
    for client in scenario.clients:
        if client.model is not None and client.model == part.flow.model and client.device == part.flow.device:
            return client.model
    return ""


def _is_original(scenario: Scenario, name: str) -> bool:
    """A scenario's own client and a model come first; a real client of the same name has its flow with it."""
    if looks_like_path(name):
        return True
    if any(client.name == name for client in scenario.clients) or name in MODELS:
        return False
    return "/" in name or any(original.name == name for original in shipped())

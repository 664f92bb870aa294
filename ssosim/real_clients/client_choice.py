"""Real clients as clients of a scenario: a real client can be named wherever a model can be named."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec
from ssosim_clients.catalogue import MODELS

from ssosim.lab.base.errors import LabInputError
from ssosim.real_clients.folders import find_client_home
from ssosim.real_clients.installation import check_installed
from ssosim.real_clients.lookup import (
    ClientFlow,
    UnknownRealClientError,
    find_flows,
    find_real_client,
    list_shipped,
    looks_like_path,
)
from ssosim.real_clients.manifest import FILE_NAME
from ssosim.real_clients.phase_keys import check_phase_keys
from ssosim.scenario.client_choice import find_client, with_clients
from ssosim.scenario.model import Client, Scenario
from ssosim.scenario.startable import why_not_startable

__all__ = ["build_scenario_client", "choose_clients", "list_playable_names", "resolve_real_clients"]

_HOME = re.compile(r"\{home:([a-z0-9._-]+)\}")


def list_playable_names() -> frozenset[str]:
    """Return all valid values of ``model`` of a scenario's client: the client models and the real clients' flows."""
    client_flows = (client_flow for client in list_shipped() for client_flow in find_flows(client.name))
    return frozenset((*MODELS, *(client_flow.name for client_flow in client_flows)))


def build_scenario_client(client_flow: ClientFlow, name: str | None = None, kind: str = "") -> Client:
    """Build a scenario's client from ``client_flow``, in the group ``kind``.

    Raises PrerequisiteError if the real client is not installed, LabInputError for a program that cannot be started.
    """
    check_installed(client_flow.client)
    home, flow = str(find_client_home(client_flow.client)), client_flow.flow

    def expand_home(text: str) -> str:
        return text.replace("{home}", home)

    if "PATH" not in flow.environment and (trouble := why_not_startable(expand_home(flow.run[0]))):
        raise LabInputError(f"{client_flow.client.folder / FILE_NAME}: flow {flow.name!r}: run: {trouble}")
    return Client(
        name=name or client_flow.name,
        run=tuple(expand_home(word) for word in flow.run),
        device=flow.device,
        deadline=flow.deadline,
        kind=kind or flow.kind,
        person=flow.person,
        environment={key: expand_home(value) for key, value in flow.environment.items()},
        etc=None if flow.etc is None else str(find_client_home(client_flow.client) / flow.etc),
        expect=flow.expect,
        last_step=flow.last_step,
    )


def choose_clients(scenario: Scenario, names: Iterable[str]) -> Scenario:
    """Return ``scenario`` with only the clients ``names``: its own, models, and real clients by name or by path.

    Raises UnknownClientError, UnknownRealClientError, TomlMistakeError, PrerequisiteError for a real client that is not
    installed, and LabInputError for two with one name.
    """
    chosen: dict[str, Client] = {}
    for name in dict.fromkeys(names):
        if _is_real_client(scenario, name):
            client_flows = find_flows(name)
            check_phase_keys(client_flows, [scenario])
            for client_flow in client_flows:
                built = build_scenario_client(client_flow, kind=_find_group(scenario, client_flow))
                client = msgspec.structs.replace(built, added=True)
                if chosen.setdefault(client.name, client) != client:
                    raise LabInputError(
                        f"--client: two real clients are called {client.name!r}; rename the folder of yours"
                    )
        else:
            chosen[name] = find_client(scenario, name)
    return with_clients(scenario, chosen.values())


def resolve_real_clients(scenario: Scenario) -> Scenario:
    """Return ``scenario`` with real clients named as a model (``model = "curl/..."``) replaced by their programs.

    In ``run`` and ``environment`` of its clients, ``{home:curl}`` is where the real client ``curl`` is installed.

    The scenario's settings of device, deadline, person and group are kept. Raises the same as ``choose_clients``.
    """
    clients = tuple(_expand_homes(_resolve_real_client(client, scenario)) for client in scenario.clients)
    return msgspec.structs.replace(scenario, clients=clients)


def _resolve_real_client(client: Client, scenario: Scenario) -> Client:
    if client.model is None or client.model in MODELS:
        return client
    client_flows = find_flows(client.model)
    check_phase_keys(client_flows, [scenario])
    program = build_scenario_client(client_flows[0], client.name)
    defaults = Client(name=client.name)
    settings = {
        field: getattr(client, field)
        for field in Client.__struct_fields__
        if field not in ("model", "run") and getattr(client, field) != getattr(defaults, field)
    }
    return msgspec.structs.replace(program, **settings)


def _expand_homes(client: Client) -> Client:
    def expand(text: str) -> str:
        return _HOME.sub(lambda found: _home_of(client.name, found[1]), text)

    if not any(_HOME.search(text) for text in (*client.run, *client.environment.values())):
        return client
    environment = {key: expand(value) for key, value in client.environment.items()}
    return msgspec.structs.replace(client, run=tuple(map(expand, client.run)), environment=environment)


def _home_of(name: str, real_client: str) -> str:
    try:
        found = find_real_client(real_client)
    except UnknownRealClientError as error:
        raise LabInputError(f"client {name!r}: {{home:{real_client}}}: {error}") from error
    check_installed(found)
    return str(find_client_home(found))


def _find_group(scenario: Scenario, client_flow: ClientFlow) -> str:
    """Return the kind or the model of ``client_flow``, of which the scenario expects something.

    The model counts only if it plays on the same device: then the same outcome is expected.
    """
    if client_flow.flow.kind:
        return client_flow.flow.kind
    for client in scenario.clients:
        if (
            client.model is not None
            and client.model == client_flow.flow.model
            and client.device == client_flow.flow.device
        ):
            return client.model
    return ""


def _is_real_client(scenario: Scenario, name: str) -> bool:
    """Return whether ``name`` is a real client; the scenario's own clients and the models take precedence.

    A real client with the name of a model can be named with its flow: ``client/flow``.
    """
    if looks_like_path(name):
        return True
    if any(client.name == name for client in scenario.clients) or name in MODELS:
        return False
    return "/" in name or any(client.name == name for client in list_shipped())

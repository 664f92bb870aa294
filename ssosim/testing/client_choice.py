"""Choose the clients of a test: a model object, a model's name, several of them, or the scenario's own clients."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import msgspec
from ssosim_clients.catalogue import UnknownModelError, find_model
from ssosim_clients.models.base import Model
from ssosim_clients.policies.registry import PolicyLoadError

from ssosim.lab.base.errors import LabInputError
from ssosim.scenario.client_choice import UnknownClientError, find_client, model_of, with_clients
from ssosim.scenario.model import Client, Scenario

__all__ = ["AnyClient", "ClientChoice", "choose_clients", "find_shipped_model", "get_model_name"]

AnyClient = Model | str
"""A model object, or a name (of a scenario's client, or of a shipped model)."""


@dataclass(frozen=True, slots=True)
class ClientChoice:
    """The scenario as it will be played, the model of each client, and the clients that cannot be played.

    ``unnamed_clients`` are the clients that the caller brought as objects: no command line knows them.
    ``skipped_programs`` are programs, which only a private network can run.
    """

    scenario: Scenario
    models: dict[str, Model]
    unnamed_clients: frozenset[str]
    skipped_programs: tuple[str, ...]


def choose_clients(
    scenario: Scenario, clients: AnyClient | Iterable[AnyClient] | None, device: str | None
) -> ClientChoice:
    """Choose the clients of a scenario. None: the scenario's own clients, without its programs.

    ``device`` is the device of all clients; by default each has the one from the scenario. Raises LabInputError.
    """
    if clients is None:
        return _choose_scenario_clients(scenario, device)
    single = isinstance(clients, str) or hasattr(clients, "sign_in") or not isinstance(clients, Iterable)
    wanted = [clients] if single else clients
    chosen: list[Client] = []
    models: dict[str, Model] = {}
    unnamed: set[str] = set()
    for each in cast("Iterable[AnyClient]", wanted):
        if isinstance(each, str):
            client, model = _find_model_client(scenario, each)
        else:
            name = get_model_name(each)
            client, model = Client(name=name, model=name, added=True), _check_model(each)
        if client.name in models:
            client = _number_client(client, models)
        if not isinstance(each, str):
            unnamed.add(client.name)
        chosen.append(_set_device(client, device))
        models[client.name] = model
    if not chosen:
        raise LabInputError("client: an empty list; name at least one client, or leave it out for the scenario's own")
    return ClientChoice(with_clients(scenario, chosen), models, frozenset(unnamed), ())


def get_model_name(model: object) -> str:
    """Return the model's ``name``, else its class name in lower case with hyphens."""
    name = getattr(model, "name", None)
    if isinstance(name, str) and name:
        return name
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(model).__name__).lower()


def find_shipped_model(name: str) -> Model:
    """Return the shipped model ``name``. Raises LabInputError with similar names."""
    try:
        return find_model(name)
    except UnknownModelError as error:
        raise LabInputError(str(error)) from error


def _find_client_model(client: Client) -> Model:
    try:
        return model_of(client)
    except (LookupError, PolicyLoadError) as error:
        raise LabInputError(str(error)) from error


def _choose_scenario_clients(scenario: Scenario, device: str | None) -> ClientChoice:
    able = [client for client in scenario.clients if client.model is not None]
    programs = tuple(client.name for client in scenario.clients if client.model is None)
    if not scenario.clients:
        raise LabInputError(f"{scenario.name}: has no clients, so nobody would sign in; name a client: client='office'")
    if not able:
        raise LabInputError(
            f"{scenario.name}: all of its clients are programs ({', '.join(programs)}), which a loopback lab cannot "
            f"run; name a model, or play it with: ssosim run {scenario.name}"
        )
    models = {client.name: _find_client_model(client) for client in able}
    return ClientChoice(
        with_clients(scenario, [_set_device(client, device) for client in able]), models, frozenset(), programs
    )


def _find_model_client(scenario: Scenario, name: str) -> tuple[Client, Model]:
    try:
        client = find_client(scenario, name)
    except UnknownClientError as error:
        raise LabInputError(str(error)) from error
    if client.model is None:
        raise LabInputError(
            f"client {name!r} of {scenario.name} is a program, which a loopback lab cannot run; "
            f"play it with: ssosim run {scenario.name} --client {name}"
        )
    return client, _find_client_model(client)


def _check_model(model: object) -> Model:
    if isinstance(model, type):
        raise LabInputError(f"client: {model.__name__} is a class; pass an instance: {model.__name__}()")
    if not callable(getattr(model, "sign_in", None)):
        raise LabInputError(
            f"client: {model!r} is no client: it needs an async method sign_in(device); "
            "the shipped models are listed by: ssosim clients"
        )
    return cast("Model", model)


def _set_device(client: Client, device: str | None) -> Client:
    return client if device is None else msgspec.structs.replace(client, device=device)


def _number_client(client: Client, taken: Iterable[str]) -> Client:
    """Return ``client`` with a number added to its name, which is taken."""
    names = set(taken)
    number = next(number for number in range(2, len(names) + 3) if f"{client.name}-{number}" not in names)
    return msgspec.structs.replace(client, name=f"{client.name}-{number}")

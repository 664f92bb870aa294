"""Choose the clients of a scenario: its own, some of them, or shipped models that it does not name."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Collection, Iterable

import msgspec
from ssosim_clients.catalogue import MODELS, find_model
from ssosim_clients.models.base import Model
from ssosim_clients.models.client import Client as ModelClient
from ssosim_clients.policies.registry import find_policy

from ssosim.estate.device_choice import DeviceChoice
from ssosim.scenario.model import Client, Scenario
from ssosim.verdict.expectations import AnyExpectation

__all__ = ["UnknownClientError", "find_client", "model_of", "with_clients"]


class UnknownClientError(LookupError):
    """Neither the scenario nor the catalogue of models has the name; the message lists similar names."""


def find_client(scenario: Scenario, name: str) -> Client:
    """Return the scenario's client ``name``, or a client with the shipped model ``name``.

    Such a client is on a device whose user is in a domain of the kind that the model is made for. Raises
    UnknownClientError.
    """
    for client in scenario.clients:
        if client.name == name:
            return client
    if name in MODELS:
        choice = DeviceChoice(user=getattr(MODELS[name], "domain", "managed"))
        return Client(name=name, model=name, device=choice, added=True)
    own = [client.name for client in scenario.clients]
    known = [*own, *(model for model in MODELS if model not in own)]
    near = difflib.get_close_matches(name, known, n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise UnknownClientError(f"there is no client {name!r} in {scenario.name}; known: {', '.join(known)}{hint}")


def with_clients(scenario: Scenario, clients: Iterable[Client]) -> Scenario:
    """Return ``scenario`` with ``clients`` as its clients; expectations of other clients are dropped."""
    chosen = tuple(clients)
    names = {key for client in chosen for key in client.groups}
    phases = tuple(
        msgspec.structs.replace(
            phase,
            expect=_select(phase.expect, names),
            expect_at={at: _select(table, names) for at, table in phase.expect_at.items()},
        )
        for phase in scenario.phases
    )
    return msgspec.structs.replace(scenario, clients=chosen, phases=phases)


def _select(table: dict[str, AnyExpectation], names: Collection[str]) -> dict[str, AnyExpectation]:
    return {name: expected for name, expected in table.items() if name in names}


def model_of(client: Client) -> Model:
    """Return the model of ``client``, with the client's policy instead of the model's own, if the client names one.

    Raises LookupError for an unknown model or policy and for a model without a policy, and PolicyLoadError.
    """
    model = find_model(client.model or "")
    if client.policy is None:
        return model
    if not isinstance(model, ModelClient):
        raise LookupError(  # noqa: TRY004 - a name that leads nowhere
            f"client {client.name!r}: the model {model.name!r} has no policy that could be another"
        )
    return dataclasses.replace(model, policy=find_policy(client.policy))

"""Fit a scenario to an estate: its clients' devices, its names, its resolvers. A pure function.

A shipped scenario names no device and no host: a client chooses its device by the kind of its user, and texts have
placeholders (``ssosim.estate.placeholders``). A client for which the estate has no part is left out, with the reason. A
fault that needs something that the estate does not have is refused: without it the scenario would test nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from ssosim_clients.catalogue import MODELS
from ssosim_clients.cloud import signs_in_as_application

from ssosim.estate import Device, Estate
from ssosim.estate.device_choice import DeviceChoice, choose_device
from ssosim.estate.placeholders import PlaceholderError, expand
from ssosim.faults import AnyFault, FaultError
from ssosim.faults.core.placeholders import expand_fault
from ssosim.lab.base.errors import LabInputError
from ssosim.scenario.client_choice import with_clients
from ssosim.scenario.model import Client, Phase, Scenario, Step
from ssosim.verdict.clients import LAB_COMMANDS

__all__ = ["Fitted", "fit_faults", "fit_scenario"]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A scenario that fits its estate, and the clients that are left out, with the reasons."""

    scenario: Scenario
    left_out: Mapping[str, str]


def fit_scenario(scenario: Scenario, estate: Estate) -> Fitted:
    """Return ``scenario`` with the devices and names of ``estate``.

    Raises LabInputError if no client can play, if a fault needs something that the estate does not have, and if a
    client has the name of a part of the lab.
    """
    _check_resolvers(scenario, estate)
    _check_client_names(scenario, estate)
    kept: list[Client] = []
    left_out: dict[str, str] = {}
    for client in scenario.clients:
        fitted = _fit_client(client, estate)
        if isinstance(fitted, str):
            left_out[client.name] = fitted
        else:
            kept.append(fitted)
    if left_out and not kept:
        reasons = "; ".join(f"{name} {why}" for name, why in left_out.items())
        raise LabInputError(f"{scenario.name}: no client can play on the estate {estate.name!r}: {reasons}")
    fitted_scenario = fit_faults(with_clients(scenario, kept) if left_out else scenario, estate)
    return Fitted(msgspec.structs.replace(fitted_scenario, clients=tuple(kept)), left_out)


def _check_resolvers(scenario: Scenario, estate: Estate) -> None:
    """Raise LabInputError for a resolver of a device that ``estate`` does not have: no client would use it."""
    known = [device.name for device in estate.devices]
    for resolver in scenario.resolvers:
        for name in resolver.devices:
            if name not in known:
                raise LabInputError(
                    f"{scenario.name}: resolver {resolver.name!r}: the estate {estate.name!r} has no device {name!r}; "
                    f"known: {', '.join(known)}"
                )


def _check_client_names(scenario: Scenario, estate: Estate) -> None:
    """Raise LabInputError for a client with a name under which the trace has queries of the lab itself.

    Verdicts are by name: those queries would be the client's, or ``ssosim explain`` would leave the client out.
    """
    resolvers = {resolver.name for resolver in (*estate.resolvers, *scenario.resolvers)}
    for client in scenario.clients:
        if client.name in resolvers or client.name in LAB_COMMANDS:
            whose = "a resolver" if client.name in resolvers else "queries of the lab itself"
            raise LabInputError(
                f"{scenario.name}: client {client.name!r}: in the trace this is the name of {whose}; give the client "
                "another name"
            )


def fit_faults(scenario: Scenario, estate: Estate) -> Scenario:
    """Return ``scenario`` with the names of ``estate`` in its faults. Raises LabInputError."""
    return msgspec.structs.replace(
        scenario, phases=tuple(_fit_phase(scenario.name, phase, estate) for phase in scenario.phases)
    )


def _fit_client(client: Client, estate: Estate) -> Client | str:
    """Return ``client`` with a device of ``estate`` by name; or a text that says what it needs."""
    device: Device | None = estate.devices[0]
    if isinstance(client.device, DeviceChoice):
        device = choose_device(estate, client.device)
        if device is None and client.added:  # the user asks for it by name
            device = estate.devices[0]
        if device is None:
            return f"needs {client.device}; the estate {estate.name!r} has none"
        client = msgspec.structs.replace(client, device=device.name)
    elif client.device is not None:
        device = estate.device(client.device)  # an unknown one is refused where the device is made
    model = MODELS.get(client.model or "")
    if model is not None and signs_in_as_application(model) and not _has_application(estate):
        return (
            f"needs an application with a certificate and its private key; the estate {estate.name!r} has none: "
            "see [[applications.certificates]]"
        )
    try:
        return msgspec.structs.replace(
            client,
            run=tuple(expand(word, estate, device) for word in client.run),
            environment={key: expand(value, estate, device) for key, value in client.environment.items()},
        )
    except PlaceholderError as error:
        return str(error)


def _has_application(estate: Estate) -> bool:
    return any(
        certificate.is_generated or "PRIVATE KEY" in certificate.pem
        for application in estate.applications
        for certificate in application.certificates
    )


def _fit_phase(scenario: str, phase: Phase, estate: Estate) -> Phase:
    def fit(faults: tuple[AnyFault, ...]) -> tuple[AnyFault, ...]:
        try:
            return tuple(expand_fault(fault, estate) for fault in faults)
        except FaultError as error:
            raise LabInputError(f"{scenario}: phase {phase.name!r}: {error}") from error

    steps = tuple(_with_faults(step, fit(step.faults)) for step in phase.steps)
    return msgspec.structs.replace(phase, faults=fit(phase.faults), steps=steps)


def _with_faults(step: Step, faults: tuple[AnyFault, ...]) -> Step:
    return msgspec.structs.replace(step, faults=faults)

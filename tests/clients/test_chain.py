"""A chain of credentials: unavailable is passed over, failed ends it (read-chains, PY-002, PY-008)."""

from __future__ import annotations

import dataclasses

import pytest
from ssosim_clients.failures import NetworkFailure, Stopped, Unavailable
from ssosim_clients.flows import AppOnlyFlow, ChainFlow, Link, MsalPythonPassword
from ssosim_clients.models import State
from ssosim_clients.models.azure_identity import AZURE_IDENTITY, ENVIRONMENT
from ssosim_clients.spn import NO_TICKET

from ssosim.testing import LOGIN, PASSWORD, SignInStep, World

APP = Link("ClientSecretCredential", AppOnlyFlow())
CLI = Link("AzureCliCredential", MsalPythonPassword(), developer=True)


def test_unavailable_is_passed_over(world: World) -> None:
    """Without a password in the environment the next credential is tried (PY-002)."""
    chain = ChainFlow((ENVIRONMENT, Link("ManagedIdentityCredential"), APP))
    tokens = world.play(chain.attempt(world.device(stored_password=None), NO_TICKET))
    assert tokens is not None
    assert [event.step for event in world.events if event.kind == "http"] == [SignInStep.TOKEN]


def test_network_failure_ends_the_chain(world: World) -> None:
    """An unresolvable host is a failure: the second credential, which would work, is never tried (PY-002)."""
    world.broken[LOGIN] = "nxdomain"
    began = world.now
    with pytest.raises(Stopped) as caught:
        world.play(ChainFlow((ENVIRONMENT, APP)).attempt(world.device(), NO_TICKET))
    assert isinstance(caught.value.failure, NetworkFailure)
    assert len(world.seen("dns")) == 4
    assert world.now - began == pytest.approx(5.0, abs=0.5), "measured: 4.9 s"


def test_a_developer_tools_failure_is_passed_over(world: World) -> None:
    """The command-line tools' credentials turn their own failures into unavailability."""
    device = world.device(stored_password="no")
    tokens = world.play(ChainFlow((CLI, APP)).attempt(device, NO_TICKET))
    assert tokens is not None


def test_all_unavailable_lists_every_attempt(world: World) -> None:
    """Nothing set up: one error that names each credential and why (PY-008)."""
    belief = world.play(AZURE_IDENTITY.sign_in(world.device(stored_password=None)))
    assert belief is not None
    assert belief.state is State.FAILED
    for name in ("EnvironmentCredential", "WorkloadIdentity", "ManagedIdentity", "AzureCli", "AzureDeveloperCli"):
        assert name in belief.detail


def test_first_success_is_pinned(world: World) -> None:
    """The credential that succeeded is the only one asked from then on, even when it fails later."""
    chain = ChainFlow((ENVIRONMENT, APP))
    device = world.device(stored_password=None)
    world.play(chain.attempt(device, NO_TICKET))
    world.events.clear()
    later = dataclasses.replace(device, stored_password=PASSWORD, app_credentials=None)
    with pytest.raises(Stopped) as caught:
        world.play(chain.attempt(later, NO_TICKET))
    assert isinstance(caught.value.failure, Unavailable)
    assert world.events == []

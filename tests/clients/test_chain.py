"""A chain of credentials: an unavailable one is skipped, a failed one ends it (read-chains, PY-002, PY-008)."""

from __future__ import annotations

import dataclasses

import pytest
from ssosim_clients.failures import CredentialUnavailable, NetworkFailure, StageFailure
from ssosim_clients.flows import AppOnlyFlow, ChainCredential, ChainFlow, MsalPythonPassword
from ssosim_clients.models import SignInState
from ssosim_clients.models.azure_identity import AZURE_IDENTITY, ENVIRONMENT
from ssosim_clients.spn import NO_TICKET

from ssosim.testing import LOGIN, PASSWORD, ClientEnvironment, SignInStep

APP = ChainCredential("ClientSecretCredential", AppOnlyFlow())
CLI = ChainCredential("AzureCliCredential", MsalPythonPassword(), developer_tool=True)


def test_unavailable_is_passed_over(environment: ClientEnvironment) -> None:
    """Without a password in the environment the next credential is tried (PY-002)."""
    chain = ChainFlow((ENVIRONMENT, ChainCredential("ManagedIdentityCredential"), APP))
    tokens = environment.play(chain.attempt(environment.device(stored_password=None), NO_TICKET))
    assert tokens is not None
    assert [event.step for event in environment.events if event.kind == "http"] == [SignInStep.TOKEN]


def test_network_failure_ends_the_chain(environment: ClientEnvironment) -> None:
    """An unresolvable host is a failure: the second credential, which would work, is never tried (PY-002)."""
    environment.dns_failures[LOGIN] = "nxdomain"
    began = environment.now
    with pytest.raises(StageFailure) as caught:
        environment.play(ChainFlow((ENVIRONMENT, APP)).attempt(environment.device(), NO_TICKET))
    assert isinstance(caught.value.failure, NetworkFailure)
    assert len(environment.seen("dns")) == 4
    assert environment.now - began == pytest.approx(5.0, abs=0.5), "measured: 4.9 s"


def test_a_developer_tools_failure_is_passed_over(environment: ClientEnvironment) -> None:
    """A failure of a command-line tool's credential counts as unavailable."""
    device = environment.device(stored_password="no")
    tokens = environment.play(ChainFlow((CLI, APP)).attempt(device, NO_TICKET))
    assert tokens is not None


def test_all_unavailable_lists_every_attempt(environment: ClientEnvironment) -> None:
    """If no credential is set up, one error has each name and reason (PY-008)."""
    report = environment.play(AZURE_IDENTITY.sign_in(environment.device(stored_password=None)))
    assert report is not None
    assert report.state is SignInState.FAILED
    for name in ("EnvironmentCredential", "WorkloadIdentity", "ManagedIdentity", "AzureCli", "AzureDeveloperCli"):
        assert name in report.detail


def test_first_success_is_pinned(environment: ClientEnvironment) -> None:
    """After a success only that credential is used, even if it fails later."""
    chain = ChainFlow((ENVIRONMENT, APP))
    device = environment.device(stored_password=None)
    environment.play(chain.attempt(device, NO_TICKET))
    environment.events.clear()
    later = dataclasses.replace(device, stored_password=PASSWORD, app_credentials=None)
    with pytest.raises(StageFailure) as caught:
        environment.play(chain.attempt(later, NO_TICKET))
    assert isinstance(caught.value.failure, CredentialUnavailable)
    assert environment.events == []

"""The chain of the model against the original: which credentials are tried, and how it ends (azure-identity).

``DefaultAzureCredential`` is the original, with credentials of this test in the place of its own. Both play two calls
in one process, since the first success decides the second call.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CredentialUnavailableError, DefaultAzureCredential
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ssosim_clients.failures import CredentialUnavailable, ProtocolFailure, Stage, StageFailure
from ssosim_clients.flows import ChainCredential, ChainFlow
from ssosim_clients.flows.token import Application, Tokens
from ssosim_clients.models.azure_identity import AZURE_IDENTITY
from ssosim_clients.ports import Device
from ssosim_clients.spn import NO_TICKET
from ssosim_clients.spn.rule import SpnRule

from ssosim.testing import ClientEnvironment

OUTCOMES = ("token", "unavailable", "failure")


@dataclass
class Scripted:
    """A credential of both kinds. ``outcomes`` are those of the first and the second call; ``tried`` is a log."""

    name: str
    outcomes: tuple[str, str]
    call: list[int]
    tried: list[str]
    app: Application = field(default_factory=Application)

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        """Play the outcome as a credential of azure-identity."""
        self.tried.append(self.name)
        match self.outcomes[self.call[0]]:
            case "token":
                return AccessToken("t", 1)
            case "unavailable":
                raise CredentialUnavailableError(message="not set up")
        raise ClientAuthenticationError(message="refused")

    async def attempt(self, device: Device, spn: SpnRule) -> Tokens:  # noqa: ARG002 - the signature of a flow
        """Play the outcome as a flow of the model."""
        self.tried.append(self.name)
        match self.outcomes[self.call[0]]:
            case "token":
                return Tokens("t", 3600)
            case "unavailable":
                raise StageFailure(Stage.TOKEN, CredentialUnavailable("not set up"))
        raise StageFailure(Stage.TOKEN, ProtocolFailure("refused"))


def play_original(outcomes: list[tuple[str, str]]) -> list[tuple[bool, list[str]]]:
    """For both calls: whether there was a token, and the credentials that were tried."""
    call = [0]
    tried: list[str] = []
    chain = DefaultAzureCredential(
        exclude_shared_token_cache_credential=True, exclude_broker_credential=True, process_timeout=1
    )
    chain.credentials = tuple(Scripted(f"c{number}", each, call, tried) for number, each in enumerate(outcomes))
    results = []
    for call[0] in (0, 1):
        tried.clear()
        try:
            chain.get_token("https://management.azure.com/.default")
            results.append((True, list(tried)))
        except ClientAuthenticationError:
            results.append((False, list(tried)))
    return results


def play_model(environment: ClientEnvironment, outcomes: list[tuple[str, str]]) -> list[tuple[bool, list[str]]]:
    """The same of the model, on one device."""
    call = [0]
    tried: list[str] = []
    scripted = [Scripted(f"c{number}", each, call, tried) for number, each in enumerate(outcomes)]
    chain = ChainFlow(tuple(ChainCredential(each.name, each) for each in scripted))
    device = environment.device()
    results = []
    for call[0] in (0, 1):
        tried.clear()
        try:
            environment.play(chain.attempt(device, NO_TICKET))
            results.append((True, list(tried)))
        except StageFailure:
            results.append((False, list(tried)))
    return results


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(OUTCOMES), st.sampled_from(OUTCOMES)), min_size=1, max_size=4))
def test_the_model_tries_what_the_original_tries(
    environment: ClientEnvironment, outcomes: list[tuple[str, str]]
) -> None:
    """An unavailable credential is passed over, a failed one ends the chain, and the first success is kept."""
    assert play_model(environment, outcomes) == play_original(outcomes)


def test_the_chain_of_the_model_has_the_order_of_the_original(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each credential of the model is one of the original, in its order."""
    for name in ("AZURE_TOKEN_CREDENTIALS", "AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    names = [getattr(each, "_credential_name", type(each).__name__) for each in DefaultAzureCredential().credentials]
    flow = AZURE_IDENTITY.flow
    assert isinstance(flow, ChainFlow)
    of_model = [each.name for each in flow.credentials]
    assert [each for each in names if each in of_model] == of_model

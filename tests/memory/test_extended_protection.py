"""Channel bindings at a federation service: who gets a token with each value of ``extended_protection_token_check``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from ssosim.estate import Estate, default_estate
from ssosim.scenario.model import Client, Phase, Scenario

from .both import BEGIN, in_memory, over_sockets

MODELS = ("federated-user", "msal-dotnet-iwa", "msal4j-iwa")


def make_estate(check: str) -> Estate:
    """The default estate, whose federation service checks channel bindings so."""
    estate = default_estate()
    services = tuple(replace(each, extended_protection_token_check=check) for each in estate.federation_services)
    return replace(estate, federation_services=services)


def make_scenario() -> Scenario:
    """Federated users who sign in once with programs that bind their tickets, and with one that does not."""
    return Scenario(
        name="bindings",
        title="channel bindings",
        end=BEGIN + timedelta(hours=1),
        phases=(Phase(name="healthy", start=BEGIN),),
        clients=tuple(Client(name=name, model=name, device="desk-3") for name in MODELS),
    )


@pytest.mark.parametrize(
    ("check", "java"),
    [("None", "silent"), ("Allow", "silent"), ("Require", "refused")],
    ids=["none", "allow", "require"],
)
def test_a_client_without_channel_bindings_needs_a_service_that_allows_it(
    check: str, java: str, prepared: Path
) -> None:
    """Java binds no ticket (jdk.https.negotiate.cbt is never), WinINet and .NET do: Require refuses Java's alone."""
    estate = make_estate(check)
    found = in_memory(make_scenario(), estate)
    assert [found["healthy", name].outcome for name in MODELS] == ["silent", "silent", java]
    assert over_sockets(make_scenario(), prepared, estate) == found

"""Clients whose name is that of a part of the lab: their verdicts would be made of the lab's own queries."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ssosim.estate import DnsResolver, default_estate
from ssosim.lab.base.errors import LabInputError
from ssosim.scenario.fitting import fit_scenario
from ssosim.scenario.loader import load_scenario
from ssosim.scenario.model import Client, Scenario
from ssosim.verdict.clients import LAB_COMMANDS


def named(name: str) -> Scenario:
    """A scenario with a client of this name."""
    return replace(load_scenario("feb-2025"), clients=(Client(name=name, model="office"),))


@pytest.mark.parametrize("name", sorted(LAB_COMMANDS))
def test_a_client_has_no_name_of_the_labs_commands(name: str) -> None:
    """``ssosim explain`` leaves these names out, since they do not sign in: the client would be missing."""
    with pytest.raises(LabInputError, match=rf"feb-2025: client '{name}': .* queries of the lab itself; give the"):
        fit_scenario(named(name), default_estate())


def test_a_client_has_no_name_of_a_resolver() -> None:
    """A resolver asks other servers under its name: its answers would be the client's failures, or its successes."""
    resolver = DnsResolver(name="office", address="192.0.2.77", devices=("desk-1",))
    of_estate = replace(default_estate(), resolvers=(resolver,))
    of_scenario = replace(named("office"), resolvers=(resolver,))
    for scenario, estate in ((named("office"), of_estate), (of_scenario, default_estate())):
        with pytest.raises(LabInputError, match="client 'office': in the trace this is the name of a resolver"):
            fit_scenario(scenario, estate)


def test_any_other_name_plays() -> None:
    """The names of the shipped clients, and names that only contain one of the lab's, are good."""
    for name in ("office", "spn-2", "dns-probe.exe", "SPN"):
        fitted = fit_scenario(named(name), default_estate())
        assert [client.name for client in fitted.scenario.clients] == [name]

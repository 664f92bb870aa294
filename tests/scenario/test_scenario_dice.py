"""What timing decides in a network is decided by the scenario's seed where models play."""

import msgspec
import pytest
from ssosim_clients.models import Client
from ssosim_clients.policies import PromptAtOnce
from ssosim_clients.spn import RULES

from ssosim.estate import default_estate
from ssosim.scenario.in_memory import play_in_memory
from ssosim.scenario.loader import parse_scenario
from ssosim.testing import play_sync

SCENARIO = """
name = "go-behind-two-cnames"
title = "Go behind two CNAMEs"
end = 2025-02-25T18:00:00Z

[[phases]]
name = "chain"
title = "two CNAMEs"
start = 2025-02-25T17:00:00Z
faults = [{ fault = "long-chain", name = "autologon.microsoftazuread-sso.com", length = 2 }]

[[clients]]
name = "go"
model = "office"
"""
SEEDS = range(6)


def go() -> Client:
    """A client that names services as gokrb5 does, of which no model is shipped."""
    return Client(name="go", description="", sources=(), spn=RULES["gokrb5"], policy=PromptAtOnce())


def hops_in_memory(seed: int) -> str:
    """The target that is asked for, without sockets."""
    scenario = msgspec.structs.replace(parse_scenario(SCENARIO, "here"), seed=seed)
    return play_in_memory(scenario, default_estate(), {"go": go()}).result("chain", "go").verdict.spn


def test_the_seed_decides_the_race():
    """Over several seeds Go's first and last target are both asked for; for one seed it is always the same."""
    found = [hops_in_memory(seed) for seed in SEEDS]
    assert set(found) == {f"HTTP/autologon-hop-{number}.microsoftazuread-sso.com" for number in (1, 2)}
    assert found == [hops_in_memory(seed) for seed in SEEDS]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_seed_is_the_same_over_sockets(seed, prepared):
    """Played over real DNS and Kerberos the same seed leads to the same name as in memory."""
    played = play_sync(parse_scenario(SCENARIO, "here"), go(), seed=seed, cache=prepared)
    assert played.phase("chain").verdict.spn == hops_in_memory(seed)

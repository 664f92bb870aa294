"""Drawn faults, alone and in pairs, come to the same in memory and over sockets.

A fixed sample by default. ``SSOSIM_PARITY=1000`` draws so many examples anew for each test instead (a thousand take
about fifteen minutes on two cores).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from ssosim.estate import Estate
from ssosim.faults import FAULTS, Fault, FaultError
from ssosim.scenario.model import Scenario

from .both import MODELS, RESOLVER, in_memory, over_sockets, scenario
from .drawn import OWN, faults
from .estates import ESTATES
from .rows import OF_HOSTS

MANY = int(os.environ.get("SSOSIM_PARITY", "0"))
KINDS = sorted(OWN)
KEY_FAULTS = ("account-encryption-types", "host-spn-registered", "kdc-encryption-types", "key-rolled", "spn-duplicate",
              "spn-moved")  # fmt: skip
FEW = ("office", "browser-linux", "token-validator", "native-prompt", "msal4j-iwa")
sampled = settings(
    max_examples=MANY or 20,
    derandomize=not MANY,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def _same(played: Scenario, cache: Path, estate: Estate | None = None) -> None:
    assert _outcome(partial(in_memory, estate=estate), played) == _outcome(
        partial(over_sockets, cache=cache, estate=estate), played
    )


def _outcome(play: Callable[[Scenario], object], played: Scenario) -> object:
    try:
        return play(played)
    except FaultError as refused:
        event("does not fit")
        return str(refused)


def _takes_real_time(pair: tuple[Fault, Fault]) -> bool:
    """A KDC that falls silent while libkrb5 asks again costs real seconds over sockets."""
    names = {fault.fault_name for fault in pair}
    return "kdc-silent" in names and bool(names & {"kdc-refuses", "clock-skew", *KEY_FAULTS})


def test_every_fault_can_be_drawn() -> None:
    """A fault that is never drawn is never compared."""
    assert set(OWN) == set(FAULTS) - OF_HOSTS


@sampled
@given(st.sampled_from(KINDS).flatmap(faults))
def test_one_fault(prepared: Path, fault: Fault) -> None:
    """One fault with drawn fields, five models at once."""
    _same(scenario([fault], FEW), prepared, ESTATES.get(fault.fault_name))


@sampled
@given(st.sampled_from(KINDS).flatmap(lambda name: faults(name, first=True)), st.sampled_from(MODELS), st.booleans())
def test_one_fault_and_one_model(prepared: Path, fault: Fault, model: str, ipv6: bool) -> None:
    """One model alone, so that a fault may strike the first so many; with and without IPv6."""
    _same(scenario([fault], [model], ipv6=ipv6), prepared, ESTATES.get(fault.fault_name))


@sampled
@given(
    st.tuples(*(st.sampled_from(KINDS).flatmap(faults) for _ in range(2))).filter(
        lambda pair: not _takes_real_time(pair)
    )
)
def test_two_faults(prepared: Path, pair: tuple[Fault, Fault]) -> None:
    """Two faults on top of each other, five models at once."""
    _same(scenario(pair, FEW), prepared)


@sampled
@given(
    st.tuples(*(st.sampled_from(KINDS).flatmap(lambda name: faults(name, first=True)) for _ in range(2))).filter(
        lambda pair: not _takes_real_time(pair)
    ),
    st.sampled_from(MODELS),
)
def test_two_faults_and_one_model(prepared: Path, pair: tuple[Fault, Fault], model: str) -> None:
    """Two faults, each perhaps for the first so many."""
    _same(scenario(pair, [model]), prepared)


@sampled
@given(st.sampled_from([name for name in KINDS if name not in ("drop", "delay", "name-server-dead")]).flatmap(faults))
def test_behind_a_resolver(prepared: Path, fault: Fault) -> None:
    """Devices that ask a caching resolver; without the faults for which it waits real seconds."""
    _same(scenario([fault], FEW[:3], resolvers=(RESOLVER,)), prepared)


@sampled
@given(st.lists(st.sampled_from(KEY_FAULTS).flatmap(faults), min_size=2, max_size=3))
def test_several_faults_of_keys(prepared: Path, drawn: list[Fault]) -> None:
    """Two or three faults of keys and accounts, whose effects are folded into one database of keys."""
    _same(scenario(drawn, FEW), prepared)

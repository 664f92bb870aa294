"""Every fault comes to the same in memory and over sockets: outcome, reason, kinds of evidence, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from ssosim.estate import default_estate
from ssosim.faults import FAULTS

from .both import MODELS, RESOLVER, in_memory, over_sockets, scenario
from .estates import ESTATES
from .rows import ALONE, BEHIND_A_RESOLVER, OF_HOSTS, ROWS, WITH_IPV6

FEW = ("office", "browser-linux", "token-validator", "msal4j-iwa")


def _name(fields: Any) -> str:
    return "-".join(str(value) for value in fields.values()).replace("/", "_")[:70] if isinstance(fields, dict) else ""


def test_every_fault_has_a_row() -> None:
    """A fault that nobody compares is not known to be the same: a new one needs a row."""
    assert set(ROWS) == set(FAULTS) - OF_HOSTS
    assert all(ROWS.values())


@pytest.mark.parametrize(
    "fields", [{"fault": name, **fields} for name, rows in ROWS.items() for fields in rows], ids=_name
)
def test_all_models(fields: dict[str, Any], prepared: Path) -> None:
    """All models at once, under each fault with each set of fields."""
    played, estate = scenario([fields], MODELS), ESTATES.get(fields["fault"])
    assert in_memory(played, estate) == over_sockets(played, prepared, estate)


@pytest.mark.parametrize("model", FEW)
@pytest.mark.parametrize("fields", ALONE, ids=_name)
def test_one_model_alone(fields: dict[str, Any], model: str, prepared: Path) -> None:
    """Faults that end after the first so many, one model at a time."""
    played = scenario([fields], [model])
    assert in_memory(played) == over_sockets(played, prepared)


@pytest.mark.parametrize("fields", WITH_IPV6, ids=_name)
def test_devices_with_ipv6(fields: dict[str, Any], prepared: Path) -> None:
    """What only devices with IPv6 meet."""
    played = scenario([fields], FEW, ipv6=True)
    assert in_memory(played) == over_sockets(played, prepared)


def test_a_device_of_the_estate_has_ipv6(prepared: Path) -> None:
    """Models on it do as those of a client with ``ipv6``: the key of the estate is not for programs only."""
    there = default_estate()
    devices = tuple(msgspec.structs.replace(device, ipv6=True) for device in there.devices)
    played, estate = scenario([WITH_IPV6[0]], FEW[:1]), msgspec.structs.replace(there, devices=devices)
    assert in_memory(played) != in_memory(scenario([WITH_IPV6[0]], FEW[:1], ipv6=True)) == in_memory(played, estate)
    assert over_sockets(played, prepared, estate) == in_memory(played, estate)


@pytest.mark.parametrize("fields", BEHIND_A_RESOLVER, ids=_name)
def test_devices_behind_a_resolver(fields: dict[str, Any], prepared: Path) -> None:
    """Answers of a certain age, and what a resolver makes of broken name servers."""
    played = scenario([fields], FEW, resolvers=(RESOLVER,))
    assert in_memory(played) == over_sockets(played, prepared)

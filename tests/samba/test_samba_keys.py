"""Keys, encryption types, accounts and spellings: Samba's domain controller does what the lab does in memory.

The rows are those that an MIT KDC has to pass as well (``tests/memory``), so both directories give the same records.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ssosim.estate import default_estate
from ssosim.faults import FaultError
from tests.memory import test_clock_skew, test_key_faults, test_several_kdcs, test_spellings
from tests.memory.calls import Step, in_memory, over_sockets

from .domains import needs_samba, with_samba

pytestmark = needs_samba

TABLES: tuple[dict[str, tuple[list[Step], *tuple[Any, ...]]], ...] = (
    test_key_faults.CASES,
    test_key_faults.ENCTYPES,
    test_key_faults.ACCOUNTS,
    test_spellings.CASES,
)
ROWS: dict[str, list[Step]] = {
    f"{number}-{name}": row[0] for number, table in enumerate(TABLES) for name, row in table.items()
}


@pytest.mark.parametrize("name", ROWS)
def test_both_directories_give_the_same(name: str, domains: Path) -> None:
    """A ticket is issued, accepted and refused as with an MIT KDC, with the same key version and the same fault."""
    there = in_memory(ROWS[name], default_estate(), [])
    assert over_sockets(ROWS[name], with_samba(), [], domains) == there


SEVERAL: dict[str, list[Step]] = {
    f"{number}-{name}": row[0]
    for number, table in enumerate((test_several_kdcs.CASES, test_several_kdcs.LAGGING))
    for name, row in table.items()
}


@pytest.mark.parametrize("name", SEVERAL)
def test_two_domain_controllers(name: str, domains: Path) -> None:
    """Each KDC has a directory of its own: one that lags behind has the former key, or does not know a name."""
    there = in_memory(SEVERAL[name], test_several_kdcs.ESTATE, [])
    assert over_sockets(SEVERAL[name], with_samba(test_several_kdcs.ESTATE), [], domains) == there


CLOCKS = (
    "device-ahead",
    "device-behind",
    "device-with-ticket",
    "signed-on-while-wrong-then-corrected",
    "service-behind",
)


@pytest.mark.parametrize("name", CLOCKS)
def test_clocks_of_devices_and_services(name: str, domains: Path) -> None:
    """Samba refuses a device whose clock is wrong, and a service its tickets, as with an MIT KDC."""
    steps = test_clock_skew.CASES[name][0]
    there = in_memory(steps, default_estate(), [])
    assert over_sockets(steps, with_samba(), [], domains) == there


def test_the_clock_of_samba_cannot_be_set(domains: Path) -> None:
    """Samba's KDC has the machine's clock: the fault is refused by name."""
    with pytest.raises(FaultError, match="Samba's KDC has no clock of its own"):
        over_sockets([test_clock_skew.clock("kdc", 600)], with_samba(), [], domains)

"""Faults of service principal names, one after the other: each finds the name where the one before has left it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ssosim.estate import default_estate
from ssosim.faults import FaultError, fault_from
from ssosim.kerberos.codes import KrbCode
from ssosim.kerberos.key_database import KeyDatabase
from ssosim.memory import Engine, MemoryLab

OWN = "HTTP/intranet.corp.contoso.com"
UNKNOWN = int(KrbCode.KDC_ERR_S_PRINCIPAL_UNKNOWN)


def apply(*faults: Mapping[str, Any]) -> KeyDatabase:
    """The keys of Contoso under these faults. Raises FaultError for one that does not fit."""
    lab = MemoryLab(Engine(1_700_000_000.0), default_estate())
    for each in faults:
        fault_from(dict(each)).apply(lab)
    keys = lab.kdc.keys
    assert keys is not None
    return keys.database


@pytest.mark.parametrize("spn", [OWN, OWN.lower(), OWN.upper()])
def test_a_name_that_has_moved_can_be_doubled(spn: str) -> None:
    """The account that was called like the name has it no more: its new owner is one of the two."""
    database = apply({"fault": "spn-moved", "spn": OWN}, {"fault": "spn-duplicate", "spn": spn})
    assert database.find_duplicate(OWN) == UNKNOWN
    owner = database.owner_of(OWN)
    assert owner is not None
    assert owner.name == "WEB01$"


def test_a_name_that_nobody_has_cannot_be_doubled() -> None:
    """A second account would be its only owner, which is another fault."""
    with pytest.raises(FaultError, match="a second one would be its only owner: spn-moved"):
        apply({"fault": "spn-duplicate", "spn": "HTTP/nobody.corp.contoso.com"})


def test_a_name_may_move_twice() -> None:
    """The last account has it, and the others have it no more."""
    database = apply({"fault": "spn-moved", "spn": OWN}, {"fault": "spn-moved", "spn": OWN, "account": "WEB02$"})
    owners = [each.name for each in database.accounts if OWN in each.principals]
    assert owners == ["WEB02$"]


@pytest.mark.parametrize("name", ["krbtgt/CORP.CONTOSO.COM", "KRBTGT/X", "kadmin/changepw", "K/M"])
@pytest.mark.parametrize("fault", ["spn-moved", "spn-duplicate"])
def test_a_principal_of_the_kdc_is_no_service(fault: str, name: str) -> None:
    """To move krbtgt would give the KDC another key, and so end every ticket of the lab."""
    with pytest.raises(FaultError, match="is no service principal name"):
        fault_from({"fault": fault, "spn": name})

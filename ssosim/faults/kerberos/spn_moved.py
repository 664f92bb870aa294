"""The fault ``spn-moved``."""

from __future__ import annotations

import dataclasses

from ssosim.faults.core.fault import Applied, Fault, FaultState
from ssosim.kerberos.key_database import KeyDatabase, KeyRule
from ssosim.kerberos.principals import check_account_name, check_service_principal

__all__ = ["SpnMoved"]


class SpnMoved(Fault, frozen=True, kw_only=True, tag="spn-moved"):
    """A service principal name is registered on another account (``setspn -S``), and no longer on its own.

    The KDC encrypts tickets for it with the key of ``account``, so the service cannot decrypt them
    (KRB_AP_ERR_MODIFIED in Windows). An account that the realm does not have is created, such as a computer account. A
    name that no account had gets known to the KDC.

    Source: Microsoft documentation, Kerberos event 4 (KRB_AP_ERR_MODIFIED); RFC 4120 section 3.2.3.
    """

    spn: str
    account: str = "WEB01$"

    def __post_init__(self) -> None:
        """Raise ValueError for what is no name."""
        super().__post_init__()
        check_service_principal(self.spn)
        check_account_name(self.account) if "/" not in self.account else check_service_principal(self.account)

    def fold(self, state: FaultState, applied: Applied) -> FaultState:  # noqa: ARG002 - needs no memory
        """Return ``state`` with the name on the other account."""
        return dataclasses.replace(state, keys=(*state.keys, KeyRule(self._move)))

    def _move(self, database: KeyDatabase) -> KeyDatabase:
        return database.register([self.spn], self.account)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"{self.spn} is registered on the account {self.account}"

"""The fault ``spn-duplicate``."""

from __future__ import annotations

import dataclasses
from typing import Literal

from ssosim.faults.core.fault import Applied, Fault, FaultState
from ssosim.kerberos.codes import KrbCode
from ssosim.kerberos.key_database import AccountError, KeyDatabase, KeyRule
from ssosim.kerberos.principals import check_service_principal

__all__ = ["SpnDuplicate"]


class SpnDuplicate(Fault, frozen=True, kw_only=True, tag="spn-duplicate"):
    """A service principal name is registered on a second account too, so the KDC refuses tickets for it.

    ``error``: Active Directory answers KDC_ERR_S_PRINCIPAL_UNKNOWN, and writes event 11 to its log; a KDC that follows
    RFC 4120 to the letter answers KDC_ERR_PRINCIPAL_NOT_UNIQUE.

    Source: Microsoft documentation, Kerberos event 11 (duplicate names); RFC 4120 section 7.5.9.
    """

    spn: str
    error: Literal["KDC_ERR_S_PRINCIPAL_UNKNOWN", "KDC_ERR_PRINCIPAL_NOT_UNIQUE"] = "KDC_ERR_S_PRINCIPAL_UNKNOWN"

    def __post_init__(self) -> None:
        """Raise ValueError for what is no name."""
        super().__post_init__()
        check_service_principal(self.spn)

    def fold(self, state: FaultState, applied: Applied) -> FaultState:  # noqa: ARG002 - needs no memory
        """Return ``state`` with the name on two accounts."""
        return dataclasses.replace(state, keys=(*state.keys, KeyRule(self._duplicate)))

    def _duplicate(self, database: KeyDatabase) -> KeyDatabase:
        owner = database.owner_of(self.spn)
        names = [each for each in owner.principals if each.lower() == self.spn.lower()] if owner else []
        if not names:
            raise AccountError(f"spn: no account has {self.spn}, so a second one would be its only owner: spn-moved")
        more = tuple((name, int(KrbCode[self.error])) for name in names)
        return dataclasses.replace(database, duplicates=(*more, *database.duplicates))

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"{self.spn} is registered on two accounts: {self.error}"

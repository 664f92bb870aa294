"""The fault ``host-spn-registered``."""

from __future__ import annotations

import dataclasses

from ssosim.faults.core.fault import Applied, Fault, FaultState
from ssosim.kerberos.key_database import KeyDatabase, KeyRule
from ssosim.kerberos.principals import check_account_name, check_service_principal

__all__ = ["HostSpnRegistered"]


class HostSpnRegistered(Fault, frozen=True, kw_only=True, tag="host-spn-registered"):
    """A computer joins the domain, so its account has HOST/``host``, which covers HTTP and other services.

    A client that canonicalises a CNAME to ``host`` then gets a ticket of the computer account, where it got none
    before, and the service, which runs under another account, cannot decrypt it. HTTP/``host`` of another account
    precedes HOST (sPNMappings).

    Source: Microsoft documentation, SPN-Mappings attribute; MS-KILE section 3.3.5.1.1.
    """

    host: str
    account: str = "WEB01$"

    def __post_init__(self) -> None:
        """Raise ValueError for what is no name."""
        super().__post_init__()
        check_service_principal(f"HTTP/{self.host}")
        check_account_name(self.account)

    def fold(self, state: FaultState, applied: Applied) -> FaultState:  # noqa: ARG002 - needs no memory
        """Return ``state`` with the computer account."""
        return dataclasses.replace(state, keys=(*state.keys, KeyRule(self._join)))

    def _join(self, database: KeyDatabase) -> KeyDatabase:
        names = [f"HOST/{self.host}"]
        if database.find(f"HTTP/{self.host}") is None:
            names.append(f"HTTP/{self.host}")
        return database.register(names, self.account)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"the account {self.account} of a computer has HOST/{self.host}, which covers HTTP"

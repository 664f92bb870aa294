"""The fault ``kdc-encryption-types``."""

from __future__ import annotations

import dataclasses

from ssosim.faults.core.fault import Applied, Fault, FaultState
from ssosim.faults.kerberos.account_encryption_types import Enctype
from ssosim.kerberos.key_database import KeyDatabase, KeyRule

__all__ = ["KdcEncryptionTypes"]


class KdcEncryptionTypes(Fault, frozen=True, kw_only=True, tag="kdc-encryption-types"):
    """The KDC supports these encryption types only, as after the retirement of RC4 in 2026.

    Tickets for an account without a key of one of them are refused with KDC_ERR_ETYPE_NOSUPP. Tickets that a client has
    already stay valid.

    Source: Microsoft support KB5073381 and CVE-2026-20833 (AES by default); KB5021131 (KDC_ERR_ETYPE_NOSUPP).
    """

    enctypes: tuple[Enctype, ...] = ("aes256-cts-hmac-sha1-96", "aes128-cts-hmac-sha1-96")

    def __post_init__(self) -> None:
        """Raise ValueError where there is no type."""
        super().__post_init__()
        if not self.enctypes:
            raise ValueError("enctypes must name at least one encryption type")

    def fold(self, state: FaultState, applied: Applied) -> FaultState:  # noqa: ARG002 - needs no memory
        """Return ``state`` with fewer types."""
        return dataclasses.replace(state, keys=(*state.keys, KeyRule(self._restrict)))

    def _restrict(self, database: KeyDatabase) -> KeyDatabase:
        return dataclasses.replace(
            database, enctypes=tuple(each for each in database.enctypes if each in self.enctypes)
        )

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"the KDC supports {', '.join(self.enctypes)} only"

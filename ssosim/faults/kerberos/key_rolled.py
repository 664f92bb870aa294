"""The fault ``key-rolled``."""

from __future__ import annotations

from typing import Literal

from ssosim.faults.core.key_fault import KeyFault
from ssosim.kerberos.key_database import Account

__all__ = ["KeyRolled"]

_MOST_TIMES = 20
_PLACES = {"both": "at KDC and service", "kdc": "at the KDC only", "service": "at the service only"}


class KeyRolled(KeyFault, frozen=True, kw_only=True, tag="key-rolled"):
    """The key of an account is rolled, as by Update-AzureADSSOForest, a new machine password or a new keytab.

    ``at``: where. ``times``: how often. ``previous_keys``: how many former keys the service keeps beside the newest;
    a keytab that is written anew has none. Rolled at the service alone, the service gets the next key of the account,
    so it also ends what a fault ``at = "kdc"`` has begun. Tickets that a client has already stay encrypted with the key
    that they were issued with. Undoing the fault restores the former key: tickets of the newer one are refused then.

    Source: Microsoft Entra documentation, Seamless single sign-on frequently asked questions (rolling the key; not
    twice in a row); RFC 4120 section 5.2.9.
    """

    at: Literal["both", "kdc", "service"] = "both"
    times: int = 1
    previous_keys: int = 1

    def __post_init__(self) -> None:
        """Raise ValueError for numbers out of range."""
        super().__post_init__()
        if not 1 <= self.times <= _MOST_TIMES:
            raise ValueError(f"times {self.times} is not between 1 and {_MOST_TIMES}")
        if not 0 <= self.previous_keys <= _MOST_TIMES:
            raise ValueError(f"previous_keys {self.previous_keys} is not between 0 and {_MOST_TIMES}")

    def change_account(self, account: Account) -> Account:
        """Return the account after ``times`` new passwords."""
        for _ in range(self.times):
            account = account.roll(
                at_kdc=self.at != "service", at_service=self.at != "kdc", previous_keys=self.previous_keys
            )
        return account

    def describe(self) -> str:
        """Describe the fault in one line."""
        often = {1: "once", 2: "twice"}.get(self.times, f"{self.times} times")
        kept = "" if self.at == "kdc" or self.previous_keys == 1 else f", the service keeps {self.previous_keys} former"
        return f"the key of {self.describe_account()} is rolled {often} {_PLACES[self.at]}{kept}"

"""Base class of faults of the keys of accounts."""

from __future__ import annotations

import dataclasses

from ssosim.faults.core.fault import Applied, Fault, FaultState
from ssosim.kerberos.key_database import Account, AccountError, KeyDatabase, KeyRule

__all__ = ["KeyFault"]


class KeyFault(Fault, frozen=True, kw_only=True):
    """A fault of the keys of ``account``: its name, or one of its service principal names, in any case.

    An empty ``account`` means the account of the cloud (``AZUREADSSOACC$``).
    """

    account: str = ""

    def change_account(self, account: Account) -> Account:
        """Return the account with other keys. Raises AccountError if the fault does not fit."""
        raise NotImplementedError

    def fold(self, state: FaultState, applied: Applied) -> FaultState:  # noqa: ARG002 - needs no memory
        """Return ``state`` with the change of this fault."""
        return dataclasses.replace(state, keys=(*state.keys, KeyRule(self._change)))

    def _change(self, database: KeyDatabase) -> KeyDatabase:
        account = database.find(self.account) if self.account else database.accounts[0]
        if account is None:
            known = ", ".join(each.name for each in database.accounts)
            raise AccountError(f"account: no account or service principal name {self.account!r}; the accounts: {known}")
        return database.with_account(self.change_account(account))

    def describe_account(self) -> str:
        """Describe whose keys they are."""
        return self.account or "the cloud's account"

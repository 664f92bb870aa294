"""Apply the changes of keys by the active faults, and find the faults behind a ticket that a service cannot decrypt."""

from __future__ import annotations

from collections.abc import Callable

from ssosim.faults.core.fault import FaultState
from ssosim.kerberos.key_database import IssuedKeys, KeyDatabase, KeyRule, find_key_faults, fold_key_rules

__all__ = ["KeyFaults"]


class KeyFaults:
    """The keys of a realm under the active faults. ``healthy`` are those without faults.

    ``show`` is called with each new state of the keys before it is in force; it raises FaultError if that fails.
    """

    def __init__(self, healthy: KeyDatabase, show: Callable[[KeyDatabase], None] = lambda _database: None) -> None:
        self._healthy = healthy
        self._show = show
        self._rules: tuple[KeyRule, ...] = ()
        self.database = healthy

    def apply(self, state: FaultState) -> None:
        """Apply the faults of ``state``. Raises FaultError if one does not fit; nothing has changed then."""
        if state.keys == self._rules:
            return
        database = fold_key_rules(self._healthy, state.keys)
        self._show(database)
        self._rules, self.database = state.keys, database

    def choose_keys(self, principal: str) -> IssuedKeys | None:
        """Return the keys of a ticket for ``principal`` under the active faults; see ``KeyDatabase.choose_keys``."""
        return self.database.choose_keys(principal)

    def find_faults(self, principal: str, kvno: int | None, enctype: str) -> tuple[int, ...]:
        """Return the numbers of the faults because of which a service cannot decrypt such a ticket."""
        return find_key_faults(self._healthy, self._rules, principal, kvno, enctype)

"""Apply the changes of keys by the active faults, and find the faults behind a ticket that a service cannot decrypt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ssosim.faults.core.errors import FaultError
from ssosim.faults.core.fault import FaultState
from ssosim.kerberos.codes import KrbCode
from ssosim.kerberos.enctypes import SUPPORTED, enctype_name
from ssosim.kerberos.key_database import (
    AccountError,
    IssuedKeys,
    KeyDatabase,
    KeyRule,
    find_enctype_faults,
    find_key_faults,
    fold_key_rules,
)
from ssosim.kerberos.messages import KdcRequest, Message

__all__ = ["KeyFaults", "KeyRefusal"]


class KeyRefusal(NamedTuple):
    """A refusal of a ticket with ``code``, and the faults behind it.

    ``by_gateway``: an MIT KDC would answer otherwise than Active Directory. For an account without a key of a type that
    it supports, it answers KRB_ERR_GENERIC (Microsoft support KB5021131: KDC_ERR_ETYPE_NOSUPP); it cannot have two
    accounts with one service principal name.
    """

    faults: tuple[int, ...]
    code: int
    by_gateway: bool


class KeyFaults:
    """The keys of a realm under the active faults. ``healthy`` are those without faults.

    ``show`` is called with each new state of the keys before it is in force; it raises FaultError if that fails.
    ``has_duplicates``: the KDC itself can have a name on two accounts, and refuses it as Active Directory does.
    """

    def __init__(
        self,
        healthy: KeyDatabase,
        show: Callable[[KeyDatabase], None] = lambda _database: None,
        *,
        has_duplicates: bool = False,
    ) -> None:
        self.healthy = healthy
        self._has_duplicates = has_duplicates
        self._show = show
        self._rules: tuple[KeyRule, ...] = ()
        self.database = healthy

    def apply(self, state: FaultState) -> None:
        """Apply the faults of ``state``. Raises FaultError if one does not fit; nothing has changed then."""
        if state.keys == self._rules:
            return
        for number, rule in enumerate(state.keys):
            if rule not in self._rules:  # it is being applied now, so it has to fit
                try:
                    rule.change(fold_key_rules(self.healthy, state.keys[:number]))
                except AccountError as error:
                    raise FaultError(str(error)) from error
        database = fold_key_rules(self.healthy, state.keys)
        self._show(database)
        self._rules, self.database = state.keys, database

    def choose_keys(self, principal: str, kdc: str = "", offered: Sequence[str] = SUPPORTED) -> IssuedKeys | None:
        """Return the keys of a ticket of ``kdc`` for ``principal`` under the active faults.

        See ``KeyDatabase.choose_keys``.
        """
        return self.database.at(kdc).choose_keys(principal, offered)

    def refuse(self, message: Message, kdc: str = "") -> KeyRefusal | None:
        """Return why ``kdc`` has no keys for a ticket request; None where it has."""
        if not isinstance(message, KdcRequest) or message.kind != "TGS" or not (self._rules or message.etypes):
            return None
        offered = tuple(enctype_name(each) for each in message.etypes) or SUPPORTED
        view = self.database.at(kdc)
        account = view.owner_of(message.service)
        duplicate = view.find_duplicate(message.service)
        behind = account is None and self.database.owner_of(message.service) is not None
        if not behind and duplicate is None and view.choose_keys(message.service, offered) is not None:
            return None
        no_key = account is not None and not view.usable_enctypes(account)
        code = int(KrbCode.KDC_ERR_S_PRINCIPAL_UNKNOWN) if behind else KrbCode.KDC_ERR_ETYPE_NOSUPP
        code = code if duplicate is None else duplicate
        faults = find_enctype_faults(self.healthy, self._rules, message.service, offered, kdc)
        at_kdc = self._has_duplicates and duplicate == KrbCode.KDC_ERR_S_PRINCIPAL_UNKNOWN
        return KeyRefusal(faults, code, by_gateway=no_key or (duplicate is not None and not at_kdc))

    def find_faults(self, principal: str, kvno: int | None, enctype: str) -> tuple[int, ...]:
        """Return the numbers of the faults because of which a service cannot decrypt such a ticket."""
        return find_key_faults(self.healthy, self._rules, principal, kvno, enctype)

"""The state of users' accounts at the KDCs under the active faults, and the refusals that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ssosim.estate import Estate, User
from ssosim.faults.core.fault import FaultState
from ssosim.kerberos.account_policy import check_enctypes, check_sign_on, check_ticket_request, is_fresh
from ssosim.kerberos.codes import KrbCode
from ssosim.kerberos.enctypes import DEFAULT_ENCTYPES, SUPPORTED
from ssosim.kerberos.key_database import KeyDatabase, KeyRule, fold_key_rules, list_accounts
from ssosim.kerberos.principals import list_tgt_session_enctypes

__all__ = ["AccountRefusal", "AccountStates"]


class AccountRefusal(NamedTuple):
    """The ``code`` with which a KDC refuses a ticket because of the user's account, and the faults behind it."""

    code: int
    faults: tuple[int, ...]


class AccountStates:
    """The accounts of the users under the active faults. ``healthy`` has those without faults.

    ``show`` is called with the estate as the KDCs know it, and that of each KDC to which changes are not replicated, by
    the name of its host, before a new state is in force. It raises FaultError if that fails.
    """

    def __init__(
        self, healthy: Estate, show: Callable[[Estate, Mapping[str, Estate]], None] = lambda _estate, _lagging: None
    ) -> None:
        self._healthy = healthy
        self._show = show
        self._known: tuple[object, ...] = ((), ())
        self._changes: tuple[tuple[int, Callable[[Estate], Estate]], ...] = ()
        self._estate = healthy
        self._lagging: Mapping[str, Estate] = {}
        self._lagging_since: Mapping[str, int] = {}
        self._keys: tuple[KeyRule, ...] = ()
        self._sessions: dict[str, tuple[str, ...]] = {}
        self._database = list_accounts(healthy)
        self._has_limits = any(
            user.account_expires is not None or user.enctypes != DEFAULT_ENCTYPES or check_sign_on(user, 0.0)
            for user in healthy.users
        )

    @property
    def may_refuse(self) -> bool:
        """Whether an account may get other answers than those of the KDC's database of the start."""
        return bool(self._changes) or bool(self._keys) or self._has_limits

    def apply(self, state: FaultState) -> None:
        """Apply the faults of ``state``. Raises FaultError if one does not fit."""
        if (state.estate, state.keys) == self._known:
            return
        changes = tuple(zip(state.estate_faults, state.estate, strict=True))
        estate = _fold(self._healthy, [change for _, change in changes])
        lagging_since = _find_lagging_kdcs(self._healthy, state.keys)
        lagging = {
            kdc: _fold(self._healthy, [change for number, change in changes if number < since])
            for kdc, since in lagging_since.items()
        }
        if changes or self._changes:
            self._show(estate, lagging)
        self._known = state.estate, state.keys
        self._keys = state.keys
        self._database = fold_key_rules(list_accounts(self._healthy), state.keys)
        self._changes, self._estate = changes, estate
        self._lagging, self._lagging_since = lagging, lagging_since

    def refuse_sign_on(
        self, user: User, now: float, kdc: str = "", offered: Sequence[str] = ()
    ) -> AccountRefusal | None:
        """Return why ``kdc`` issues no ticket-granting ticket to ``user`` at ``now``; None where it does.

        ``offered`` are the encryption types of the client; none: those of libkrb5.
        """
        code = check_sign_on(self._find(user.upn, kdc), now)
        if code is not None:
            return AccountRefusal(code, self._list_faults(user, kdc))
        if self._has_common_enctype(user, self._database, kdc, offered or SUPPORTED):
            return None
        return AccountRefusal(KrbCode.KDC_ERR_ETYPE_NOSUPP, self._list_enctype_faults(user, kdc, offered or SUPPORTED))

    def _has_common_enctype(self, user: User, database: KeyDatabase, kdc: str, offered: Sequence[str]) -> bool:
        realm = self._healthy.realm_of(user)
        # Faults of keys are those of the first realm.
        supported = database.at(kdc).enctypes if realm is self._healthy.default_realm else SUPPORTED
        if realm.name not in self._sessions:
            self._sessions[realm.name] = list_tgt_session_enctypes(self._healthy, realm)
        return check_enctypes(user, offered, supported, self._sessions[realm.name])

    def _list_enctype_faults(self, user: User, kdc: str, offered: Sequence[str]) -> tuple[int, ...]:
        """The first fault with which there is no common type any more."""
        for number in range(len(self._keys) + 1):
            database = fold_key_rules(list_accounts(self._healthy), self._keys[:number])
            if not self._has_common_enctype(user, database, kdc, offered):
                return (self._keys[number - 1].fault,) if number else ()
        return ()

    def refuse_ticket(self, user: User, age: float, now: float, kdc: str = "") -> AccountRefusal | None:
        """Return why ``kdc`` issues no service ticket to ``user`` at ``now``; None where the account is no reason.

        ``age`` is that of the ticket-granting ticket in seconds.
        """
        if is_fresh(age) or not self.may_refuse:
            return None
        code = check_ticket_request(self._find(user.upn, kdc), age, now)
        return None if code is None else AccountRefusal(code, self._list_faults(user, kdc))

    def find_user(self, principal: str, realm: str) -> User | None:
        """Return the user of the estate without faults whose account is ``principal`` of ``realm``."""
        name = principal.lower()
        for user in self._healthy.users:
            if (user.sam_account or "").lower() == name and self._healthy.realm_of(user).name == realm:
                return user
        return None

    def _find(self, upn: str, kdc: str) -> User:
        found = self._lagging.get(kdc, self._estate).user(upn)
        if found is None:
            raise KeyError(upn)
        return found

    def _list_faults(self, user: User, kdc: str) -> tuple[int, ...]:
        """The faults that changed the account, as ``kdc`` knows it."""
        since = self._lagging_since.get(kdc)
        found, estate = [], self._healthy
        for number, change in self._changes:
            if since is not None and number > since:
                break
            former, estate = estate, change(estate)
            if former.user(user.upn) != estate.user(user.upn):
                found.append(number)
        return tuple(found)


def _fold(estate: Estate, changes: Sequence[Callable[[Estate], Estate]]) -> Estate:
    for change in changes:
        estate = change(estate)
    return estate


def _find_lagging_kdcs(healthy: Estate, rules: Sequence[KeyRule]) -> dict[str, int]:
    """Return the KDCs to which changes are not replicated, each with the number of the fault since which that is so."""
    found: dict[str, int] = {}
    for number in range(len(rules)):
        database = fold_key_rules(list_accounts(healthy), rules[: number + 1])
        for name, _ in database.lagging:
            found.setdefault(name, rules[number].fault)
    return found

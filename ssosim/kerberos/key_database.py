"""The keys of a realm's accounts as values: which the KDC encrypts tickets with, and which the services have.

An account has one password, and so one key of each encryption type, for all of its service principal names. Its key
version number (kvno, ``msDS-KeyVersionNumber`` in Active Directory) counts the passwords. Two keys of an account are
equal if version and type are equal. Pure functions; ``realm_keys`` writes the values into a KDC and its keytabs.

Source: RFC 4120, sections 5.2.9 (kvno) and 3.1.3 (choice of encryption types); MS-KILE, section 3.1.1.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from ssosim.estate import Estate, Realm
from ssosim.kerberos.enctypes import AES256, DEFAULT_ENCTYPES, SUPPORTED, sort_enctypes
from ssosim.kerberos.errors import KerberosError

__all__ = [
    "Account",
    "AccountError",
    "IssuedKeys",
    "KeyDatabase",
    "KeyRule",
    "find_enctype_faults",
    "find_key_faults",
    "fold_key_rules",
    "list_accounts",
]


class Account(Struct, frozen=True):
    """An account of the realm with its principals, and its keys at the KDC and at its services.

    ``kvno``: the version that the KDC encrypts new tickets with. ``service_kvnos``: the versions in the services' key
    tables, the newest first. ``enctypes``: the types of its keys at the KDC, the strongest first;
    ``service_enctypes``: those in the key tables; ``session_enctypes``: the types of session keys that the KDC takes
    its services to support, None where that was never set. ``lost`` are the service principal names that are registered
    on another account now, while the key tables still have them. An account without ``service_kvnos`` has no service in
    the lab, such as a computer account.
    """

    name: str
    principals: tuple[str, ...]
    enctypes: tuple[str, ...] = DEFAULT_ENCTYPES
    service_enctypes: tuple[str, ...] = DEFAULT_ENCTYPES
    kvno: int = 1
    service_kvnos: tuple[int, ...] = (1,)
    session_enctypes: tuple[str, ...] | None = None
    lost: tuple[str, ...] = ()

    def roll(self, *, at_kdc: bool, at_service: bool, previous_keys: int) -> Account:
        """The account after its next password; a service keeps ``previous_keys`` former keys beside the new one."""
        kvnos = self.service_kvnos
        if at_service and kvnos:
            kvnos = (kvnos[0] + 1, *kvnos)[: previous_keys + 1]
        return replace(self, kvno=self.kvno + at_kdc, service_kvnos=kvnos)

    def opens(self, kvno: int, enctype: str) -> bool:
        """Whether its services have the key of a ticket."""
        return kvno in self.service_kvnos and enctype in self.service_enctypes


class IssuedKeys(NamedTuple):
    """The keys that a KDC chose for a ticket: its account, key version and type, and the type of the session key."""

    account: str
    kvno: int
    enctype: str
    session_enctype: str


@dataclasses.dataclass(frozen=True, slots=True)  # replace() must not copy the index of owners
class KeyDatabase:
    """The accounts of a realm that have services. ``enctypes`` are the types that its KDC supports.

    ``duplicates`` are the service principal names that two accounts have, each with the error that the KDC answers.
    ``lagging``: the KDCs to which changes are not replicated, by host, each with the database that it had last.
    """

    accounts: tuple[Account, ...]
    enctypes: tuple[str, ...] = SUPPORTED
    duplicates: tuple[tuple[str, int], ...] = ()
    lagging: tuple[tuple[str, KeyDatabase], ...] = ()
    _owners: dict[str, Account] = dataclasses.field(default_factory=dict, init=False, repr=False, compare=False)

    def at(self, kdc: str) -> KeyDatabase:
        """The database of the KDC called ``kdc``."""
        return next((known for name, known in self.lagging if name == kdc), self) if self.lagging else self

    def list_views(self) -> tuple[KeyDatabase, ...]:
        """The different databases of the KDCs, the current one first."""
        return (self, *(known for _, known in self.lagging))

    def stop_replication(self, kdcs: Sequence[str]) -> KeyDatabase:
        """The database when ``kdcs`` get no more changes. One that lags already keeps what it has."""
        behind = {name for name, _ in self.lagging}
        frozen = dataclasses.replace(self, lagging=())
        return dataclasses.replace(
            self, lagging=(*self.lagging, *((name, frozen) for name in kdcs if name not in behind))
        )

    def find(self, name: str) -> Account | None:
        """The account called ``name``, or the one that has this service principal name; in any case, as in AD."""
        wanted = name.lower()
        for account in self.accounts:
            if wanted == account.name.lower() or wanted in (each.lower() for each in account.principals):
                return account
        return None

    def owner_of(self, principal: str) -> Account | None:
        """The account whose key tickets for ``principal`` are encrypted with; in any case, as in Active Directory."""
        owners = self._owners
        if not owners:
            for account in self.accounts:
                for each in account.principals:
                    owners.setdefault(each.lower(), account)
        return owners.get(principal.lower())

    def with_account(self, account: Account) -> KeyDatabase:
        """The database with another value of the account of that name."""
        return dataclasses.replace(
            self, accounts=tuple(account if each.name == account.name else each for each in self.accounts)
        )

    def register(self, spns: Sequence[str], account: str) -> KeyDatabase:
        """The database with ``spns`` on ``account`` alone, in the spelling given here; a new account is created."""
        taken = {each.lower() for each in spns}
        others = [self._without(each, taken, account) for each in self.accounts]
        owner = next((each for each in others if each.name.lower() == account.lower()), None)
        if owner is None:
            return dataclasses.replace(self, accounts=(*others, Account(account, tuple(spns), service_kvnos=())))
        kept = tuple(each for each in owner.principals if each.lower() not in taken)
        lost = tuple(each for each in owner.lost if each.lower() not in taken)  # it may get one back
        owner = replace(owner, principals=(*kept, *spns), lost=lost)
        return dataclasses.replace(self, accounts=tuple(others)).with_account(owner)

    @staticmethod
    def _without(account: Account, taken: set[str], owner: str) -> Account:
        gone = tuple(each for each in account.principals if each.lower() in taken)
        if not gone or account.name.lower() == owner.lower():
            return account
        kept = tuple(each for each in account.principals if each not in gone)
        return replace(account, principals=kept, lost=(*account.lost, *gone))

    def find_duplicate(self, principal: str) -> int | None:
        """The error for a service principal name that two accounts have; None for any other."""
        wanted = principal.lower()
        return next((code for name, code in self.duplicates if name.lower() == wanted), None)

    def usable_enctypes(self, account: Account) -> tuple[str, ...]:
        """The types of the account's keys that the KDC can encrypt a ticket with, the strongest first."""
        return tuple(each for each in account.enctypes if each in self.enctypes)

    def choose_keys(self, principal: str, offered: Sequence[str] = SUPPORTED) -> IssuedKeys | None:
        """The keys that a KDC chooses for a ticket for ``principal`` to a client with the types ``offered``.

        The ticket gets the account's strongest type, the session the client's first type that the account supports;
        an MIT KDC takes every account to support AES, unless it is told otherwise (krb5 1.20, measured). None: there is
        no common type (KDC_ERR_ETYPE_NOSUPP). Principals without a service have the first key.
        """
        account = self.owner_of(principal)
        if account is None:
            first = next((each for each in offered if each in DEFAULT_ENCTYPES), None)
            return None if first is None else IssuedKeys("", 1, AES256, first)
        keys = self.usable_enctypes(account)
        sessions = DEFAULT_ENCTYPES if account.session_enctypes is None else account.session_enctypes
        session = next((each for each in offered if each in sessions and each in self.enctypes), None)
        return None if session is None or not keys else IssuedKeys(account.name, account.kvno, keys[0], session)


class AccountError(KerberosError):
    """A change names an account, or a service principal name, that the realm does not have."""


class KeyRule(NamedTuple):
    """What one fault does to the keys of a realm. ``change`` raises AccountError if it does not fit."""

    change: Callable[[KeyDatabase], KeyDatabase]
    fault: int = 0


def list_accounts(estate: Estate, of: Realm | None = None) -> KeyDatabase:
    """The accounts of the realm ``of`` (None: the first) that have services, with their first keys.

    ``realm.services`` are services on member servers: each has an account of its own, which is called like it here.
    Only a realm other than the first may have no account of the cloud.
    """
    realm = of or estate.default_realm
    cloud = realm.service_account
    types = sort_enctypes(cloud.enctypes)
    own = Account(cloud.name, (cloud.name, *cloud.spns), types, types)
    accounts = (own,) if cloud.spns or of is None else ()
    return KeyDatabase((*accounts, *(Account(spn, (spn,)) for spn in realm.services)))


def fold_key_rules(healthy: KeyDatabase, rules: Sequence[KeyRule]) -> KeyDatabase:
    """The keys with the changes of ``rules``, the oldest first.

    A change that does not fit is left out: the account that it names may have come from another fault, which is undone.
    """
    for rule in rules:
        with contextlib.suppress(AccountError):
            healthy = rule.change(healthy)
    return healthy


def find_key_faults(
    healthy: KeyDatabase, rules: Sequence[KeyRule], principal: str, kvno: int | None, enctype: str
) -> tuple[int, ...]:
    """The faults because of which a service has no key for a ticket for ``principal``.

    A fault is one of them if without it the service had the ticket's key, or the KDC issued tickets that the service
    can decrypt. Where no single fault is to blame, all that changed the account are.
    """

    def opens(database: KeyDatabase) -> bool:
        account = database.owner_of(principal)
        if account is None:
            return False
        if kvno is not None and account.opens(kvno, enctype):
            return True
        issued = [keys for view in database.list_views() if (keys := view.choose_keys(principal)) is not None]
        # A lagging KDC may still issue such a ticket: then it is of no use that another one does not.
        return all((keys.kvno, keys.enctype) != (kvno, enctype) for keys in issued) and any(
            account.opens(keys.kvno, keys.enctype) for keys in issued
        )

    return _blame(healthy, rules, principal, opens)


def find_enctype_faults(
    healthy: KeyDatabase, rules: Sequence[KeyRule], principal: str, offered: Sequence[str], kdc: str = ""
) -> tuple[int, ...]:
    """The faults because of which ``kdc`` refuses a ticket.

    It refuses by encryption types, for a duplicate name, or for a name that is not replicated to it yet.
    """
    has_owner = fold_key_rules(healthy, rules).owner_of(principal) is not None

    def issues(database: KeyDatabase) -> bool:
        view = database.at(kdc)
        known = view.owner_of(principal) is not None or not has_owner
        return known and view.find_duplicate(principal) is None and view.choose_keys(principal, offered) is not None

    return _blame(healthy, rules, principal, issues)


def _state_of(database: KeyDatabase, principal: str) -> tuple[object, ...]:
    return tuple(
        part
        for view in database.list_views()
        for part in (view.owner_of(principal), view.enctypes, view.find_duplicate(principal))
    )


def _blame(
    healthy: KeyDatabase, rules: Sequence[KeyRule], principal: str, works: Callable[[KeyDatabase], bool]
) -> tuple[int, ...]:
    """The faults without any one of which it works; where there is none, all that changed the keys of ``principal``.

    Where it does not work without all of them either, as for a client whose types no account has, there is no fault.
    """
    changing, alone = [], []
    for number, rule in enumerate(rules):
        before, after = fold_key_rules(healthy, rules[:number]), fold_key_rules(healthy, rules[: number + 1])
        if _state_of(before, principal) != _state_of(after, principal):
            changing.append(rule.fault)
            if works(fold_key_rules(healthy, [*rules[:number], *rules[number + 1 :]])):
                alone.append(rule.fault)
    if not alone and healthy.owner_of(principal) is not None and not works(healthy):
        return ()
    return tuple(alone or changing)

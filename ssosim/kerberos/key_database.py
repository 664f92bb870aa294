"""The keys of a realm's accounts as values: which the KDC encrypts tickets with, and which the services have.

An account has one password, and so one key of each encryption type, for all of its service principal names. Its key
version number (kvno, ``msDS-KeyVersionNumber`` in Active Directory) counts the passwords. Two keys of an account are
equal if version and type are equal. Pure functions; ``realm_keys`` writes the values into a KDC and its keytabs.

Source: RFC 4120, sections 5.2.9 (kvno) and 3.1.3 (choice of encryption types); MS-KILE, section 3.1.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ssosim.estate import Estate
from ssosim.kerberos.enctypes import AES256, DEFAULT_ENCTYPES, SUPPORTED

__all__ = ["Account", "IssuedKeys", "KeyDatabase", "KeyRule", "find_key_faults", "fold_key_rules", "list_accounts"]


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the realm with its principals, and its keys at the KDC and at its services.

    ``kvno``: the version that the KDC encrypts new tickets with. ``service_kvnos``: the versions in the services' key
    tables, the newest first. ``enctypes``: the types of its keys at the KDC, the preferred first;
    ``service_enctypes``: those in the key tables.
    """

    name: str
    principals: tuple[str, ...]
    enctypes: tuple[str, ...] = DEFAULT_ENCTYPES
    service_enctypes: tuple[str, ...] = DEFAULT_ENCTYPES
    kvno: int = 1
    service_kvnos: tuple[int, ...] = (1,)

    def roll(self, *, at_kdc: bool, at_service: bool, previous_keys: int) -> Account:
        """The account after its next password; a service keeps ``previous_keys`` former keys beside the new one."""
        kvnos = self.service_kvnos
        if at_service:
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


@dataclass(frozen=True, slots=True)
class KeyDatabase:
    """The accounts of a realm that have services."""

    accounts: tuple[Account, ...]

    def find(self, name: str) -> Account | None:
        """The account called ``name``, or the one that has this service principal name; in any case, as in AD."""
        wanted = name.lower()
        for account in self.accounts:
            if wanted == account.name.lower() or wanted in (each.lower() for each in account.principals):
                return account
        return None

    def owner_of(self, principal: str) -> Account | None:
        """The account whose key tickets for ``principal`` are encrypted with. Compares exactly, as an MIT KDC does."""
        return next((account for account in self.accounts if principal in account.principals), None)

    def with_account(self, account: Account) -> KeyDatabase:
        """The database with another value of the account of that name."""
        return replace(self, accounts=tuple(account if each.name == account.name else each for each in self.accounts))

    def choose_keys(self, principal: str) -> IssuedKeys | None:
        """The keys that an MIT KDC chooses for a ticket for ``principal`` to a client with the types of ``SUPPORTED``.

        The ticket gets the account's preferred type, the session the client's preferred type of those that the account
        has. None: there is no common type (KDC_ERR_ETYPE_NOSUPP). Principals without a service have the first key.
        """
        account = self.owner_of(principal)
        if account is None:
            return IssuedKeys("", 1, AES256, AES256)
        session = next((each for each in SUPPORTED if each in account.enctypes), None)
        return None if session is None else IssuedKeys(account.name, account.kvno, account.enctypes[0], session)


class KeyRule(NamedTuple):
    """What one fault does to the keys of a realm. ``change`` raises FaultError if it does not fit."""

    change: Callable[[KeyDatabase], KeyDatabase]
    fault: int = 0


def list_accounts(estate: Estate) -> KeyDatabase:
    """The accounts of the default realm of ``estate`` that have services, with their first keys.

    ``realm.services`` are services on member servers: each has an account of its own, which is called like it here.
    """
    realm = estate.default_realm
    cloud = realm.service_account
    own = Account(cloud.name, (cloud.name, *cloud.spns), cloud.enctypes, cloud.enctypes)
    return KeyDatabase((own, *(Account(spn, (spn,)) for spn in realm.services)))


def fold_key_rules(healthy: KeyDatabase, rules: Sequence[KeyRule]) -> KeyDatabase:
    """The keys with the changes of ``rules``, the oldest first."""
    for rule in rules:
        healthy = rule.change(healthy)
    return healthy


def find_key_faults(
    healthy: KeyDatabase, rules: Sequence[KeyRule], principal: str, kvno: int | None, enctype: str
) -> tuple[int, ...]:
    """The faults because of which a service has no key for a ticket for ``principal``.

    A fault is one of them if without it the service had the ticket's key, or the KDC issued tickets that the service
    can decrypt. Where no single fault is to blame, all that changed the account are.
    """
    if healthy.owner_of(principal) is None or not rules:
        return ()
    changing, alone = [], []
    for number, rule in enumerate(rules):
        before = fold_key_rules(healthy, rules[:number]).owner_of(principal)
        after = fold_key_rules(healthy, rules[: number + 1]).owner_of(principal)
        if before == after:
            continue
        changing.append(rule.fault)
        without = fold_key_rules(healthy, [*rules[:number], *rules[number + 1 :]]).owner_of(principal)
        if without is None:
            continue
        had_key = kvno is not None and without.opens(kvno, enctype)
        issued = without.enctypes[0] if without.enctypes else ""
        if had_key or ((kvno, enctype) != (without.kvno, issued) and without.opens(without.kvno, issued)):
            alone.append(rule.fault)
    return tuple(alone or changing)

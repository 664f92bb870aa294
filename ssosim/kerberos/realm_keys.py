"""Write the keys of accounts into the database of a running KDC and into the keytabs of the services.

Every key is derived from a secret of the realm, the account and the key version (``derive_password``), so that a former
key can be restored: a fault that is undone gives the old key back. The salt is that of the realm alone (``onlyrealm``),
so all principals of an account have the same key, as in Active Directory.

krb5kdc reads the database at each request, and the acceptors read their keytab at each token. One kadmin.local batch
takes about 10 ms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ssosim.kerberos.enctypes import DEFAULT_ENCTYPES, ENCTYPES, SUPPORTED
from ssosim.kerberos.errors import RealmError
from ssosim.kerberos.key_database import Account, KeyDatabase
from ssosim.kerberos.keytab import KeytabEntry, read_keytab, rename_entry, write_keytab
from ssosim.kerberos.principals import build_key_commands, derive_password, is_service_principal
from ssosim.kerberos.realm import PreparedRealm, run_kadmin

__all__ = ["KdcState", "RealmKeys"]

_MOST_SPELLINGS = 32
"""So many spellings of one name are known; a client that tries all of them shall not fill the database."""


class PrincipalKeys(NamedTuple):
    """The keys of one principal in the KDC's database, and the types of session keys (None: the KDC's default)."""

    account: str
    kvno: int
    enctypes: tuple[str, ...]
    sessions: tuple[str, ...] | None


@dataclass(slots=True)
class KdcState:
    """One KDC: its name, the copy of the realm that it runs on, and the principals in its database."""

    name: str
    realm: PreparedRealm
    principals: dict[str, PrincipalKeys]


class RealmKeys:
    """The keys of ``realm``, whose KDC runs, with the first state ``healthy``.

    ``services`` are the SPNs of each service whose keytab joins those of several accounts. ``kdcs`` are the copies of
    ``realm`` that the KDCs run on, by the names of their hosts; by default one KDC runs on ``realm`` itself.
    """

    def __init__(
        self,
        realm: PreparedRealm,
        healthy: KeyDatabase,
        services: Iterable[Sequence[str]] = (),
        kdcs: Mapping[str, PreparedRealm] | None = None,
    ) -> None:
        self._realm = realm
        self._shown = healthy
        self._account = healthy.accounts[0].name
        self._services = tuple(spns for spns in services if len(spns) > 1)
        self._copy: PreparedRealm | None = None
        self._kdcs = [KdcState(name, where, _principals_of(healthy)) for name, where in (kdcs or {"": realm}).items()]
        self._spellings: dict[str, list[str]] = {}
        self._entries: dict[tuple[str, int], tuple[KeytabEntry, ...]] = {}

    def add_spelling(self, principal: str) -> None:
        """Let the KDCs know a service principal name in the spelling that a client has asked for. Raises RealmError.

        Active Directory compares names without regard to case (MS-KILE section 3.3.5.1.1; MS-ADTS section 3.1.1.2.2.4),
        an MIT KDC with it. A name that no account has, and one that is known in this spelling, changes nothing.
        """
        account = self._shown.owner_of(principal)
        known = self._spellings.setdefault(principal.lower(), [])
        is_new = account is not None and principal not in (*account.principals, *known)
        if not is_new or len(known) >= _MOST_SPELLINGS or not is_service_principal(principal):
            return
        known.append(principal)
        self.show(self._shown)

    def show(self, database: KeyDatabase) -> None:
        """Make ``database`` the keys of KDC and services. Raises RealmError; the keytabs are unchanged then."""
        before = {account.name: account for account in self._shown.accounts}
        seed = self._realm.read_seed()
        tables = [
            (account, self._build_table(account))
            for account in database.accounts
            if account.service_kvnos and _in_table(account) != _in_table(before[account.name])
        ]
        for kdc in self._kdcs:
            self._write_kdc(kdc, database.at(kdc.name), seed)
        for account, entries in tables:
            write_keytab(self._table_of(account), entries)
        for spns in self._services:
            self._realm.join_keytabs(spns)
        self._shown = database

    def _write_kdc(self, kdc: KdcState, view: KeyDatabase, seed: str) -> None:
        """Make ``view`` what ``kdc`` knows."""
        wanted = _principals_of(view, self._spellings)
        if commands := list(_commands(kdc.principals, view, wanted, seed)):
            run_kadmin(kdc.realm, "\n".join(commands))
        kdc.principals = {name: keys for name, keys in kdc.principals.items() if view.owner_of(name)} | wanted

    def _table_of(self, account: Account) -> Path:
        return self._realm.keytab if account.name == self._account else self._realm.service_keytab(account.name)

    def _build_table(self, account: Account) -> list[KeytabEntry]:
        """The entries of the keytab of ``account``."""
        return [
            entry
            for kvno in account.service_kvnos
            for entry in self._read_version(account, kvno)
            if ENCTYPES.get(entry.enctype) in account.service_enctypes
        ]

    def _read_version(self, account: Account, kvno: int) -> tuple[KeytabEntry, ...]:
        """All keys of one version."""
        found = self._entries.get((account.name, kvno))
        if found is None:
            found = self._make_version(account, kvno)
            self._entries[account.name, kvno] = found
        return found

    def _make_version(self, account: Account, kvno: int) -> tuple[KeytabEntry, ...]:
        """All keys of one version, made in a copy of the database: the running KDC never has them in between."""
        copy = self._copy_realm()
        table = copy.directory / "version.keytab"
        table.unlink(missing_ok=True)
        names = (*account.principals, *account.lost)
        password = derive_password(self._realm.read_seed(), account.name, kvno)
        # One principal is enough: all of an account have the same key, and deriving it takes milliseconds.
        lines = build_key_commands(names[:1], password, SUPPORTED, kvno)
        export = f"ktadd -q -k FILE:{table.name} -norandkey {names[0]}"
        run_kadmin(copy, "\n".join((*lines, export)))
        try:
            made = read_keytab(table)
        except (OSError, ValueError) as error:
            raise RealmError(f"{table}: {error}") from error
        return tuple(rename_entry(entry, name) for name in names for entry in made)

    def _copy_realm(self) -> PreparedRealm:
        if self._copy is None:
            self._copy = self._realm.copy_to(self._realm.directory.with_name(f"{self._realm.directory.name}-keys"))
        return self._copy


def _in_table(account: Account) -> tuple[object, ...]:
    """What the key table of ``account`` depends on. Its names do not change with the accounts of a directory."""
    return account.service_kvnos, account.service_enctypes


def _principals_of(
    database: KeyDatabase, spellings: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> dict[str, PrincipalKeys]:
    """The principals that the KDC's database has to have, without those for which it supports no key.

    ``spellings`` are further ones of a name, by the name in lower case.
    """
    return {
        principal: PrincipalKeys(account.name, account.kvno, types, _session_enctypes(database, account))
        for account in database.accounts
        if (types := database.usable_enctypes(account))
        for name in account.principals
        for principal in (name, *spellings.get(name.lower(), ()))
    }


def _session_enctypes(database: KeyDatabase, account: Account) -> tuple[str, ...] | None:
    """The types of session keys that the KDC may choose; None where it has its own default."""
    if account.session_enctypes is None and database.enctypes == SUPPORTED:
        return None
    sessions = DEFAULT_ENCTYPES if account.session_enctypes is None else account.session_enctypes
    return tuple(each for each in sessions if each in database.enctypes)


def _commands(
    known: Mapping[str, PrincipalKeys], database: KeyDatabase, wanted: Mapping[str, PrincipalKeys], seed: str
) -> Iterator[str]:
    """The kadmin.local commands that make a KDC's principals, which are ``known``, those of ``database``.

    A principal without a key that the KDC supports stays as it is: the gateway refuses its tickets.
    """
    for principal in known:
        if database.owner_of(principal) is None:
            yield f"delprinc -force {principal}"
    for principal, keys in wanted.items():
        if known.get(principal) == keys:
            continue
        if principal not in known:
            yield f"addprinc -clearpolicy -randkey {principal}"
        password = derive_password(seed, keys.account, keys.kvno)
        yield from build_key_commands([principal], password, keys.enctypes, keys.kvno)
        if keys.sessions:
            yield f"setstr {principal} session_enctypes {','.join(keys.sessions)}"
        else:
            yield f"delstr {principal} session_enctypes"

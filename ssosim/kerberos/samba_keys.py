"""Write the keys of accounts into the directory of a running Samba domain controller.

The KDC reads the directory at each request. It compares names without regard to case, lets HOST cover HTTP
(sPNMappings), and refuses a name that two accounts have, all by itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ssosim.kerberos.key_database import Account, KeyDatabase
from ssosim.kerberos.keytab import KeytabEntry
from ssosim.kerberos.principals import derive_password
from ssosim.kerberos.realm import PreparedRealm
from ssosim.kerberos.realm_keys import KdcState, RealmKeys
from ssosim.kerberos.samba_editor import SambaEditor
from ssosim.kerberos.samba_realm import (
    SAMBA_FOLDER,
    build_account_name,
    build_enctype_mask,
    build_entries,
    list_key_names,
)

__all__ = ["SambaKeys", "list_samba_state"]

_SECOND_OWNER = "SecondOwner$"
"""The account that has each duplicate name beside its owner."""

Data = dict[str, Any]


class SambaKeys(RealmKeys):
    """As RealmKeys, for a realm whose KDCs are Samba's. ``editor`` writes into their directories."""

    def __init__(
        self,
        realm: PreparedRealm,
        healthy: KeyDatabase,
        editor: SambaEditor,
        services: Iterable[Sequence[str]] = (),
        kdcs: Mapping[str, PreparedRealm] | None = None,
    ) -> None:
        super().__init__(realm, healthy, services, kdcs)
        self._editor = editor
        self._versions: dict[str, list[Data]] = {}
        self._kvnos: dict[str, dict[str, int]] = {each.name: {} for each in self._kdcs}
        """The key versions in the directory of each KDC; an account that is missing here has the first one."""
        self._written = {each.name: {name: data for name, data, _ in list_samba_state(healthy)} for each in self._kdcs}

    def add_spelling(self, principal: str) -> None:
        """Do nothing: Samba compares names without regard to case."""

    def _write_kdc(self, kdc: KdcState, view: KeyDatabase, seed: str) -> None:
        written = self._written[kdc.name]
        wanted = list_samba_state(view)
        removed = [*written.keys() - {name for name, _, _ in wanted}]
        for name in removed:
            self._kvnos[kdc.name].pop(name, None)
        changes = []
        for name, data, account in wanted:
            if written.get(name) == data:
                continue
            owner = account.name if account is not None else name
            change = {**data, "password": derive_password(seed, owner, 1)}
            if (kvno := data["kvno"]) != self._kvnos[kdc.name].get(name, 1):
                change["secret"] = self._read_versions(owner, kvno)[kvno - 1]["secret"]
            changes.append(change)
        if changes or removed:
            self._editor.ask("write", kdc.realm.directory / SAMBA_FOLDER, accounts=changes, removed=removed)
        self._kvnos[kdc.name] |= {each["name"]: each["kvno"] for each in changes}
        self._written[kdc.name] = {name: data for name, data, _ in wanted}

    def _make_version(self, account: Account, kvno: int) -> tuple[KeytabEntry, ...]:
        version = self._read_versions(account.name, kvno)[kvno - 1]
        names = (*account.principals, *account.lost)
        return tuple(build_entries(self._realm.name, list_key_names(account.name, names), version))

    def _copy_realm(self) -> PreparedRealm:
        """A copy of the prepared realm: the directory of a KDC that runs may be in the middle of a change."""
        if self._copy is None:
            source = replace(self._realm, directory=self._realm.origin or self._realm.directory)
            self._copy = source.copy_to(self._realm.directory.with_name(f"{self._realm.directory.name}-keys"))
        return self._copy

    def _read_versions(self, account: str, kvno: int) -> list[Data]:
        """The keys of ``account`` up to ``kvno``, made in a copy of the directory: no KDC has them in between."""
        known = self._versions.get(account, [])
        if len(known) < kvno:
            seed = self._realm.read_seed()
            # Samba counts the passwords, so each one is set after those before it, and not twice.
            first = max(1, len(known))
            passwords = [derive_password(seed, account, number) for number in range(first, kvno + 1)]
            place = self._copy_realm().directory / SAMBA_FOLDER
            name = {"name": build_account_name(account)}
            made = self._editor.ask("versions", place, account=name, passwords=passwords)["versions"]
            known = [*known[: first - 1], *made]
            self._versions[account] = known
        return known


def list_samba_state(database: KeyDatabase) -> list[tuple[str, Data, Account | None]]:
    """What the directory has to say of each account: its name there, its data, and the account.

    An account without a key that the KDC supports stays as it is: the gateway refuses its tickets.
    """
    found: list[tuple[str, Data, Account | None]] = []
    for account in database.accounts:
        name = build_account_name(account.name)
        types = database.usable_enctypes(account) or account.enctypes
        sessions = None
        if account.session_enctypes is not None:
            sessions = [each for each in account.session_enctypes if each in database.enctypes]
        data = {
            "name": name,
            "spns": _list_names(account),
            "enctypes": build_enctype_mask(types, sessions),
            "kvno": account.kvno,
        }
        found.append((name, data, account))
    if duplicates := sorted({name for name, _ in database.duplicates}):
        found.append((_SECOND_OWNER, {"name": _SECOND_OWNER, "spns": duplicates, "enctypes": 24, "kvno": 1}, None))
    return found


def _list_names(account: Account) -> list[str]:
    """The service principal names of ``account``; HTTP/host is left out where its HOST/host covers it."""
    names = [each for each in account.principals if "/" in each]
    covered = {f"http/{each.partition('/')[2]}".lower() for each in names if each.lower().startswith("host/")}
    unique = itertools.filterfalse(lambda each: each.lower() in covered, names)
    return list({each.lower(): each for each in unique}.values())

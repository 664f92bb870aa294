"""From the estate to the commands that make its principals: one kadmin.local batch, a pure function."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ssosim.estate import Estate
from ssosim.kerberos.errors import RealmError

__all__ = ["SERVICE_ACCOUNT_KEYTAB", "keytab_name", "principals_batch"]

SERVICE_ACCOUNT_KEYTAB = "service-account.keytab"

_REALM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}\Z")
_ACCOUNT = re.compile(r"[A-Za-z0-9_.$-]{1,256}\Z")
_SPN = re.compile(r"[A-Za-z0-9_$-]{1,64}(/[A-Za-z0-9._:$-]{1,256}){1,2}\Z")
_ENCTYPES = re.compile(r"[a-z0-9-]{1,64}\Z")


def keytab_name(spn: str) -> str:
    """File name of the keytab of the service ``spn``, such as ``HTTP_intranet.corp.contoso.com.keytab``."""
    return spn.replace("/", "_").replace(":", "_") + ".keytab"


def principals_batch(estate: Estate) -> str:
    """The kadmin.local commands for every account of ``estate``, with keytabs written to the current directory.

    The account that stands for the cloud has several SPNs and one key in Active Directory. An MIT KDC before 1.22
    knows no principal aliases in a file database (krb5 1.22 README), so here every SPN is a principal of its own,
    and the one keytab holds them all. Raises RealmError naming the entry that cannot be a principal.
    """
    _check(estate)
    return "\n".join(_commands(estate)) + "\n"


def _check(estate: Estate) -> None:
    realm = estate.default_realm
    account = realm.service_account
    where = f"estate {estate.name}"
    _match(_REALM, realm.name, f"{where}: realm.name")
    _match(_REALM, realm.domain, f"{where}: realm.domain")
    _match(_ACCOUNT, account.name, f"{where}: realm.service_account.name")
    for enctype in account.enctypes:
        _match(_ENCTYPES, enctype, f"{where}: realm.service_account.enctypes")
    seen: set[str] = {account.name}
    for spn in (*account.spns, *realm.services):
        _match(_SPN, spn, f"{where}: service principal name (expected is one like HTTP/host)")
        _once(spn, seen, where)
    for user in estate.users:
        if user.sam_account is not None:
            _match(_ACCOUNT, user.sam_account, f"{where}: user {user.upn}: sam_account")
            if not user.password or not user.password.isprintable():
                raise RealmError(f"{where}: user {user.upn}: the password must be printable and not empty")
            _once(user.sam_account, seen, where)


def _match(pattern: re.Pattern[str], value: str, place: str) -> None:
    if not pattern.match(value):
        raise RealmError(f"{place}: {value!r} cannot be part of a Kerberos name")


def _once(name: str, seen: set[str], where: str) -> None:
    if name in seen:
        raise RealmError(f"{where}: {name} stands twice; a principal belongs to one account")
    seen.add(name)


def _commands(estate: Estate) -> Iterator[str]:
    realm = estate.default_realm
    # Active Directory asks users for pre-authentication unless told otherwise; an MIT KDC does not.
    for user in estate.users:
        if user.sam_account is not None:
            yield f"addprinc -clearpolicy +requires_preauth -pw {_quoted(user.password)} {user.sam_account}"
    account = realm.service_account
    keys = " ".join(f"{enctype}:normal" for enctype in account.enctypes)
    for name in (account.name, *account.spns):
        yield f'addprinc -clearpolicy -randkey -e "{keys}" {name}'
    yield f"ktadd -q -k FILE:{SERVICE_ACCOUNT_KEYTAB} -norandkey " + " ".join((account.name, *account.spns))
    for spn in realm.services:
        yield f"addprinc -clearpolicy -randkey {spn}"
        yield f"ktadd -q -k FILE:{keytab_name(spn)} -norandkey {spn}"


def _quoted(word: str) -> str:
    # The command reader of kadmin takes "" inside quotes for one quote character.
    return '"' + word.replace('"', '""') + '"'

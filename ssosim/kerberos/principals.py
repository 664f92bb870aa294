"""Build the kadmin.local commands that create the principals of an estate. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ssosim.estate import Estate
from ssosim.kerberos.errors import RealmError

__all__ = ["SERVICE_ACCOUNT_KEYTAB", "build_keytab_name", "build_principals_batch"]

SERVICE_ACCOUNT_KEYTAB = "service-account.keytab"

_REALM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}\Z")
_ACCOUNT = re.compile(r"[A-Za-z0-9_.$-]{1,256}\Z")
_SPN = re.compile(r"[A-Za-z0-9_$-]{1,64}(/[A-Za-z0-9._:$-]{1,256}){1,2}\Z")
_ENCTYPES = re.compile(r"[a-z0-9-]{1,64}\Z")


def build_keytab_name(spn: str) -> str:
    """The file name of the keytab of the service ``spn``, such as ``HTTP_intranet.corp.contoso.com.keytab``."""
    return spn.replace("/", "_").replace(":", "_") + ".keytab"


def build_principals_batch(estate: Estate) -> str:
    """The kadmin.local commands for every account of ``estate``. The keytabs are written to the current directory.

    In Active Directory the service account of the cloud has several SPNs and one key. An MIT KDC before 1.22 has no
    principal aliases in a file database (krb5 1.22 README), so here every SPN is a separate principal, and one keytab
    has the keys of all. Raises RealmError, which names the entry that cannot be a principal.
    """
    _check(estate)
    return "\n".join(_commands(estate)) + "\n"


def _check(estate: Estate) -> None:
    realm = estate.default_realm
    account = realm.service_account
    source = f"estate {estate.name}"
    _check_pattern(_REALM, realm.name, f"{source}: realm.name")
    _check_pattern(_REALM, realm.domain, f"{source}: realm.domain")
    _check_pattern(_ACCOUNT, account.name, f"{source}: realm.service_account.name")
    for enctype in account.enctypes:
        _check_pattern(_ENCTYPES, enctype, f"{source}: realm.service_account.enctypes")
    names: set[str] = {account.name}
    for spn in (*account.spns, *realm.services):
        _check_pattern(_SPN, spn, f"{source}: service principal name (expected is one like HTTP/host)")
        _check_unique(spn, names, source)
    for user in estate.users:
        if user.sam_account is not None:
            _check_pattern(_ACCOUNT, user.sam_account, f"{source}: user {user.upn}: sam_account")
            if not user.password or not user.password.isprintable():
                raise RealmError(f"{source}: user {user.upn}: the password must be printable and not empty")
            _check_unique(user.sam_account, names, source)


def _check_pattern(pattern: re.Pattern[str], value: str, key: str) -> None:
    if not pattern.match(value):
        raise RealmError(f"{key}: {value!r} cannot be part of a Kerberos name")


def _check_unique(name: str, names: set[str], source: str) -> None:
    if name in names:
        raise RealmError(f"{source}: {name} occurs twice; a principal belongs to one account")
    names.add(name)


def _commands(estate: Estate) -> Iterator[str]:
    realm = estate.default_realm
    # Active Directory requires pre-authentication of users by default; an MIT KDC does not.
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
        yield f"ktadd -q -k FILE:{build_keytab_name(spn)} -norandkey {spn}"


def _quoted(word: str) -> str:
    # kadmin's command parser reads "" inside quotes as one quote character.
    return '"' + word.replace('"', '""') + '"'

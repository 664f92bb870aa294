"""Build the kadmin.local commands that create the principals of an estate. Pure functions."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Sequence

from ssosim.estate import Estate, Realm
from ssosim.estate.spn_checks import is_kdc_principal
from ssosim.estate.trusts import list_trusts
from ssosim.kerberos.account_attributes import build_account_options
from ssosim.kerberos.enctypes import DEFAULT_ENCTYPES, RC4, SUPPORTED, sort_enctypes
from ssosim.kerberos.errors import RealmError

__all__ = [
    "SERVICE_ACCOUNT_KEYTAB",
    "build_key_commands",
    "build_keytab_name",
    "build_principals_batch",
    "check_account_name",
    "check_service_principal",
    "derive_password",
    "is_service_principal",
    "list_tgt_session_enctypes",
]

SERVICE_ACCOUNT_KEYTAB = "service-account.keytab"

_REALM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}\Z")
_ACCOUNT = re.compile(r"[A-Za-z0-9_.$-]{1,256}\Z")
_SPN = re.compile(r"[A-Za-z0-9_$-]{1,64}(/[A-Za-z0-9._:$-]{1,256}){1,2}\Z")
_ENCTYPES = re.compile(r"[a-z0-9-]{1,64}\Z")


def build_keytab_name(spn: str) -> str:
    """The file name of the keytab of the service ``spn``, such as ``HTTP_intranet.corp.contoso.com.keytab``."""
    return spn.replace("/", "_").replace(":", "_") + ".keytab"


def is_service_principal(text: str) -> bool:
    """Return whether ``text`` is a service principal name that an account can have; those of the KDC are none."""
    return _SPN.match(text) is not None and not is_kdc_principal(text)


def check_service_principal(text: str) -> None:
    """Raise ValueError if ``text`` is no service principal name that an account can have."""
    if not is_service_principal(text):
        raise ValueError(f"{text!r} is no service principal name; expected is one like HTTP/host")


def check_account_name(text: str) -> None:
    """Raise ValueError if ``text`` is no name of an account that a database can have."""
    if not _ACCOUNT.match(text):
        raise ValueError(f"{text!r} is no name of an account; expected is one like WEB01$")


def derive_password(seed: str, account: str, kvno: int) -> str:
    """The password of ``account`` with the key version ``kvno``, from the secret ``seed`` of its realm."""
    return hmac.new(seed.encode(), f"{account} {kvno}".encode(), hashlib.sha256).hexdigest()


def build_key_commands(principals: Sequence[str], password: str, enctypes: Sequence[str], kvno: int) -> Iterator[str]:
    """The kadmin.local commands that give ``principals``, which exist, the keys of ``password`` as version ``kvno``."""
    # "onlyrealm": the salt without the principal's name, so all principals of an account have the same key.
    keys = " ".join(f"{enctype}:onlyrealm" for enctype in enctypes)
    for principal in principals:
        yield f'cpw -pw {password} -e "{keys}" {principal}'
        yield f"modprinc -kvno {kvno} {principal}"


def build_principals_batch(
    estate: Estate, seed: str = "", of: Realm | None = None, trust_secret: str | None = None
) -> str:
    """The kadmin.local commands for every account of the realm ``of`` (None: the first).

    The keytabs are written to the current directory. ``seed``: the secret of the realm from which the keys of its
    services are derived; without it they are random. ``trust_secret``: the secret of the estate from which the keys of
    trusts are derived (None: ``seed``).

    In Active Directory the service account of the cloud has several SPNs and one key. An MIT KDC before 1.22 has no
    principal aliases in a file database (krb5 1.22 README), so here every SPN is a separate principal, and one keytab
    has the keys of all. Raises RealmError, which names the entry that cannot be a principal.
    """
    realm = of or estate.default_realm
    _check(estate, realm)
    lines = (
        *_commands(estate, realm, seed),
        *_trust_commands(estate, realm, seed if trust_secret is None else trust_secret),
    )
    return "\n".join(lines) + "\n"


def list_tgt_session_enctypes(estate: Estate, realm: Realm) -> tuple[str, ...]:
    """Return the types of session keys of ticket-granting tickets: RC4 too where a user of ``realm`` has a key of it.

    By itself an MIT KDC takes its own service to support AES alone (krb5 1.20, measured).
    """
    members = (user for user in estate.users if user.sam_account is not None and estate.realm_of(user) is realm)
    return SUPPORTED if any(RC4 in user.enctypes for user in members) else DEFAULT_ENCTYPES


def _check(estate: Estate, realm: Realm) -> None:
    account = realm.service_account
    source = f"estate {estate.name}"
    for each in estate.realms:
        _check_pattern(_REALM, each.name, f"{source}: realm.name")
        _check_pattern(_REALM, each.domain, f"{source}: realm.domain")
    _check_pattern(_ACCOUNT, account.name, f"{source}: realm.service_account.name")
    for enctype in account.enctypes:
        _check_pattern(_ENCTYPES, enctype, f"{source}: realm.service_account.enctypes")
    names: set[str] = {account.name}
    for spn in (*account.spns, *realm.services):
        _check_pattern(_SPN, spn, f"{source}: service principal name (expected is one like HTTP/host)")
        if is_kdc_principal(spn):
            raise RealmError(f"{source}: {spn} is a principal of the KDC itself, and no service")
        _check_unique(spn, names, source)
    for user in estate.users:
        if user.sam_account is not None and estate.realm_of(user) is realm:
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


def _commands(estate: Estate, realm: Realm, seed: str) -> Iterator[str]:
    # Active Directory requires pre-authentication of users by default; an MIT KDC does not.
    for user in estate.users:
        if user.sam_account is not None and estate.realm_of(user) is realm:
            options = f"-clearpolicy +requires_preauth {build_account_options(user)}"
            if (own := sort_enctypes(user.enctypes)) != DEFAULT_ENCTYPES:
                options += f'-e "{" ".join(f"{each}:normal" for each in own)}" '
            yield f"addprinc {options}-pw {_quote(user.password)} {user.sam_account}"
    if list_tgt_session_enctypes(estate, realm) != DEFAULT_ENCTYPES:
        yield f"setstr krbtgt/{realm.name} session_enctypes {','.join(SUPPORTED)}"
    account = realm.service_account
    salt = "onlyrealm" if seed else "normal"
    keys = " ".join(f"{enctype}:{salt}" for enctype in sort_enctypes(account.enctypes))
    if account.spns:
        for name in (account.name, *account.spns):
            yield f'addprinc -clearpolicy {_first_key(seed, account.name)} -e "{keys}" {name}'
        yield f"ktadd -q -k FILE:{SERVICE_ACCOUNT_KEYTAB} -norandkey " + " ".join((account.name, *account.spns))
    types = f' -e "{" ".join(f"{each}:onlyrealm" for each in DEFAULT_ENCTYPES)}"' if seed else ""
    for spn in realm.services:
        yield f"addprinc -clearpolicy {_first_key(seed, spn)}{types} {spn}"
        yield f"ktadd -q -k FILE:{build_keytab_name(spn)} -norandkey {spn}"


def _trust_commands(estate: Estate, realm: Realm, secret: str) -> Iterator[str]:
    """Yield the commands for the keys that ``realm`` shares with others: both have the same principal."""
    for trusting, trusted in list_trusts(estate):
        if realm.name in (trusting, trusted):
            name = f"krbtgt/{trusting}@{trusted}"
            yield f"addprinc -clearpolicy -pw {derive_password(secret, name, 1)} {name}"


def _first_key(seed: str, account: str) -> str:
    return f"-pw {derive_password(seed, account, 1)}" if seed else "-randkey"


def _quote(word: str) -> str:
    # kadmin's command parser reads "" inside quotes as one quote character.
    return '"' + word.replace('"', '""') + '"'

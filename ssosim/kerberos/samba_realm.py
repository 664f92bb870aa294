"""Provision the directory of a Samba domain controller for a realm, and write its settings.

Everything of Samba's is in the folder ``samba`` of the prepared realm, which is copied for each domain controller.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssosim.estate import Estate, Realm
from ssosim.kerberos.enctypes import AES128, AES256, DEFAULT_ENCTYPES, ENCTYPES, RC4
from ssosim.kerberos.errors import RealmError
from ssosim.kerberos.free_ports import Address
from ssosim.kerberos.keytab import KeytabEntry, build_entry, write_keytab
from ssosim.kerberos.principals import SERVICE_ACCOUNT_KEYTAB, build_keytab_name, derive_password
from ssosim.kerberos.samba_programs import LOCK_DIRECTORY, SambaPrograms

__all__ = [
    "SAMBA_FOLDER",
    "SambaAccount",
    "build_account_name",
    "build_enctype_mask",
    "build_entries",
    "list_key_names",
    "list_samba_accounts",
    "provision_samba",
    "write_samba_conf",
]

SAMBA_FOLDER = "samba"
_HOST = "LABDC"
_FOLDERS = ("private", "state", "cache", "pid", "ncalrpc", "winbindd", "bind-dns")

_MASK = {RC4: 0x04, AES128: 0x08, AES256: 0x10}
_AES_SESSION_KEYS = 0x20
"""The bits of msDS-SupportedEncryptionTypes. Source: MS-KILE section 2.2.7; Microsoft support KB5021131."""

_SETTINGS = """\
[global]
netbios name = {host}
realm = {realm}
workgroup = {netbios}
server role = active directory domain controller
server services = kdc
private dir = {folder}/private
state directory = {folder}/state
cache directory = {folder}/cache
lock directory = {lock}
pid directory = {folder}/pid
ncalrpc dir = {folder}/ncalrpc
binddns dir = {folder}/bind-dns
winbindd socket directory = {folder}/winbindd
log file = {folder}/log.samba
disable netbios = yes
tls enabled = no
load printers = no
bind interfaces only = yes
interfaces = {address}
krb5 port = {port}
kpasswd port = 0
kdc:user ticket lifetime = {lifetime}
kdc:service ticket lifetime = {lifetime}
kdc:renewal lifetime = {renewable}
[sysvol]
path = {folder}/sysvol
read only = no
[netlogon]
path = {folder}/sysvol/scripts
read only = no
"""


@dataclass(frozen=True, slots=True)
class SambaAccount:
    """An account that the directory begins with. ``spns`` empty and ``enctypes`` None: the account of a user.

    ``delegate_to``: the services that it may get tickets to for its users; ``any_protocol``: also for users who have
    signed in to it without Kerberos.
    """

    name: str
    password: str
    spns: tuple[str, ...] = ()
    enctypes: int | None = None
    delegate_to: tuple[str, ...] = ()
    any_protocol: bool = False

    def as_data(self) -> dict[str, Any]:
        """Return the fields for ``samba_directory``."""
        return dataclasses.asdict(self)


def build_account_name(account: str) -> str:
    """The sAMAccountName of ``account``; an account that is called like its service principal name gets a short one.

    Source: MS-ADTS section 3.1.1.6 and the SAM-Account-Name attribute: no slash, 20 characters for a user.
    """
    if "/" not in account:
        return account
    service, _, host = account.partition("/")
    label = "".join(each if each.isalnum() else "-" for each in f"{service}-{host}".lower())
    digest = derive_password("", account.lower(), 0)[:6]
    return f"{label[:13].strip('-')}-{digest}"


def build_enctype_mask(enctypes: Iterable[str], sessions: Iterable[str] | None = None) -> int:
    """The value of msDS-SupportedEncryptionTypes for keys of ``enctypes`` and session keys of ``sessions``."""
    mask = sum(_MASK.get(each, 0) for each in set(enctypes))
    has_aes_sessions = sessions is not None and not {AES128, AES256}.isdisjoint(sessions)
    return mask | (_AES_SESSION_KEYS if has_aes_sessions and not mask & 0x18 else 0)


def list_samba_accounts(estate: Estate, realm: Realm, seed: str) -> Iterator[SambaAccount]:
    """Yield the accounts of ``realm``: users, the service account, and one account for each other service."""
    for user in estate.users:
        if user.sam_account is not None and estate.realm_of(user) is realm:
            yield SambaAccount(user.sam_account, user.password)
    account = realm.service_account
    if account.spns:
        types = build_enctype_mask(account.enctypes)
        made = SambaAccount(account.name, derive_password(seed, account.name, 1), account.spns, types)
        yield _with_delegations(made, realm)
    for spn in realm.services:
        types = build_enctype_mask(DEFAULT_ENCTYPES)
        made = SambaAccount(build_account_name(spn), derive_password(seed, spn, 1), (spn,), types)
        yield _with_delegations(made, realm)


def _with_delegations(account: SambaAccount, realm: Realm) -> SambaAccount:
    rights = [each for each in realm.delegations if each.service in account.spns]
    return dataclasses.replace(
        account,
        delegate_to=tuple(dict.fromkeys(spn for each in rights for spn in each.allowed_to_delegate_to)),
        any_protocol=any(each.trusted_to_auth_for_delegation for each in rights),
    )


def build_entries(realm: str, principals: Iterable[str], version: Mapping[str, Any]) -> list[KeytabEntry]:
    """The entries of a key table with the keys that ``samba_directory`` returned, for each of ``principals``."""
    return [
        build_entry(realm, principal, version["kvno"], int(number), bytes.fromhex(key))
        for principal in principals
        for number, key in version["keys"].items()
    ]


def list_key_names(account: str, principals: Iterable[str]) -> tuple[str, ...]:
    """The names in the key table of a service of ``account``: its ``principals``, and the account itself.

    As in Active Directory a service signs on as its account: a service principal name is no client.
    """
    return tuple(dict.fromkeys((build_account_name(account), *principals)))


def provision_samba(samba: SambaPrograms, folder: Path, estate: Estate, realm: Realm, seed: str) -> None:
    """Create the directory of ``realm`` below ``folder``, and the key tables of its services. Raises RealmError."""
    from ssosim.kerberos.samba_editor import SambaEditor  # noqa: PLC0415 - few labs need it

    place = folder / SAMBA_FOLDER
    place.mkdir(mode=0o700)
    write_samba_conf(place, realm.name, realm.netbios, None, realm.ticket_lifetime, realm.renewable_lifetime)
    accounts = [each.as_data() for each in list_samba_accounts(estate, realm, seed)]
    with SambaEditor(samba, place) as editor:
        made = editor.ask(
            "provision",
            place,
            realm=realm.name,
            netbios=realm.netbios,
            host=_HOST,
            password=f"Lab-1-{secrets.token_hex(16)}",  # complex, as Samba wants it until the policy is changed
            accounts=accounts,
        )["versions"]
    account = realm.service_account
    tables: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {}
    if account.spns:
        tables[SERVICE_ACCOUNT_KEYTAB] = (account.name, account.spns, account.enctypes)
    for spn in realm.services:
        tables[build_keytab_name(spn)] = (spn, (spn,), DEFAULT_ENCTYPES)
    for file, (name, principals, enctypes) in tables.items():
        entries = build_entries(realm.name, list_key_names(name, principals), made[build_account_name(name)])
        write_keytab(folder / file, [each for each in entries if ENCTYPES.get(each.enctype) in enctypes])


def write_samba_conf(
    folder: Path, realm: str, netbios: str, address: Address | None, lifetime: int, renewable: int
) -> None:
    """Write ``smb.conf`` for a domain controller in ``folder`` on ``address`` (None: not yet known).

    ``lifetime`` and ``renewable`` are in seconds; Samba has whole hours. Raises RealmError for a folder that it cannot
    have: what precedes a colon is the kind of a database to ldb(3).
    """
    if ":" in str(folder):
        raise RealmError(f"{folder}: Samba cannot have a colon in the path of its database; choose another folder")
    for name in _FOLDERS:
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    text = _SETTINGS.format(
        host=_HOST,
        realm=realm,
        netbios=netbios,
        folder=folder,
        lock=LOCK_DIRECTORY,
        address=f"{address.host}/8" if address else "127.0.0.1/8",
        port=address.port if address else 0,
        lifetime=max(1, lifetime // 3600),
        renewable=max(1, renewable // 3600),
    )
    (folder / "smb.conf").write_text(text, encoding="utf-8")

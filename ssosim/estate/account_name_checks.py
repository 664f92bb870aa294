"""Check the names of accounts and domains in Active Directory, and who uses which.

Source: Active Directory schema, SAM-Account-Name (20 characters of users; a computer has its NetBIOS name and a dollar
sign); Microsoft documentation, "Naming conventions in Active Directory for computers, domains, sites, and OUs".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ssosim.estate.model import Estate
from ssosim.estate.toml_lines import KeyPath

__all__ = ["find_account_name_mistakes"]

Mistake = tuple[KeyPath, str]

_LONGEST_USER, _LONGEST_NETBIOS = 20, 15
_NETBIOS = re.compile(r"""[^\\/:*?"<>|.\s]{1,15}""")
_OF_THE_KDC = "krbtgt"


def find_account_name_mistakes(estate: Estate) -> Iterator[Mistake]:
    """Yield the key path and the text of each mistake."""
    yield from _users(estate)
    for index, realm in enumerate(estate.realms):
        if realm.service_account.spns:
            yield from _service_account(estate, index)
    yield from _netbios_names(estate)
    yield from _federation_services(estate)


def _users(estate: Estate) -> Iterator[Mistake]:
    for index, user in enumerate(estate.users):
        here: KeyPath = ("users", index, "sam_account")
        if user.sam_account == "":
            yield here, "is empty; leave the key out for a user without an account in the realm"
        elif user.sam_account is not None and user.sam_account.endswith("."):
            yield here, f"{user.sam_account!r} ends with a dot, which no account in Active Directory does"
        elif user.sam_account is not None and user.sam_account.startswith("-"):
            yield here, f"{user.sam_account!r} begins with a dash, which programs of the KDC take for an option"
        elif (user.sam_account or "").lower() == _OF_THE_KDC:
            yield here, f"{user.sam_account!r} is the account of the KDC itself"


def _service_account(estate: Estate, index: int) -> Iterator[Mistake]:
    realm = estate.realms[index]
    here: KeyPath = ("realms", index, "service_account", "name")
    name = realm.service_account.name
    longest = _LONGEST_NETBIOS + 1 if name.endswith("$") else _LONGEST_USER
    if len(name) > longest:
        yield here, f"{name!r:.100}: such an account has at most {longest} characters"
    if name.startswith("-"):
        yield here, f"{name!r} begins with a dash, which programs of the KDC take for an option"
    if name.lower() == _OF_THE_KDC:
        yield here, f"{name!r} is the account of the KDC itself"
    for user in estate.users:
        if (user.sam_account or "").lower() == name.lower() and estate.realm_of(user) is realm:
            yield here, f"{name!r} is the sam_account of {user.upn}: an account has one key, and so one owner"


def _netbios_names(estate: Estate) -> Iterator[Mistake]:
    first: dict[str, str] = {}
    for index, realm in enumerate(estate.realms):
        here: KeyPath = ("realms", index, "netbios_name")
        if realm.netbios_name is not None and not _is_netbios_name(realm.netbios_name):
            text = "is no NetBIOS name: up to 15 characters, no blanks and dots, and none of"
            yield here, f'{realm.netbios_name!r:.100} {text} \\ / : * ? " < > |'
        if (other := first.setdefault(realm.netbios.lower(), realm.name)) != realm.name:
            yield here, f"{realm.netbios!r} is the NetBIOS name of the realm {other} too; give one of them another"


def _is_netbios_name(name: str) -> bool:
    return name.isprintable() and _NETBIOS.fullmatch(name) is not None


def _federation_services(estate: Estate) -> Iterator[Mistake]:
    known = {spn.lower() for realm in estate.realms for spn in realm.services}
    for index, service in enumerate(estate.federation_services):
        if service.spn is not None and service.spn.lower() not in known:
            text = f"no realm has the service {service.spn!r:.300}, so nobody would get a ticket for it"
            yield ("federation_services", index, "spn"), f"{text}; add it to the services of a realm"

"""Check what a realm asks of its directory: what only Samba has, and what Samba has not."""

from __future__ import annotations

from collections.abc import Iterator

from ssosim.estate.model import Estate, Realm
from ssosim.estate.toml_lines import KeyPath

__all__ = ["find_directory_mistakes"]

Mistake = tuple[KeyPath, str]

_BUILT_IN = ("administrator", "dns-labdc", "guest", "krbtgt", "labdc$")
"""The accounts that the domain controller has of its own."""

_LONGEST_ACCOUNT = 20
_LONGEST_NETBIOS = 15


def find_directory_mistakes(estate: Estate, index: int) -> Iterator[Mistake]:
    """Yield the key path and the text of each mistake in the realm number ``index``."""
    realm = estate.realms[index]
    if realm.directory == "samba":
        yield from _settings(estate, index)
        yield from _delegations(realm, index)
        yield from _users(estate)
    elif realm.delegations:
        text = 'need directory = "samba": krb5kdc with a file database refuses S4U2Proxy with KDC_ERR_BADOPTION'
        yield ("realms", index, "delegations"), text


def _settings(estate: Estate, index: int) -> Iterator[Mistake]:
    realm = estate.realms[index]
    if len(estate.realms) > 1:
        text = 'a realm of Samba is the only one of its estate; several realms need "mit"'
        yield ("realms", index, "directory"), text
    for key in ("ticket_lifetime", "renewable_lifetime"):
        seconds = getattr(realm, key)
        if seconds < 3600 or seconds % 3600:
            yield ("realms", index, key), f"{seconds} seconds: Samba has whole hours, at least one"
    if len(realm.netbios) > _LONGEST_NETBIOS or not realm.netbios.replace("-", "").isalnum():
        text = f"{realm.netbios!r} is no NetBIOS name: up to 15 letters, digits and dashes; set netbios_name"
        yield ("realms", index, "netbios_name"), text


def _delegations(realm: Realm, index: int) -> Iterator[Mistake]:
    known = [*realm.service_account.spns, *realm.services]
    seen: set[str] = set()
    for number, delegation in enumerate(realm.delegations):
        here: KeyPath = ("realms", index, "delegations", number)
        names = [("service", delegation.service)]
        names += [("allowed_to_delegate_to", name) for name in delegation.allowed_to_delegate_to]
        for key, name in names:
            if name not in known:
                yield (*here, key), f"no account of the realm has {name!r}; known: {', '.join(known)}"
        if delegation.service in seen:
            yield (*here, "service"), "has an entry already"
        seen.add(delegation.service)


def _users(estate: Estate) -> Iterator[Mistake]:
    for number, user in enumerate(estate.users):
        if user.authorization_data_size:
            text = 'Samba issues a PAC of its own and copies no such data; this needs a realm with directory = "mit"'
            yield ("users", number, "authorization_data_size"), text
        if user.sam_account is None:
            continue
        if len(user.sam_account) > _LONGEST_ACCOUNT or user.sam_account.lower() in _BUILT_IN:
            text = f"{user.sam_account!r}: up to 20 characters, and no account that Samba has itself"
            yield ("users", number, "sam_account"), text

"""Checks of users and of Conditional Access policies: references and combinations that a schema does not cover."""

from __future__ import annotations

import base64
import binascii
import fnmatch
import re
import uuid
from collections.abc import Iterator

from ssosim.estate.conditional_access import ConditionalAccessPolicy
from ssosim.estate.first_party import FIRST_PARTY, CloudName, cloud_name_of, complete_application, identifier_uris_in
from ssosim.estate.model import Estate
from ssosim.estate.toml_lines import KeyPath

__all__ = ["find_user_mistakes"]

Mistake = tuple[KeyPath, str]

_LOCAL_PART = re.compile(r"[A-Za-z0-9'._!#^~-]{0,63}[A-Za-z0-9'_!#^~-]")
_LONGEST_UPN, _LONGEST_ACCOUNT = 113, 20


def find_user_mistakes(estate: Estate) -> Iterator[Mistake]:
    """Yield every mistake in the sign-in rules of users and tenants: its key path, and what is expected."""
    for index, user in enumerate(estate.users):
        here: KeyPath = ("users", index)
        for number, name in enumerate(user.guest_tenants):
            tenant = estate.tenant(name)
            if tenant is None:
                yield (*here, "guest_tenants", number), f"there is no tenant {name!r}"
            elif tenant is estate.tenant(user.tenant):
                yield (*here, "guest_tenants", number), f"{name!r} is the user's own tenant, not one as a guest"
        if user.totp_secret is not None and not _is_base32(user.totp_secret):
            yield (*here, "totp_secret"), "is not base32 of at least 10 octets; expected e.g. JBSWY3DPEHPK3PXP"
    yield from _names_in_entra(estate)
    yield from _names_on_premises(estate)
    for index, tenant in enumerate(estate.tenants):
        names: set[str] = set()
        for number, policy in enumerate(tenant.conditional_access_policies):
            here = ("tenants", index, "conditional_access_policies", number)
            if policy.name.lower() in names:
                yield (*here, "name"), f"{policy.name!r} is the name of another policy of this tenant"
            names.add(policy.name.lower())
            yield from _controls(here, policy)
            yield from _references(here, policy, estate, cloud_name_of(estate.cloud_of(tenant).cloud_instance_name))


def _names_in_entra(estate: Estate) -> Iterator[Mistake]:
    """Check the names that Entra and Active Directory do not accept.

    Sources: Entra documents "Username policies" (characters, length) and "Microsoft Entra UserPrincipalName population"
    (a suffix that is no verified domain becomes the initial domain); Active Directory schema, SAM-Account-Name (20
    characters of users).
    """
    for index, user in enumerate(estate.users):
        here: KeyPath = ("users", index)
        if user.sam_account and len(user.sam_account) > _LONGEST_ACCOUNT:
            yield (
                (*here, "sam_account"),
                f"{user.sam_account!r}: the account of a user has at most {_LONGEST_ACCOUNT} characters",
            )
        tenant, (name, _, domain) = estate.tenant(user.tenant), user.upn.rpartition("@")
        if not user.synced or tenant is None or user.upn.count("@") != 1:  # nobody in Entra, or a mistake of its own
            continue
        if not _LOCAL_PART.fullmatch(name) or len(user.upn) > _LONGEST_UPN:
            allowed = (
                f"64 letters (A-Z), digits and '.-_!#^~, {_LONGEST_UPN} characters with the domain, no dot before @"
            )
            yield (*here, "upn"), f"{user.upn!r} cannot be a name in Entra; allowed are {allowed}"
        known = {tenant.initial_domain.lower(), *(each.name.lower() for each in tenant.domains)}
        if domain.lower() not in known:
            text = f"{domain} is no domain of the tenant {tenant.initial_domain}"
            instead = (
                f"Entra would call the user {name}@{tenant.initial_domain}; give that, and this name as on_premises_upn"
            )
            yield (*here, "upn"), f"{text}: {instead}"


def _names_on_premises(estate: Estate) -> Iterator[Mistake]:
    owners = {user.upn.lower(): user.upn for user in estate.users}
    for index, user in enumerate(estate.users):
        name = user.on_premises_upn
        if name is None:
            continue
        here: KeyPath = ("users", index, "on_premises_upn")
        if name.count("@") != 1:
            yield here, f"{name!r} is not a user principal name; expected name@domain"
        if owners.setdefault(name.lower(), user.upn) != user.upn:
            yield here, f"{name!r} is the name of another user"


def _controls(here: KeyPath, policy: ConditionalAccessPolicy) -> Iterator[Mistake]:
    if not policy.built_in_controls and policy.sign_in_frequency is None:
        yield here, "requires nothing: give built_in_controls, sign_in_frequency, or both"
    if "block" in policy.built_in_controls and len(policy.built_in_controls) > 1:
        yield (*here, "built_in_controls"), '"block" stands alone'
    if policy.id is not None:
        try:
            uuid.UUID(policy.id)
        except ValueError:
            yield (*here, "id"), f"{policy.id!r} is not a GUID; expected e.g. {uuid.NAMESPACE_DNS}"


def _references(here: KeyPath, policy: ConditionalAccessPolicy, estate: Estate, cloud: CloudName) -> Iterator[Mistake]:
    for key, users in (("users", policy.users), ("exclude_users", policy.exclude_users)):
        for number, name in enumerate(users):
            if estate.user(name) is None:
                yield (*here, key, number), f"there is no user {name!r}"
    for key, apis in (("applications", policy.applications), ("exclude_applications", policy.exclude_applications)):
        for number, name in enumerate(apis):
            if not _is_api(estate, cloud, name):
                yield (*here, key, number), f"there is no API {name!r}; give its client id or an identifier URI"


def _is_api(estate: Estate, cloud: CloudName, name: str) -> bool:
    """Whether ``name`` is a client id, or the identifier URI of an API in ``cloud``."""
    if estate.application(name) is not None:
        return True
    wanted = name.lower().removesuffix("/")
    own = (complete_application(application) for application in estate.applications)
    return any(
        fnmatch.fnmatchcase(wanted, uri.lower().removesuffix("/"))
        for application in (*FIRST_PARTY.values(), *own)
        for uri in identifier_uris_in(cloud, application)
    )


def _is_base32(text: str) -> bool:
    try:
        return len(base64.b32decode(text.upper() + "=" * (-len(text) % 8))) >= 10
    except (binascii.Error, ValueError):
        return False

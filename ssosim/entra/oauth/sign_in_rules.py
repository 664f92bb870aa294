"""Whether a user who has authenticated gets tokens: guests, revoked sessions, second factors, Conditional Access.

Theory of operation. ``find_resource_tenant`` says in which tenant a user gets tokens: the one that the request names,
if it is the user's own or has invited the user. ``check_sign_in`` then checks the sign-in against the rules of that
tenant. Both are called for every token of a user, and when the sign-in page is done; the page says 50074 and 50072
where programs get 50076 and 50079, since the page can ask for the second factor itself.

The order: revoked sessions, policies that block, controls that nothing satisfies here, the second factor, sign-in
frequency. The order of the real service is unconfirmed.

Sources: Entra error-code reference (50020, 90072, 50173, 50072, 50074, 50076, 50079, 53000-53003, 70043, 70044), Entra
documents "Conditional Access: Session" (sign-in frequency; "every time" grants five minutes), "Claims challenge"
(``capolids`` in the parameter ``claims``), "Refresh tokens" (what revokes them); azure-cli issues 242 and 5566.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import NAMESPACE_URL, uuid5

from msgspec import Struct

from ssosim.entra.core.authentication import Authentication, fingerprint_of
from ssosim.entra.core.errors import AadstsError, build_claims_challenge
from ssosim.entra.core.messages import Call
from ssosim.entra.core.openid_discovery import TokenVersion
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.timestamps import format_xml_time
from ssosim.entra.oauth.token_request import ClientType
from ssosim.estate import Application, ConditionalAccessPolicy, Tenant, User
from ssosim.estate.conditional_access import BuiltInControl, ClientAppType

__all__ = [
    "MANDATORY_MFA",
    "SignIn",
    "check_sign_in",
    "client_app_type_of",
    "find_resource_tenant",
    "policy_id",
    "read_policy_ids",
]

MANDATORY_MFA = "p1"
"""The authentication context (``acrs``) that Azure Resource Manager demands for changes (azure-dev issue 5425)."""
_EVERY_TIME_S = 300
_MOST_POLICIES = 16
_DEVICE_CONTROLS: dict[BuiltInControl, int] = {
    "compliantDevice": 53000,
    "domainJoinedDevice": 53001,
    "approvedApplication": 53002,
}


class SignIn(Struct, frozen=True):
    """A sign-in to check: ``user`` wants tokens of ``tenant`` for the API ``resource``, with ``application``.

    ``at_page``: the user is at the sign-in page and can answer. ``refreshes``: the sign-in is that of a refresh token.
    ``required_policies`` are ids of policies that the request itself names (a claims challenge that it answers).
    """

    user: User
    tenant: Tenant
    application: Application
    resource: str
    authentication: Authentication
    client_type: ClientType
    version: TokenVersion
    at_page: bool = False
    refreshes: bool = False
    required_policies: tuple[str, ...] = ()


def find_resource_tenant(provider: Provider, wanted: Tenant | None, user: User, application: Application) -> Tenant:
    """Return the tenant whose tokens ``user`` gets: ``wanted``, or the user's own if the request names none.

    Raises AadstsError 50020 for a user whom ``wanted`` has not invited, or 90072 if a policy there also demands a
    second factor, which a stranger cannot give.
    """
    home = provider.directory.find_home_tenant(user)
    if wanted is None or wanted.id == home.id or provider.directory.is_guest(user, wanted):
        return wanted or home
    enabled = (policy for policy in wanted.conditional_access_policies if policy.state == "enabled")
    demands_mfa = any("mfa" in policy.built_in_controls and not policy.users for policy in enabled)
    raise AadstsError(
        90072 if demands_mfa else 50020,
        user=user.upn,
        issuer=f"https://sts.windows.net/{home.id}/",
        tenant=wanted.display_name or wanted.id,
        client=application.client_id,
        name=application.name,
    )


def client_app_type_of(client_type: ClientType) -> ClientAppType:
    """Return the kind of client as policies name it."""
    return "mobileAppsAndDesktopClients" if client_type == "public" else "browser"


def policy_id(tenant: Tenant, policy: ConditionalAccessPolicy) -> str:
    """Return the id of ``policy``: its own, else one derived from tenant and name."""
    return policy.id or str(uuid5(NAMESPACE_URL, f"{tenant.id}/policies/{policy.name.lower()}"))


def read_policy_ids(claims: str) -> tuple[str, ...]:
    """Return the ids of the policies that the parameter ``claims`` names (``capolids``; ``polids`` in version 1.0).

    ``p1`` in ``acrs`` is the mandatory second factor of Azure Resource Manager (``MANDATORY_MFA``). Other members are
    no demand here. ``check_claims_parameter`` has accepted the text.
    """
    if not claims.strip():
        return ()
    request = json.loads(claims)
    found: list[str] = []
    for token in ("access_token", "id_token"):
        for name in ("capolids", "polids", "acrs"):
            member = request.get(token)
            demand = member.get(name) if isinstance(member, dict) else None
            values = demand.get("values", [demand.get("value")]) if isinstance(demand, dict) else None
            asked = [value.lower() for value in values if isinstance(value, str)] if isinstance(values, list) else []
            found += [each for each in asked if name != "acrs" or each == MANDATORY_MFA]
    return tuple(dict.fromkeys(found))[:_MOST_POLICIES]


def check_sign_in(provider: Provider, call: Call, sign_in: SignIn) -> None:
    """Check that the rules of the tenant let ``sign_in`` have tokens.

    Raises AadstsError: 50057 (disabled), 50173 (revoked), 53000-53003, 50076, 50079 (at the page: 50074, 50072), and
    70043 (refresh) or 70044 (sign-in frequency).
    """
    try:
        _check_rules(provider, call, sign_in)
    except AadstsError as error:
        call.trace_buffer.refused_user = sign_in.user.upn, error.code
        raise


def _check_rules(provider: Provider, call: Call, sign_in: SignIn) -> None:
    if not sign_in.user.enabled:
        raise AadstsError(50057)
    _check_revocation(provider, sign_in, call.now)
    rules = sign_in.tenant.conditional_access_policies
    policies = tuple(_select_policies(provider, call, sign_in)) if rules else ()
    for policy in policies:
        _check_controls(sign_in, policy)
    if sign_in.user.mfa_required and not sign_in.authentication.mfa:
        raise _demand_second_factor(sign_in, None)
    if MANDATORY_MFA in sign_in.required_policies and not sign_in.authentication.mfa:
        raise _demand_second_factor(sign_in, None)
    for policy in policies:
        if "mfa" in policy.built_in_controls and not sign_in.authentication.mfa:
            raise _demand_second_factor(sign_in, policy)
    for policy in policies:
        _check_frequency(sign_in, policy, call.now)


def _check_revocation(provider: Provider, sign_in: SignIn, now: float) -> None:
    user, authentication = sign_in.user, sign_in.authentication
    valid_from = user.sign_in_sessions_valid_from
    revoked = valid_from is not None and authentication.time < valid_from.timestamp()
    changed = bool(authentication.password) and authentication.password != fingerprint_of(user)
    if revoked or (changed and sign_in.client_type != "confidential"):
        since = valid_from.timestamp() if revoked and valid_from else provider.password_changed_at(user, now)
        raise AadstsError(50173, issued=format_xml_time(authentication.time), valid_from=format_xml_time(since))


def _select_policies(provider: Provider, call: Call, sign_in: SignIn) -> Iterator[ConditionalAccessPolicy]:
    """Yield the policies of the tenant that apply."""
    directory, upn = provider.directory, sign_in.user.upn.lower()
    api = directory.find_api(sign_in.resource)
    app_type = client_app_type_of(sign_in.client_type)
    trusted = not provider.is_off_network(call.trace_buffer.client)

    def names_api(names: tuple[str, ...]) -> bool:
        return any(api is not None and directory.find_api(name) is api for name in names)

    for policy in sign_in.tenant.conditional_access_policies:
        if policy.state != "enabled" or upn in {name.lower() for name in policy.exclude_users}:
            continue
        if policy.users and upn not in {name.lower() for name in policy.users}:
            continue
        named = policy_id(sign_in.tenant, policy).lower() in sign_in.required_policies
        if not named and policy.applications and not names_api(policy.applications):
            continue
        if not named and names_api(policy.exclude_applications):
            continue
        if policy.locations == ("untrusted" if trusted else "trusted"):
            continue
        if policy.client_app_types and app_type not in policy.client_app_types:
            continue
        yield policy


def _check_controls(sign_in: SignIn, policy: ConditionalAccessPolicy) -> None:
    """Raise the AadstsError of a control that nothing satisfies here. With OR a second factor is enough."""
    controls = policy.built_in_controls
    challenge = build_claims_challenge(sign_in.version, policy_id(sign_in.tenant, policy))
    if "block" in controls:
        raise AadstsError(53003, claims=challenge)
    if "mfa" in controls and policy.operator == "OR":
        return
    for control in controls:
        code = _DEVICE_CONTROLS.get(control)
        if code is not None:
            raise AadstsError(code, claims=challenge, state="unregistered")


def _demand_second_factor(sign_in: SignIn, policy: ConditionalAccessPolicy | None) -> AadstsError:
    registered = sign_in.user.mfa_registered
    code = (50074 if registered else 50072) if sign_in.at_page else (50076 if registered else 50079)
    challenge = build_claims_challenge(sign_in.version, policy_id(sign_in.tenant, policy)) if policy else None
    return AadstsError(code, claims=challenge, resource=sign_in.resource)


def _check_frequency(sign_in: SignIn, policy: ConditionalAccessPolicy, now: float) -> None:
    if policy.sign_in_frequency is None:
        return
    lifetime = policy.sign_in_frequency or _EVERY_TIME_S
    if now - sign_in.authentication.time < lifetime:
        return
    if not sign_in.refreshes:
        raise AadstsError(70044)
    raise AadstsError(70043, issued=format_xml_time(sign_in.authentication.time), lifetime=str(lifetime))

"""Access tokens that hosts hand out: those of managed identities, and those of the user of a Cloud Shell.

Sources: Entra documents "How managed identities for Azure resources work with Azure virtual machines" and "Access token
claims reference" (``xms_mirid``, ``idtyp``); the lifetime of 24 hours is from "Managed identities for Azure resources
frequently asked questions".
"""

from __future__ import annotations

from msgspec import Struct

from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.jose import sign_jwt
from ssosim.entra.core.messages import Call
from ssosim.entra.core.provider import Provider
from ssosim.entra.oauth.access_grants import GrantedAccess, grant_app_access, grant_user_access
from ssosim.entra.oauth.requested_access import RequestedAccess, read_requested_access
from ssosim.entra.oauth.tokens import BACKDATING, build_common_claims, compute_digest, compute_pairwise_subject
from ssosim.estate import Application, ManagedIdentity, User
from ssosim.trace import TokenIssued

__all__ = ["MANAGED_IDENTITY_LIFETIME", "HostToken", "issue_managed_identity_token", "issue_shell_token"]

MANAGED_IDENTITY_LIFETIME = 86_400
"""Seconds that a token of a managed identity is valid."""

_AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"


class HostToken(Struct, frozen=True):
    """An access token that a host hands out. Times are in seconds since the Unix epoch, as in the token.

    ``not_before`` is 3,900 s before ``expires_on`` where the lifetime is an hour, in the sample answer of the Entra
    document "How to use managed identities on an Azure VM to acquire an access token": five minutes ago.
    """

    access_token: str
    client_id: str
    resource: str
    not_before: int
    expires_on: int


def issue_managed_identity_token(provider: Provider, call: Call, identity: ManagedIdentity, resource: str) -> HostToken:
    """Issue an access token of ``identity`` for ``resource``, and record it for the trace in ``call``.

    Raises AadstsError 500011 and 500014 for the resource, 501051 for a role that is missing, 7000229 and 7000112 for
    the identity.
    """
    access = _read_resource(resource)
    application = provider.directory.require_application(identity.effective_client_id, identity.tenant or "")
    home = provider.directory.require_tenant(application.tenant or provider.estate.tenants[0].id)
    provider = provider.cloud_of_tenant(home)
    tenant = provider.directory.require_tenant(home.id)
    granted = grant_app_access(provider, application, tenant, access)
    now = int(call.now)
    names = ("appid", "appidacr") if granted.version == "1.0" else ("azp", "azpacr")
    claims: dict[str, object] = {
        "aud": granted.audience,
        **build_common_claims(provider, tenant, granted.version, now, MANAGED_IDENTITY_LIFETIME),
        **dict(zip(names, (application.client_id, "2"), strict=True)),
        "idtyp": "app",
        "oid": granted.service_principal_id,
        "sub": granted.service_principal_id,
        "xms_mirid": identity.effective_resource_id,
    }
    if granted.roles:
        claims["roles"] = list(granted.roles)
    token = sign_jwt(provider.keys.cloud, claims)
    _record_issue(call, "managed_identity", identity.name, application, granted, token)
    return HostToken(token, application.client_id, resource, now - BACKDATING, now + MANAGED_IDENTITY_LIFETIME)


def issue_shell_token(provider: Provider, call: Call, user: User, resource: str) -> HostToken:
    """Issue an access token of ``user`` for ``resource``, as the local endpoint of a Cloud Shell does.

    The client is the Azure CLI. Raises AadstsError as ``grant_user_access``, and 50057 for a disabled user.
    """
    access = _read_resource(resource)
    provider = provider.cloud_of_tenant(provider.directory.find_home_tenant(user))
    application = provider.directory.require_application(_AZURE_CLI, user.tenant)
    if not user.enabled:
        call.trace_buffer.refused_user = user.upn, 50057
        raise AadstsError(50057)
    tenant = provider.directory.find_home_tenant(user)
    granted = grant_user_access(provider, application, tenant, user, access)
    now, lifetime = int(call.now), provider.estate.cloud.access_token_lifetime
    claims: dict[str, object] = {
        "aud": granted.audience,
        **build_common_claims(provider, tenant, "1.0", now),
        "appid": application.client_id,
        "appidacr": "0",
        "name": user.display_name,
        "oid": user.object_id,
        "scp": " ".join(granted.scopes),
        "sub": compute_pairwise_subject(user.object_id, granted.audience),
        "unique_name": user.upn,
        "upn": user.upn,
    }
    token = sign_jwt(provider.keys.cloud, claims)
    _record_issue(call, "cloud_shell", user.upn, application, granted, token)
    return HostToken(token, application.client_id, resource, now - BACKDATING, now + lifetime)


def _record_issue(
    call: Call, grant: str, subject: str, application: Application, granted: GrantedAccess, token: str
) -> None:
    """Record the token for the trace."""
    call.trace_buffer.note_not_checked(*granted.not_checked)
    call.trace_buffer.events.append(
        TokenIssued(
            kind="access",
            grant=grant,
            subject=subject,
            audience=granted.audience,
            client_id=application.client_id,
            digest=compute_digest(token),
            not_checked=call.trace_buffer.not_checked,
        )
    )


def _read_resource(resource: str) -> RequestedAccess:
    if not resource.strip():  # at the token endpoint none is the old Graph; a host has no such default
        raise AadstsError(500011, resource="", tenant="")
    read = read_requested_access({"resource": resource}, "1.0")
    return RequestedAccess(read.resource, (), id_token=False, refresh_token=False)

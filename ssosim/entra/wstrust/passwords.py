"""Checks of user name and password, and the AADSTS codes of their refusals."""

from __future__ import annotations

import hmac

from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.realm_discovery import federation_service_of_domain
from ssosim.entra.core.smart_lockout import lockout_threshold_of
from ssosim.estate import Tenant, User

__all__ = ["check_cloud_password", "is_password_of"]


def is_password_of(user: User, password: str) -> bool:
    """Whether ``password`` is the user's password (compared in constant time)."""
    return hmac.compare_digest(user.password.encode(), password.encode(errors="surrogatepass"))


def check_cloud_password(
    provider: Provider, tenant: Tenant | None, username: str, password: str, *, in_password_grant: bool = False
) -> User:
    """Check a cloud password and return its user. ``tenant`` None means any tenant (``organizations``).

    With ``in_password_grant`` a password that begins or ends with white space is wrong, though it is right on the
    sign-in page (azure-docs issue 93193, MSAL.NET issue 3249). Whether the grant takes one whose user has it without
    the white space is unconfirmed; here it does not.

    Raises AadstsError: 90038 (domain of another cloud), 50059 (unknown domain), 50034 (no such user), 50053 (locked, or
    too many failures: ``SmartLockout``), 50057 (disabled), 50056 (federated: no password in the cloud), 50126 (wrong),
    50055 (expired, or must be changed). A wrong password counts for smart lockout, whichever endpoint it was sent to.
    The caller checks second factors, because they depend on the request. The order of the checks is chosen here; public
    tools show only the code of each state (AADInternals KillChain_utils.ps1).
    """
    directory = provider.directory
    now = provider.clock.now()  # one count for all hosts: a fault may set the clock of one of them wrong
    entry = directory.find_domain(username) if "@" in username else None
    if entry is None and tenant is None and "@" in username:
        directory.refuse_other_cloud(username)
    if entry is None:
        raise AadstsError(
            50034 if tenant is not None else 50059, user=username[:256], tenant=tenant.id if tenant else ""
        )
    user = directory.find_user(username)
    if user is None or (tenant is not None and directory.find_home_tenant(user).id != tenant.id):
        raise AadstsError(50034, user=username[:256], tenant=(tenant or entry.tenant).id)
    if user.locked:
        raise AadstsError(50053)
    if not user.enabled:
        raise AadstsError(50057)
    if federation_service_of_domain(provider.estate, entry) is not None:
        raise AadstsError(50056)
    if provider.lockouts.is_locked(user, now):
        raise AadstsError(50053)
    if not is_password_of(user, password) or (in_password_grant and password != password.strip()):
        home = directory.find_home_tenant(user)
        provider.lockouts.note_failure(
            user,
            password,
            now,
            threshold=lockout_threshold_of(home, provider.estate.cloud.cloud_instance_name),
            duration=home.lockout_duration_in_seconds,
        )
        raise AadstsError(50126)
    provider.lockouts.note_success(user)
    if user.password_expired or user.force_change_password_next_sign_in:
        raise AadstsError(50055)
    return user

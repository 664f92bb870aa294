r"""Key Vault: the service ``key-vault``. Secrets of the vaults of the estate, with the challenge that clients wait for.

A client of the Azure SDK sends its first request without a token, and reads tenant and resource in the challenge.
Sources: Azure document "Authentication, requests and responses" (Key Vault), "Azure role-based access control for Key
Vault"; azure-keyvault-secrets (requests, challenge policy); argocd-vault-plugin issue 621 and azure-docs issue 109562
(AKV10022). The text of the refusal by role assignment is that of azure-cli and azure-sdk issues with ForbiddenByRbac.
"""

from __future__ import annotations

import dataclasses
import json
import re
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from ssosim.entra import Call, HttpReply
from ssosim.entra.core.endpoint_urls import primary_login_host
from ssosim.entra.core.messages import make_json_reply
from ssosim.estate import Estate, KeyVault
from ssosim.estate.first_party import cloud_name_of
from ssosim.resource_servers.access_tokens import (
    USER_IMPERSONATION,
    Caller,
    Requirements,
    TokenRefusedError,
    check_access_token,
)
from ssosim.resource_servers.application import ResourceApplication, ResourceError
from ssosim.resource_servers.authorization import is_allowed, tenant_of
from ssosim.resource_servers.endpoints import VAULT_SUFFIXES, vault_audiences
from ssosim.services.provider_application import NOT_FOUND
from ssosim.services.service import Service

__all__ = ["KeyVaultApplication", "key_vault"]

_ACTION = "Microsoft.KeyVault/vaults/secrets/"
_SECRET_NAME = re.compile(r"[A-Za-z0-9-]{1,127}")
_CREATED = 1_700_000_000
"""When the secrets of the estate file were created, in seconds since the Unix epoch: any fixed time."""


_VERSIONS = (
    "2026-04-01", "2025-07-01", "7.6", "7.5", "7.4", "7.3", "7.2", "7.1", "7.0", "2016-10-01", "2015-06-01",
)  # fmt: skip
"""The stable versions of Key Vault, the newest first (azure-keyvault-secrets, ApiVersion)."""
_PREVIEW = re.compile(r"7\.[0-6]-preview(\.\d)?|2025-06-01-preview(\.\d)?")
_DATED = re.compile(r"\d{4}-\d{2}-\d{2}(-preview(\.\d)?)?")

_PROPAGATION = (
    "If role assignments, deny assignments or role definitions were changed recently, please observe propagation time."
)


class _VaultError(ResourceError):
    """A request that Key Vault refuses. ``inner`` is the code of the inner error."""

    def __init__(self, status: int, code: str, message: str, inner: str = "") -> None:
        super().__init__(status, code, message)
        self.inner = inner


@dataclass(frozen=True, slots=True)
class _Secret:
    """One version of a secret."""

    value: str
    version: str
    created: int


@dataclass(frozen=True, slots=True)
class KeyVaultApplication(ResourceApplication):
    """The secrets of all vaults; the host selects the vault. ``_set`` are those that requests have set."""

    _set: dict[tuple[str, str], list[_Secret]] = field(default_factory=dict)

    def answer(self, call: Call) -> HttpReply:
        """Answer one request."""
        vault = self._find_vault(call)
        if vault is None:
            return NOT_FOUND
        audiences = vault_audiences(self.provider.estate)
        wanted = Requirements(audiences, self._tenant_id(vault), USER_IMPERSONATION)
        return self._answer(call, vault, check_access_token(self.provider, call, wanted))

    def refuse_token(self, call: Call, refused: TokenRefusedError) -> HttpReply:
        """Return 401 with the challenge for the tenant of the vault, which is at the host that was asked."""
        vault = self._find_vault(call)
        return NOT_FOUND if vault is None else self._refuse_token(vault, refused)

    def reply_error(self, call: Call, error: ResourceError) -> HttpReply:  # noqa: ARG002 - the same for each call
        """Return an error as Key Vault writes it."""
        return _reply_error(error)

    def _find_vault(self, call: Call) -> KeyVault | None:
        return next((each for each in self.provider.estate.key_vaults if _is_host_of(each, call.host)), None)

    def _tenant_id(self, vault: KeyVault) -> str:
        subscription = self.provider.estate.subscription(vault.subscription)
        assert subscription is not None  # noqa: S101 - the check of the estate
        return tenant_of(self.provider, subscription).id

    def _answer(self, call: Call, vault: KeyVault, caller: Caller) -> HttpReply:
        _check_version(call.query.get("api-version", ""), call.now)
        base = f"https://{call.host}/secrets"
        match call.method, [part.lower() for part in call.path]:
            case "GET", ["secrets"]:
                self._require(caller, vault, "readMetadata/action", "")
                names = sorted({*vault.secrets, *(name for of, name in self._set if of == vault.name.lower())})
                values = [_describe_item(f"{base}/{name}") for name in names]
                return make_json_reply({"value": values, "nextLink": None})
            case "GET", ["secrets", _, *version] if len(version) <= 1:
                name = call.path[1]
                self._require(caller, vault, "getSecret/action", name)
                secret = self._find(vault, name, version[0] if version else "")
                return make_json_reply(_describe(secret, f"{base}/{name}"))
            case "PUT", ["secrets", _]:
                name = call.path[1]
                self._require(caller, vault, "setSecret/action", name)
                return make_json_reply(_describe(self._set_secret(call, vault, name), f"{base}/{name}"))
        raise _VaultError(400, "BadParameter", "The lab has no such operation of Key Vault.")

    def _require(self, caller: Caller, vault: KeyVault, action: str, name: str) -> None:
        scope = f"{vault.path}/secrets/{name}" if name else vault.path
        if is_allowed(self.provider, caller, f"{_ACTION}{action}", scope, data=True):
            return
        lines = (
            "Caller is not authorized to perform action on resource.",
            _PROPAGATION,
            f"Caller: appid={caller.client_id};oid={caller.object_id};iss={caller.issuer}",
            f"Action: '{_ACTION}{action}'",
            f"Resource: '{scope.lower()}'",
            "Assignment: (not found)",
            "DenyAssignmentId: null",
            "DecisionReason: null ",
            f"Vault: {vault.name};location=westeurope",
            "",
        )
        raise _VaultError(403, "Forbidden", "\r\n".join(lines), "ForbiddenByRbac")

    def _find(self, vault: KeyVault, name: str, version: str) -> _Secret:
        versions = self._set.get((vault.name.lower(), name.lower()), [])
        original = next((value for known, value in vault.secrets.items() if known.lower() == name.lower()), None)
        if original is not None:
            versions = [_Secret(original, uuid.uuid5(uuid.NAMESPACE_OID, name.lower()).hex, _CREATED), *versions]
        found = [each for each in versions if not version or each.version == version.lower()]
        if not found:
            text = f"A secret with (name/id) {name[:127]}/{version[:32]} was not found in this key vault."
            raise _VaultError(404, "SecretNotFound", text)
        return found[-1]

    def _set_secret(self, call: Call, vault: KeyVault, name: str) -> _Secret:
        try:
            value = json.loads(call.body or b"{}").get("value")
        except (ValueError, AttributeError, RecursionError):
            value = None
        if not isinstance(value, str) or not _SECRET_NAME.fullmatch(name):
            raise _VaultError(400, "BadParameter", "The request has no value, or the name of the secret is not valid.")
        made = _Secret(value, uuid.uuid4().hex, int(call.now))
        self._set.setdefault((vault.name.lower(), name.lower()), []).append(made)
        return made

    def _refuse_token(self, vault: KeyVault, refused: TokenRefusedError) -> HttpReply:
        estate = self.provider.estate
        tenant, host = self._tenant_id(vault), primary_login_host(estate.cloud)
        resource = f"https://{VAULT_SUFFIXES[cloud_name_of(estate.cloud.cloud_instance_name)]}"
        challenge = f'Bearer authorization="https://{host}/{tenant}", resource="{resource}"'
        if refused.claims:
            challenge += f', error="insufficient_claims", claims="{refused.claims}"'
        error = _VaultError(401, "Unauthorized", _describe_refusal(refused, estate, tenant))
        reply = _reply_error(error)
        return dataclasses.replace(reply, headers=(*reply.headers, ("WWW-Authenticate", challenge)))


def _check_version(version: str, now: float) -> None:
    """Raise _VaultError for an ``api-version`` that was never published; a later date than the last one may exist."""
    if not version:
        raise _VaultError(400, "BadParameter", "api-version must be specified")
    is_later = _DATED.fullmatch(version) and _VERSIONS[0] < version[:10] <= time.strftime("%Y-%m-%d", time.gmtime(now))
    if version not in _VERSIONS and not _PREVIEW.fullmatch(version) and not is_later:
        text = f"The specified version ({version[:32]}) is not recognized. Consider using the latest supported version"
        raise _VaultError(400, "BadParameter", f"{text} ({_VERSIONS[0]}).")


def _describe_refusal(refused: TokenRefusedError, estate: Estate, tenant: str) -> str:
    match refused.reason:
        case "missing":
            return "AKV10000: Request is missing a Bearer or PoP token."
        case "audience":
            expected = " or ".join(sorted(vault_audiences(estate), reverse=True))
            return f"AKV10022: Invalid audience. Expected {expected}, found: {refused.found}."
        case "issuer" | "version":
            wanted = f"https://sts.windows.net/{tenant}/"
            return f"AKV10032: Invalid issuer. Expected one of {wanted}, found {refused.found}."
        case "expired":
            return "[TokenExpired] Error validating token: IDX10223"
        case _:
            return f"[BearerReadAccessTokenFailed] Error validating token: {refused.text}."


def _reply_error(error: ResourceError) -> HttpReply:
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    inner = error.inner if isinstance(error, _VaultError) else ""
    if inner:
        body["innererror"] = {"code": inner}
    reply = make_json_reply({"error": body}, error.status)
    summary = error.message.partition("\r\n")[0]
    return dataclasses.replace(reply, error_description=f"{inner or error.code}: {summary}")


def _describe(secret: _Secret, url: str) -> dict[str, Any]:
    return {"value": secret.value, "id": f"{url}/{secret.version}", "attributes": _attributes(secret.created)}


def _describe_item(url: str) -> dict[str, Any]:
    return {"id": url, "attributes": _attributes(_CREATED)}


def _attributes(created: int) -> dict[str, Any]:
    recovery = {"recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90}
    return {"enabled": True, "created": created, "updated": created, **recovery}


def _is_host_of(vault: KeyVault, host: str) -> bool:
    return host.partition(".")[0] == vault.name.lower()


def key_vault(estate: Estate) -> tuple[Service, ...]:
    """Return the service at the hosts of all vaults of the estate."""
    suffix = VAULT_SUFFIXES[cloud_name_of(estate.cloud.cloud_instance_name)]
    names = tuple(f"{vault.name.lower()}.{suffix}" for vault in estate.key_vaults)
    audiences = vault_audiences(estate)
    return (Service(name="key-vault", dns_names=names, audiences=audiences, application=KeyVaultApplication.start),)

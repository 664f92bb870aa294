"""The cmdlets of the stand-in for Az.Accounts, and two of Az.Resources: functions of the module and parameters."""
# ruff: noqa: INP001  a program, not a package

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import arm
import token_caches
from az_accounts import ARM, NO_SUBSCRIPTION, RESOURCES, CmdletError, Module, Token

Parameters = dict[str, str]
Cmdlet = Callable[[Module, Parameters], "str | None"]


def connect(module: Module, given: Parameters) -> str | None:
    """Connect-AzAccount: sign in, then list the subscriptions."""
    account = _read_account(module, given)
    context = module.connect(account)
    if context is None:
        return None
    found = arm.list_subscriptions(lambda: module.get_token(ARM))
    tenant = context["Account"]["Tenant"]
    own = [each for each in found if each["tenantId"] == tenant] or found
    context["Subscription"] = own[0]["subscriptionId"] if own else ""
    module.save_context(context)
    return (
        f"Account: {context['Account']['Id']}  Subscription: {own[0]['displayName'] if own else ''}  Tenant: {tenant}"
    )


def _read_account(module: Module, given: Parameters) -> dict[str, Any]:
    """Return what the parameters of Connect-AzAccount say about the account. Raises CmdletError."""
    account: dict[str, Any] = {"Type": "User", "Tenant": given.get("tenant") or given.get("tenantid")}
    if given.get("identity"):
        return account | {"Type": "ManagedService", "Id": given.get("accountid")}
    if "accesstoken" in given:
        token = Token(given["accesstoken"], 0)
        claims = token.claims
        return account | {
            "Type": "AccessToken",
            "Id": given.get("accountid"),
            "AccessToken": token.value,
            "ExpiresOn": claims["exp"],
        }
    if given.get("usedeviceauthentication") or given.get("devicecode"):
        return account | {"DeviceCode": True}
    if not any(name in given for name in ("serviceprincipal", "federatedtoken", "certificatepath")):
        return account
    account |= {"Type": "ServicePrincipal", "Id": given.get("applicationid")}
    if given.get("credential") == "$Credential":
        module.warn("The provided service principal secret will be included in the 'AzureRmContext.json' file found in "
                    f"the user profile ({token_caches.profile_folder()}).")  # fmt: skip
        account |= {"Id": os.environ["AZURE_CLIENT_ID"], "Secret": os.environ["AZURE_CLIENT_SECRET"]}
    account |= {"CertificatePath": given.get("certificatepath"), "Assertion": given.get("federatedtoken")}
    if not account["Id"] or not account["Tenant"]:
        raise CmdletError("Parameter set cannot be resolved using the specified named parameters.")
    return account


def disconnect(module: Module, _given: Parameters) -> str | None:
    """Disconnect-AzAccount."""
    name = module.account()["Id"]
    module.disconnect()
    return f"Id: {name}"


def get_context(module: Module, _given: Parameters) -> str | None:
    """Get-AzContext."""
    found = module.context
    return f"Account: {found['Account']['Id']}  Tenant: {found['Account']['Tenant']}" if found else None


def get_access_token(module: Module, given: Parameters) -> str | None:
    """Get-AzAccessToken, in the list form of PowerShell."""
    if not module.behaviour.access_token_cmdlet:
        raise CmdletError(f"The term 'Get-AzAccessToken' is not recognized: Az.Accounts {module.version} has no such "
                          "cmdlet, 2.2.0 was the first.")  # fmt: skip
    resource = given.get("resourceurl") or RESOURCES.get(given.get("resourcetypename", "Arm"))
    if resource is None:
        raise CmdletError(f"Unknown resource type {given['resourcetypename']!r}; known: {', '.join(RESOURCES)}.")
    token = module.get_token(resource, given.get("tenantid", ""))
    secure = module.behaviour.secure_string
    hidden = secure == "always" or (secure == "on-request" and "assecurestring" in given)
    return "\n".join(
        (
            f"Token     : {'System.Security.SecureString' if hidden else token.value}",
            f"ExpiresOn : {datetime.fromtimestamp(token.expires_on, UTC):%m/%d/%Y %H:%M:%S} +00:00",
            f"TenantId  : {token.claims['tid']}",
            f"UserId    : {module.account()['Id']}",
            "Type      : Bearer",
        )
    )


def require_subscription(module: Module) -> str:
    """Return the subscription of the context. Raises CmdletError if nobody is connected, or the context has none."""
    module.account()
    if not module.context.get("Subscription"):
        raise CmdletError(NO_SUBSCRIPTION)
    return str(module.context["Subscription"])


def read_token_cache(module: Module, _given: Parameters) -> str | None:
    """(Get-AzContext).TokenCache.ReadItems() of scripts, and a request with what it finds: the undocumented way.

    The property is null since Az.Accounts 2.1.0 (Azure/azure-powershell issue 13337).
    """
    module.account()
    if not module.behaviour.open_cache:
        raise CmdletError("You cannot call a method on a null-valued expression.")
    found = token_caches.read_access_tokens(token_caches.adal_cache_file())
    groups = arm.list_groups(require_subscription(module), lambda: Token(found[0], 0))
    return "\n".join(groups)


def read_cache_file(module: Module, _given: Parameters) -> str | None:
    """A request with the token in the cache file of MSAL, read past every interface: no refresh, no keyring."""
    module.account()
    try:
        found = token_caches.read_access_tokens(token_caches.msal_cache_file())
    except (OSError, ValueError, KeyError) as error:
        raise CmdletError(f"the cache file cannot be read: {type(error).__name__}") from error
    if not found:
        raise CmdletError("the cache file has no access token")
    return "\n".join(arm.list_groups(require_subscription(module), lambda: Token(found[0], 0)))


def get_groups(module: Module, _given: Parameters) -> str | None:
    """Get-AzResourceGroup."""
    return "\n".join(arm.list_groups(require_subscription(module), module.begin_operation(ARM)))


def deploy(module: Module, given: Parameters) -> str | None:
    """New-AzResourceGroupDeployment, with an empty template."""
    subscription = require_subscription(module)
    name, group = given.get("name", "from-powershell"), given.get("resourcegroupname", "shop")
    state = arm.deploy(subscription, group, name, module.begin_operation(ARM))
    return f"ProvisioningState : {state}"


def sleep(_module: Module, given: Parameters) -> str | None:
    """Start-Sleep."""
    time.sleep(float(given["seconds"]))
    return None


_CMDLETS: dict[str, Cmdlet] = {
    "Connect-AzAccount": connect,
    "Disconnect-AzAccount": disconnect,
    "Get-AzContext": get_context,
    "Get-AzAccessToken": get_access_token,
    "Get-AzResourceGroup": get_groups,
    "New-AzResourceGroupDeployment": deploy,
    "Read-TokenCache": read_token_cache,
    "Read-CacheFile": read_cache_file,
    "Start-Sleep": sleep,
}


def find_cmdlet(name: str) -> Cmdlet | None:
    """Return the cmdlet called ``name``, in any case of its letters; None if there is none."""
    return next((cmdlet for known, cmdlet in _CMDLETS.items() if known.lower() == name.lower()), None)


def list_names() -> list[str]:
    """Return the names of all cmdlets."""
    return list(_CMDLETS)

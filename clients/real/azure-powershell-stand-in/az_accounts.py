"""A stand-in for the PowerShell module Az.Accounts, in the version that ``SSOSIM_AZ_ACCOUNTS`` names.

It is not the module. It has its client id, its ports, its files and its texts, and speaks with MSAL and Azure Identity
for Python. Where versions differ: az_versions.py.
"""
# ruff: noqa: INP001  a program, not a package

from __future__ import annotations

import base64
import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import azure.core.exceptions
import azure.identity
import browser_sign_in
import msal
import token_caches
from az_versions import LATEST, Behaviour, find_behaviour

CLIENT_ID = "1950a258-227b-4e31-a9cf-717495945fc2"
ARM = "https://management.core.windows.net/"
RESOURCES = {"Arm": ARM, "MSGraph": "https://graph.microsoft.com/", "KeyVault": "https://vault.azure.net"}
NOT_CONNECTED = "Run Connect-AzAccount to login."
NO_ACCOUNT = (
    "Your Azure credentials have not been set up or have expired, please run Connect-AzAccount to set up your Azure "
    "credentials."
)
OTHER_RESOURCE = "Please ensure that you have provided the appropriate access tokens when using access token login."
NO_SUBSCRIPTION = (
    "No subscription found in the context. Please ensure that the credentials you provided are authorized to access an "
    "Azure subscription, then run Connect-AzAccount to login."
)
USE_DEVICE_CODE = (
    "Interactive authentication is not supported in this session, please run cmdlet "
    "'Connect-AzAccount -UseDeviceAuthentication'."
)
SUGGEST_DEVICE_CODE = "Please run 'Connect-AzAccount -DeviceCode' if browser is not supported in this session."
logging.getLogger("azure").addHandler(logging.NullHandler())  # the errors are shown once, as those of the cmdlets
_AUTHORITY = "https://login.microsoftonline.com"


class CmdletError(Exception):
    """A cmdlet fails with this text."""


class ModuleNotLoadedError(Exception):
    """Az.Accounts is not installed, or cannot be loaded."""


@dataclass(frozen=True)
class Token:
    """An access token; ``expires_on`` in seconds since 1970."""

    value: str
    expires_on: int

    @property
    def claims(self) -> dict[str, Any]:
        """The claims of the token."""
        part = self.value.split(".")[1]
        return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


@dataclass
class Module:
    """The module in one process. ``warn`` shows a warning, ``trace`` a line for those who debug."""

    warn: Callable[[str], None]
    trace: Callable[[str], None]
    version: str = field(default_factory=lambda: os.environ.get("SSOSIM_AZ_ACCOUNTS", LATEST))
    _cache: msal.SerializableTokenCache | None = None
    _credentials: dict[str, Any] = field(default_factory=dict)
    _unsaved: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.version == "none":
            raise ModuleNotLoadedError("The specified module 'Az.Accounts' was not loaded because no valid module file "
                                       "was found in any module directory.")  # fmt: skip
        self.behaviour: Behaviour = find_behaviour(self.version)
        if self.behaviour.needs_profile:
            try:
                token_caches.msal_cache_file().parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ModuleNotLoadedError(f"Could not find file '{error.filename}'.") from error

    # The context

    @property
    def context(self) -> dict[str, Any]:
        """The saved context; empty if nobody is connected."""
        file = token_caches.profile_folder() / "AzureRmContext.json"
        if self._unsaved is not None:
            return self._unsaved
        try:
            return dict(json.loads(file.read_text(encoding="utf-8")))
        except (FileNotFoundError, NotADirectoryError):
            return {}

    def save_context(self, context: dict[str, Any]) -> None:
        """Save the context, for this and for later processes; for this one only if there is no profile folder."""
        file = token_caches.profile_folder() / "AzureRmContext.json"
        try:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file.touch(mode=0o600)
            file.write_text(json.dumps(context), encoding="utf-8")
        except OSError:
            self._unsaved = context

    def account(self) -> dict[str, Any]:
        """Return the account of the context. Raises CmdletError if nobody is connected."""
        if not self.context:
            raise CmdletError(NOT_CONNECTED)
        return dict(self.context["Account"])

    def disconnect(self) -> None:
        """Forget the account: its tokens in the cache, its context, its secret."""
        account = self.account()
        if account["Type"] == "User":
            app = self._application("organizations")
            for each in app.get_accounts(account["Id"]):
                app.remove_account(each)
        self._unsaved = None
        (token_caches.profile_folder() / "AzureRmContext.json").unlink(missing_ok=True)

    # Signing in

    def connect(self, account: dict[str, Any]) -> dict[str, Any] | None:
        """Sign in and save the context; None if the command did nothing but warn. Raises CmdletError."""
        kind = account["Type"]
        if kind == "User" and not account.get("DeviceCode") and self._default_is("browser"):
            if self.behaviour.checks_display and not os.environ.get("DISPLAY"):
                self.warn(USE_DEVICE_CODE)
                return None
            if not self._sign_in_with_browser(account):
                return None
        elif kind == "User":
            self._sign_in_with_device_code(account)
        elif kind == "ManagedService":
            account["Selected"] = account.get("Id") if self.behaviour.account_id else None
        token = self.get_token(ARM, account=account)
        account["Tenant"] = account.get("Tenant") or token.claims["tid"]
        account["Id"] = account.get("Id") or ("MSI@50342" if kind == "ManagedService" else token.claims.get("upn", ""))
        context = {"Account": account}
        self.save_context(context)
        return context

    def _default_is(self, way: str) -> bool:
        return self.behaviour.default == way

    def _sign_in_with_browser(self, account: dict[str, Any]) -> bool:
        app = self._application(account.get("Tenant") or "organizations")
        try:
            found = browser_sign_in.sign_in(
                app,
                [f"{ARM}/.default"],
                report=self.warn,
                interruptible=self.behaviour.interruptible,
                wait_without_browser=self.behaviour.no_browser == "hangs",
            )
        except browser_sign_in.BrowserUnavailableError as error:
            inner = f"InteractiveBrowserCredential authentication failed: {error}"
            match self.behaviour.no_browser:
                case "inner-error":
                    self.warn("Unable to acquire token for tenant 'organizations'")
                    raise CmdletError(inner) from error
                case "aggregate-error":
                    raise CmdletError(f"One or more errors occurred. ({inner})") from error
                case _:
                    self.warn(USE_DEVICE_CODE)
                    return False
        if "error" in found:
            self.warn(SUGGEST_DEVICE_CODE)
            raise CmdletError(f"InteractiveBrowserCredential authentication failed: {_describe(found)}")
        account["Id"] = found["id_token_claims"]["preferred_username"]
        return True

    def _sign_in_with_device_code(self, account: dict[str, Any]) -> None:
        tenant = account.get("Tenant") if self.behaviour.device_tenant else None
        app = self._application(tenant or "organizations")
        flow = app.initiate_device_flow([f"{ARM}/.default"])
        if "user_code" not in flow:
            raise CmdletError(f"DeviceCodeCredential authentication failed: {_describe(flow)}")
        self.warn(flow["message"])
        found = app.acquire_token_by_device_flow(flow)
        if "error" in found:
            raise CmdletError(f"DeviceCodeCredential authentication failed: {_describe(found)}")
        account["Id"] = found["id_token_claims"]["preferred_username"]
        if not self.behaviour.device_tenant:
            account["Tenant"] = found["id_token_claims"]["tid"]

    # Tokens

    def get_token(self, resource: str, tenant: str = "", account: dict[str, Any] | None = None) -> Token:
        """Return a token of the account for a resource, new or from the cache. Raises CmdletError."""
        account = account or self.account()
        wanted = tenant or account.get("Tenant") or "organizations"
        if account["Type"] == "User":
            return self._user_token(account, resource, wanted)
        if account["Type"] == "AccessToken":
            if resource != ARM:
                raise CmdletError(f"Cannot retrieve access token for resource '{resource}'. {OTHER_RESOURCE}")
            return Token(account["AccessToken"], account["ExpiresOn"])
        try:
            found = self._credential(account, wanted).get_token(f"{resource}/.default")
        except (azure.core.exceptions.ClientAuthenticationError, azure.identity.CredentialUnavailableError) as error:
            name = type(self._credential(account, wanted)).__name__
            raise CmdletError(f"{name} authentication failed: {' '.join(str(error).split())}") from error
        return Token(found.token, found.expires_on)

    def _user_token(self, account: dict[str, Any], resource: str, tenant: str) -> Token:
        app = self._application(tenant)
        for each in app.get_accounts(account["Id"]):
            found = app.acquire_token_silent_with_error([f"{resource}/.default"], each)
            if found and "access_token" in found:
                return Token(found["access_token"], int(time.time()) + int(found["expires_in"]))
            if found:
                raise CmdletError(f"SharedTokenCacheCredential authentication failed: {_describe(found)}")
        raise CmdletError(f"{NO_ACCOUNT} No accounts were found in the cache.")

    def _credential(self, account: dict[str, Any], tenant: str) -> Any:
        key = f"{tenant} {'ManagedService' if account['Type'] == 'ManagedService' else account['Id']}"
        sends_again = account.get("Assertion") and not self.behaviour.caches_assertion_token
        if key not in self._credentials or sends_again:
            self._credentials[key] = self._make_credential(account, tenant)
        return self._credentials[key]

    def _make_credential(self, account: dict[str, Any], tenant: str) -> Any:
        if account["Type"] == "ManagedService":
            return azure.identity.ManagedIdentityCredential(client_id=account.get("Selected"))
        options = {"additionally_allowed_tenants": ["*"]}
        if secret := account.get("Secret"):
            return azure.identity.ClientSecretCredential(tenant, account["Id"], secret, **options)
        if path := account.get("CertificatePath"):
            return azure.identity.CertificateCredential(tenant, account["Id"], path, **options)
        if self.behaviour.caches_assertion_token:
            cache = azure.identity.TokenCachePersistenceOptions(name="assertion", allow_unencrypted_storage=True)
            options["cache_persistence_options"] = cache
        assertion = account["Assertion"]
        return azure.identity.ClientAssertionCredential(tenant, account["Id"], lambda: assertion, **options)

    def begin_operation(self, resource: str) -> Callable[[], Token]:
        """Return what gives the tokens of one cmdlet: a new one when the old one ends, or the first one for ever."""
        if self.behaviour.renews:
            return lambda: self.get_token(resource)
        first = self.get_token(resource)
        return lambda: first

    def _application(self, tenant: str) -> msal.PublicClientApplication:
        if self._cache is None:
            if self.behaviour.library == "ADAL":
                file = token_caches.adal_cache_file()
                self._cache = token_caches.OpenCacheFile(file, waits=self.behaviour.shared_cache)
            else:
                self._cache = token_caches.open_msal_cache(self.warn)
        self.trace(f"Creating IPublicClientApplication - ClientId: '{CLIENT_ID}', Authority: '{_AUTHORITY}/{tenant}'")
        return msal.PublicClientApplication(CLIENT_ID, authority=f"{_AUTHORITY}/{tenant}", token_cache=self._cache)


def _describe(found: dict[str, Any]) -> str:
    """Return the error of an answer as text."""
    return f"{found.get('error', 'unknown')}: {' '.join(str(found.get('error_description', '')).split())}"

"""Sign-in with a user name and a password in three libraries: realm, MEX, usernamemixed, token.

The password is the one stored on the device. The libraries differ in two points: what they do after a realm response
other than ``Federated``, and what they do without a MEX document.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct, field

from ssosim_clients.failures import (
    CredentialUnavailable,
    Failure,
    HttpFailure,
    InteractionRequired,
    ProtocolFailure,
    Stage,
    during,
)
from ssosim_clients.flows import mex, realm, token, wstrust
from ssosim_clients.flows.http import MSAL_DOTNET, MSAL_PYTHON, HttpLayer, add_layers
from ssosim_clients.flows.mex import Endpoint
from ssosim_clients.flows.throttle import MsalPythonCache
from ssosim_clients.flows.token import Application, Tokens
from ssosim_clients.ports import Device, HttpResponse
from ssosim_clients.spn.rule import SpnRule

__all__ = ["AdalPassword", "MsalDotnetPassword", "MsalPythonPassword"]

_NO_REALM_KEY: Final = "msal-python:no-realm"


class MsalPythonPassword(Struct, frozen=True):
    """MSAL Python's ``acquire_token_by_username_password``.

    Realm discovery has no ``x-client-*`` header, so Entra reports a Seamless SSO user as Managed. Any account type but
    the exact text ``Federated`` leads to the password grant at the login host. So does a 404 of realm discovery, which
    the process remembers. Source: msal application.py, authority.py, wstrust_response.py (read, run).
    """

    app: Application = field(default_factory=lambda: Application(headers=None))
    layers: tuple[HttpLayer, ...] = (MSAL_PYTHON, MsalPythonCache())

    async def attempt(self, device: Device, spn: SpnRule) -> Tokens:  # noqa: ARG002 - it requests no ticket
        """Try once. Raises ``StageFailure``."""
        device = add_layers(device, self.layers)
        with during(Stage.REALM):
            password = _require_password(device)
            response = await self._request_realm(device)
        if response.account_type == "Federated":
            with during(Stage.MEX):
                document = await mex.download(device, realm.require_metadata_url(response), None)
                endpoint = mex.read_password_endpoint(document)
            with during(Stage.TRUST):
                reply = await _request_assertion(device, endpoint, response.audience, password)
                assertion = _read_assertion_of_any_status(reply)
            with during(Stage.TOKEN):
                return await token.request_with_assertion(device, self.app, assertion)
        with during(Stage.TOKEN):
            return await token.request_with_password(device, self.app, password)

    async def _request_realm(self, device: Device) -> realm.RealmResponse:
        key = f"{_NO_REALM_KEY} {self.app.login_host}"
        if device.memory.recall(key, bool, device.clock.now()):
            return realm.RealmResponse()
        try:
            return await realm.request_realm(device, self.app.login_host, self.app.headers)
        except HttpFailure as failure:
            if failure.status != 404:
                raise
            device.memory.keep(key, value=True)
            return realm.RealmResponse()


class MsalDotnetPassword(Struct, frozen=True):
    """MSAL.NET's sign-in with a user name and a password: usernamemixed if Federated, the password grant if Managed.

    Source: MSAL.NET UsernamePasswordRequest.cs, CommonNonInteractiveHandler.cs (read).
    """

    app: Application = field(default_factory=Application)
    layers: tuple[HttpLayer, ...] = (MSAL_DOTNET,)

    async def attempt(self, device: Device, spn: SpnRule) -> Tokens:  # noqa: ARG002 - it requests no ticket
        """Try once. Raises ``StageFailure``."""
        device = add_layers(device, self.layers)
        with during(Stage.REALM):
            password = _require_password(device)
            found = await realm.request_realm(device, self.app.login_host, self.app.headers)
            kind = found.account_type.lower()
            if kind not in ("federated", "managed"):
                raise InteractionRequired(f"unknown user type {kind!r}")
        if kind == "managed":
            with during(Stage.TOKEN):
                return await token.request_with_password(device, self.app, password)
        with during(Stage.MEX):
            document = await mex.download(device, realm.require_metadata_url(found), self.app.headers)
            endpoint = mex.read_password_endpoint(document, mex.MSAL_DOTNET_PASSWORD)
        with during(Stage.TRUST):
            assertion = _read_assertion(await _request_assertion(device, endpoint, found.audience, password))
        with during(Stage.TOKEN):
            return await token.request_with_assertion(device, self.app, assertion)


class AdalPassword(Struct, frozen=True):
    """ADAL Python's sign-in with a user name and a password.

    After any failure of MEX it uses ``federation_active_auth_url`` of the realm response. It uses version 1 of the
    token endpoint, retries nothing, and an unknown user type is an error. Source: adal user_realm.py, token_request.py,
    mex.py (read, run).
    """

    app: Application = field(
        default_factory=lambda: Application(scope="openid", resource="https://graph.microsoft.com", tenant="common")
    )
    layers: tuple[HttpLayer, ...] = ()

    async def attempt(self, device: Device, spn: SpnRule) -> Tokens:  # noqa: ARG002 - it requests no ticket
        """Try once. Raises ``StageFailure``."""
        device = add_layers(device, self.layers)
        with during(Stage.REALM):
            password = _require_password(device)
            found = await realm.request_realm(device, self.app.login_host, self.app.headers)
            kind = found.account_type.lower()
            if kind not in ("federated", "managed"):
                raise ProtocolFailure(f"server returned an unknown user type {kind!r}")
        if kind == "managed":
            with during(Stage.TOKEN):
                return await token.request_with_password(device, self.app, password)
        with during(Stage.MEX):
            endpoint = await self._find_endpoint(device, found)
        with during(Stage.TRUST):
            reply = await _request_assertion(device, endpoint, found.audience, password)
            assertion = _read_assertion(reply, wstrust.MSAL_PYTHON_TOKEN_TYPES)
        with during(Stage.TOKEN):
            return await token.request_with_assertion(device, self.app, assertion)

    async def _find_endpoint(self, device: Device, response: realm.RealmResponse) -> Endpoint:
        try:
            document = await mex.download(device, realm.require_metadata_url(response), self.app.headers)
            return mex.read_password_endpoint(document, mex.ADAL_PASSWORD)
        except Failure:
            if response.active_url is None:
                raise
            return Endpoint(response.active_url, wstrust.V2005)


def _read_assertion_of_any_status(reply: HttpResponse) -> wstrust.Assertion:
    """The assertion in a response. MSAL Python parses the body without checking the status."""
    try:
        return wstrust.read_rstr(reply.body, wstrust.MSAL_PYTHON_TOKEN_TYPES)
    except ProtocolFailure:
        failure = wstrust.read_fault(reply)
        if failure.text:
            raise failure from None
        raise


def _read_assertion(reply: HttpResponse, token_types: Mapping[str, str] | None = None) -> wstrust.Assertion:
    if reply.status != 200:
        raise wstrust.read_fault(reply)
    return wstrust.read_rstr(reply.body, token_types)


def _require_password(device: Device) -> str:
    if device.stored_password is None:
        raise CredentialUnavailable("no password is stored on this device")
    return device.stored_password


async def _request_assertion(device: Device, endpoint: Endpoint, audience: str, password: str) -> HttpResponse:
    username_token = wstrust.UsernameToken(device.upn, password, device.read_date())
    rst = wstrust.build_rst(endpoint.version, endpoint.url, audience, device.new_id(), username_token)
    headers = {"Content-Type": "application/soap+xml; charset=utf-8", "SOAPAction": endpoint.version.action}
    return await device.http.request("POST", endpoint.url, headers, rst)

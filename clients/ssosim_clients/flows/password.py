"""Sign-in with a user's name and password, as three libraries do it: realm, MEX, usernamemixed, token.

The password is the one that the device holds. What differs is what each makes of an answer that is not plainly
``Federated``, and of a MEX document that it cannot get.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

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

_NO_REALM: Final = "msal-python:no-realm"


@dataclass(frozen=True, slots=True)
class MsalPythonPassword:
    """MSAL Python's ``acquire_token_by_username_password``.

    No ``x-client-*`` header goes with realm discovery, so Entra calls a Seamless SSO user Managed. Anything but the
    exact ``Federated`` leads to the password grant at the login host; so does a 404, which is remembered for the
    process. Source: msal application.py, authority.py, wstrust_response.py (read, run).
    """

    app: Application = field(default_factory=lambda: Application(headers=None))
    layers: tuple[HttpLayer, ...] = (MSAL_PYTHON, MsalPythonCache())

    async def attempt(self, device: Device, spn: SpnRule) -> Tokens:  # noqa: ARG002 - it asks for no ticket
        """Try once. Raises ``StageFailure``."""
        device = add_layers(device, self.layers)
        with during(Stage.REALM):
            password = _stored(device)
            home = await self._realm(device)
        if home.account_type == "Federated":
            with during(Stage.MEX):
                document = await mex.download(device, realm.require_metadata_url(home), None)
                endpoint = mex.read_password_endpoint(document)
            with during(Stage.TRUST):
                assertion = read_whatever_status(await _trust(device, endpoint, home.audience, password))
            with during(Stage.TOKEN):
                return await token.request_with_assertion(device, self.app, assertion)
        with during(Stage.TOKEN):
            return await token.request_with_password(device, self.app, password)

    async def _realm(self, device: Device) -> realm.RealmResponse:
        key = f"{_NO_REALM} {self.app.login_host}"
        if device.memory.recall(key, bool, device.clock.now()):
            return realm.RealmResponse()
        try:
            return await realm.request_realm(device, self.app.login_host, self.app.headers)
        except HttpFailure as failure:
            if failure.status != 404:
                raise
            device.memory.keep(key, value=True)
            return realm.RealmResponse()


@dataclass(frozen=True, slots=True)
class MsalDotnetPassword:
    """MSAL.NET's username and password: Federated over usernamemixed, Managed by the password grant.

    Source: MSAL.NET UsernamePasswordRequest.cs, CommonNonInteractiveHandler.cs (read).
    """

    app: Application = field(default_factory=Application)
    layers: tuple[HttpLayer, ...] = (MSAL_DOTNET,)

    async def attempt(self, device: Device, spn: SpnRule) -> Tokens:  # noqa: ARG002 - it asks for no ticket
        """Try once. Raises ``StageFailure``."""
        device = add_layers(device, self.layers)
        with during(Stage.REALM):
            password = _stored(device)
            home = await realm.request_realm(device, self.app.login_host, self.app.headers)
            kind = home.account_type.lower()
            if kind not in ("federated", "managed"):
                raise InteractionRequired(f"unknown user type {kind!r}")
        if kind == "managed":
            with during(Stage.TOKEN):
                return await token.request_with_password(device, self.app, password)
        with during(Stage.MEX):
            document = await mex.download(device, realm.require_metadata_url(home), self.app.headers)
            endpoint = mex.read_password_endpoint(document)
        with during(Stage.TRUST):
            assertion = _read_if_200(await _trust(device, endpoint, home.audience, password))
        with during(Stage.TOKEN):
            return await token.request_with_assertion(device, self.app, assertion)


@dataclass(frozen=True, slots=True)
class AdalPassword:
    """ADAL Python's username and password: any trouble with MEX leads to ``federation_active_auth_url``.

    Version 1 of the token endpoint, nothing is ever retried, and an unknown user type is an error. Source: adal
    user_realm.py, token_request.py, mex.py (read, run).
    """

    app: Application = field(
        default_factory=lambda: Application(scope="openid", resource="https://graph.microsoft.com", tenant="common")
    )
    layers: tuple[HttpLayer, ...] = ()

    async def attempt(self, device: Device, spn: SpnRule) -> Tokens:  # noqa: ARG002 - it asks for no ticket
        """Try once. Raises ``StageFailure``."""
        device = add_layers(device, self.layers)
        with during(Stage.REALM):
            password = _stored(device)
            home = await realm.request_realm(device, self.app.login_host, self.app.headers)
            kind = home.account_type.lower()
            if kind not in ("federated", "managed"):
                raise ProtocolFailure(f"server returned an unknown user type {kind!r}")
        if kind == "managed":
            with during(Stage.TOKEN):
                return await token.request_with_password(device, self.app, password)
        with during(Stage.MEX):
            endpoint = await self._endpoint(device, home)
        with during(Stage.TRUST):
            assertion = _read_if_200(await _trust(device, endpoint, home.audience, password))
        with during(Stage.TOKEN):
            return await token.request_with_assertion(device, self.app, assertion)

    async def _endpoint(self, device: Device, home: realm.RealmResponse) -> Endpoint:
        try:
            document = await mex.download(device, realm.require_metadata_url(home), self.app.headers)
            return mex.read_password_endpoint(document)
        except Failure:
            if home.active_url is None:
                raise
            return Endpoint(home.active_url, wstrust.V2005)


def read_whatever_status(answer: HttpResponse) -> wstrust.Assertion:
    """The assertion, or what MSAL Python raises: it parses the body without a look at the status."""
    try:
        return wstrust.read_rstr(answer.body)
    except ProtocolFailure:
        failure = wstrust.read_fault(answer)
        if failure.text:
            raise failure from None
        raise


def _read_if_200(answer: HttpResponse) -> wstrust.Assertion:
    if answer.status != 200:
        raise wstrust.read_fault(answer)
    return wstrust.read_rstr(answer.body)


def _stored(device: Device) -> str:
    if device.stored_password is None:
        raise CredentialUnavailable("no password is stored on this device")
    return device.stored_password


async def _trust(device: Device, endpoint: Endpoint, audience: str, password: str) -> HttpResponse:
    secret = wstrust.UsernameToken(device.upn, password, device.clock.now())
    rst = wstrust.build_rst(endpoint.version, endpoint.url, audience, device.new_id(), secret)
    headers = {"Content-Type": "application/soap+xml; charset=utf-8", "SOAPAction": endpoint.version.action}
    return await device.http.request("POST", endpoint.url, headers, rst)

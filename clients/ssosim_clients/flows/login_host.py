"""Two flows that use only the login host: a device with a primary refresh token, and an application as itself."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct, field

from ssosim_clients.failures import CredentialUnavailable, OauthFailure, Stage, during
from ssosim_clients.flows import token
from ssosim_clients.flows.http import MSAL_DOTNET, HttpLayer, add_layers
from ssosim_clients.flows.token import Application, Tokens
from ssosim_clients.ports import Device
from ssosim_clients.spn.rule import SpnRule

__all__ = ["PRT_LIFETIME_S", "AppOnlyFlow", "PrtFlow"]

PRT_LIFETIME_S: Final = 14 * 86400.0
"""The lifetime of a primary refresh token in seconds; each use renews it. Source: Entra documentation, PRT."""

_PRT: Final = "prt"


class PrtFlow(Struct, frozen=True):
    """A joined device gets its tokens with a primary refresh token (PRT). It never uses the autologon host.

    The PRT is issued at sign-on to Windows. Here an ordinary refresh token replaces it: requests with a PRT are signed
    with a device key, but the host and the endpoint are the same, so an outage has the same effect. Sign-on uses the
    password that the user typed at the device. Source: Entra documentation, primary refresh token.
    """

    app: Application = field(default_factory=Application)

    async def attempt(self, device: Device, spn: SpnRule) -> Tokens:  # noqa: ARG002 - it requests no ticket
        """Try once. Raises ``StageFailure`` at the token stage."""
        with during(Stage.TOKEN):
            refresh_token = device.memory.recall(_PRT, str, device.clock.now())
            if refresh_token is not None:
                try:
                    tokens = await token.request_with_refresh_token(device, self.app, refresh_token)
                except OauthFailure as failure:
                    if failure.error == "invalid_grant":
                        device.memory.keep(_PRT, None)
                    raise
            elif device.stored_password is not None:
                tokens = await token.request_with_password(device, self.app, device.stored_password)
            else:
                raise CredentialUnavailable("no user has signed on to this device with a password")
            if tokens.refresh_token:
                device.memory.keep(_PRT, tokens.refresh_token, device.clock.now() + PRT_LIFETIME_S)
            return tokens


class AppOnlyFlow(Struct, frozen=True):
    """An application signs in as itself at the login host, with the credentials stored on the device.

    It sends an assertion that is signed with its certificate. Source: Entra documentation, client credentials and
    certificate credentials; MSAL.NET JsonWebToken.cs.
    """

    app: Application = field(
        default_factory=lambda: Application(scope="https://graph.microsoft.com/.default", headers=None)
    )
    layers: tuple[HttpLayer, ...] = (MSAL_DOTNET,)

    async def attempt(self, device: Device, spn: SpnRule) -> Tokens:  # noqa: ARG002 - it requests no ticket
        """Try once. Raises ``StageFailure`` at the token stage."""
        with during(Stage.TOKEN):
            credentials = device.app_credentials
            if credentials is None:
                raise CredentialUnavailable("no application credentials are stored on this device")
            app = msgspec.structs.replace(self.app, client_id=credentials.client_id, tenant=credentials.tenant)
            return await token.request_with_certificate(add_layers(device, self.layers), app, credentials)

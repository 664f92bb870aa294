"""Two ways that need the login host alone: a device with a primary refresh token, and an application as itself."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Final

from ssosim_clients.failures import CredentialUnavailable, OauthFailure, Stage, during
from ssosim_clients.flows import token
from ssosim_clients.flows.http import MSAL_DOTNET, HttpLayer, add_layers
from ssosim_clients.flows.token import Application, Tokens
from ssosim_clients.ports import Device
from ssosim_clients.spn.rule import SpnRule

__all__ = ["PRT_LIFETIME_S", "AppOnlyFlow", "PrtFlow"]

PRT_LIFETIME_S: Final = 14 * 86400.0
"""How long a primary refresh token is good for; each use renews it. Source: Entra documentation, PRT."""

_PRT: Final = "prt"


@dataclass(frozen=True, slots=True)
class PrtFlow:
    """A joined device: the token earned at sign-on to Windows earns all others. It never speaks to autologon.

    An ordinary refresh token stands in for the PRT, whose requests are signed with a device key; host, endpoint and
    what survives an outage are the same. Sign-on uses the password that the user typed at the device. Source: Entra
    documentation, primary refresh token.
    """

    app: Application = field(default_factory=Application)

    async def attempt(self, device: Device, spn: SpnRule) -> Tokens:  # noqa: ARG002 - it asks for no ticket
        """Try once. Raises ``StageFailure`` at the token stage."""
        with during(Stage.TOKEN):
            kept = device.memory.recall(_PRT, str, device.clock.now())
            if kept is not None:
                try:
                    tokens = await token.request_with_refresh_token(device, self.app, kept)
                except OauthFailure as failure:
                    if failure.error == "invalid_grant":
                        device.memory.keep(_PRT, None)
                    raise
            elif device.stored_password is not None:
                tokens = await token.request_with_password(device, self.app, device.stored_password)
            else:
                raise CredentialUnavailable("nobody has signed on to this device with a password")
            if tokens.refresh_token:
                device.memory.keep(_PRT, tokens.refresh_token, device.clock.now() + PRT_LIFETIME_S)
            return tokens


@dataclass(frozen=True, slots=True)
class AppOnlyFlow:
    """An application signs in as itself at the login host, with what the device holds for it.

    A secret stands in for the certificate's signed assertion: host and grant are what decide. Source: Entra
    documentation, client credentials; MSAL.NET JsonWebToken.cs.
    """

    app: Application = field(
        default_factory=lambda: Application(scope="https://graph.microsoft.com/.default", headers=None)
    )
    layers: tuple[HttpLayer, ...] = (MSAL_DOTNET,)

    async def attempt(self, device: Device, spn: SpnRule) -> Tokens:  # noqa: ARG002 - it asks for no ticket
        """Try once. Raises ``StageFailure`` at the token stage."""
        with during(Stage.TOKEN):
            own = device.app_credentials
            if own is None:
                raise CredentialUnavailable("no application's credentials are stored on this device")
            app = dataclasses.replace(self.app, client_id=own.client_id, tenant=own.tenant)
            return await token.request_with_secret(add_layers(device, self.layers), app, own.secret)

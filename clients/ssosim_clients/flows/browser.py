"""The flow of a browser: GetCredentialType says whether Seamless SSO is on; then a script gets a token with a ticket.

The sign-in page itself and its two last POST requests are not modelled: whether the user sees a prompt is decided
before them. Source: captures of the page's ``$Config`` (desktopSsoConfig); Entra documentation, how Seamless SSO works,
browsers.
"""

from __future__ import annotations

import json

from msgspec import Struct, field

from ssosim_clients.failures import HttpFailure, InteractionRequired, ProtocolFailure, Stage, during
from ssosim_clients.flows.sso_request import request_sso_token
from ssosim_clients.flows.token import Application, Tokens
from ssosim_clients.ports import Device
from ssosim_clients.spn.rule import SpnRule

__all__ = ["BrowserFlow"]


class BrowserFlow(Struct, frozen=True):
    """GetCredentialType at the login host, then ``/winauth/sso`` at the autologon host with a ticket.

    ``access_token`` of the result is the text from the autologon host; the real page exchanges it for tokens.
    """

    app: Application = field(default_factory=lambda: Application(headers=None))
    autologon_host: str = "autologon.microsoftazuread-sso.com"

    async def attempt(self, device: Device, spn: SpnRule) -> Tokens:
        """Try once. Raises ``StageFailure``."""
        with during(Stage.REALM):
            await self._require_seamless_sso(device)
        query = f"?desktopsso=true&isAdalRequest=False&client-request-id={device.new_id()}"
        headers = {"Origin": f"https://{self.app.login_host}"}
        return await request_sso_token(device, spn, self.autologon_host, query, headers)

    async def _require_seamless_sso(self, device: Device) -> None:
        """Send GetCredentialType. Raises ``InteractionRequired`` if Seamless SSO is off for the user."""
        url = f"https://{self.app.login_host}/common/GetCredentialType?mkt=en-US"
        headers = {"Content-Type": "application/json; charset=UTF-8", "client-request-id": device.new_id()}
        body = json.dumps({"username": device.upn, "isOtherIdpSupported": True}).encode()
        response = await device.http.request("POST", url, headers, body)
        if response.status != 200:
            raise HttpFailure(response.status, "GetCredentialType failed")
        try:
            document = json.loads(response.body)
        except (ValueError, RecursionError) as error:
            raise ProtocolFailure(f"the response of GetCredentialType is not JSON: {error}") from error
        properties = document.get("EstsProperties") if isinstance(document, dict) else None
        if not (isinstance(properties, dict) and properties.get("DesktopSsoEnabled") is True):
            raise InteractionRequired("the sign-in page does not offer Seamless SSO for this user")

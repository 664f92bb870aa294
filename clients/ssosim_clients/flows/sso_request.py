"""The request with which a browser gets a token for a Kerberos ticket: ``GET /winauth/sso`` at the autologon host.

``SsoRequestFlow`` is a program that sends this request alone. It shows what an HTTP library does about Negotiate, and
nothing else. Source: Entra documentation, how Seamless SSO works, browsers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from ssosim_clients.failures import ProtocolFailure, Stage, during
from ssosim_clients.flows import negotiate, wstrust
from ssosim_clients.flows.http import HttpLayer, add_layers
from ssosim_clients.flows.token import Application, Tokens
from ssosim_clients.ports import Device, HttpResponse
from ssosim_clients.spn.rule import SpnRule

__all__ = ["SsoRequestFlow", "request_sso_token"]

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SsoRequestFlow:
    """One ``GET /winauth/sso`` with Negotiate. ``access_token`` of the result is the text from the autologon host.

    ``layers``: what the HTTP stack of the library does by itself. ``sends_ticket_first``: the first request has a
    ticket already; by default it has none, and the response is a 401.
    """

    app: Application = field(default_factory=lambda: Application(headers=None))
    autologon_host: str = "autologon.microsoftazuread-sso.com"
    layers: tuple[HttpLayer, ...] = ()
    sends_ticket_first: bool = False

    async def attempt(self, device: Device, spn: SpnRule) -> Tokens:
        """Try once. Raises ``StageFailure``."""
        device = add_layers(device, self.layers)
        return await request_sso_token(device, spn, self.autologon_host, sends_ticket_first=self.sends_ticket_first)


async def request_sso_token(
    device: Device,
    spn: SpnRule,
    autologon_host: str,
    query: str = "",
    headers: Mapping[str, str] = _NO_HEADERS,
    *,
    sends_ticket_first: bool = False,
) -> Tokens:
    """Get the token of the device's user at ``autologon_host``. Raises ``StageFailure``."""
    domain = quote(device.upn.rpartition("@")[2], safe="")
    url = f"https://{autologon_host}/{domain}/winauth/sso{query}"

    async def send(authorization: str | None) -> HttpResponse:
        given = {**headers, "Authorization": authorization} if authorization else headers
        return await device.http.request("GET", url, given, b"")

    ask = negotiate.send_with_ticket if sends_ticket_first else negotiate.exchange
    response = await ask(device, spn, url, send)
    with during(Stage.TRUST):
        if response.status != 200:
            raise wstrust.read_fault(response)
        token = response.body.decode("ascii", "replace").strip()
        if not token or "<" in token:
            raise ProtocolFailure("the response of winauth/sso contains no token")
    return Tokens(token, 0.0)

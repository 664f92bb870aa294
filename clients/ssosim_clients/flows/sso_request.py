"""The request with which a browser gets a token for a Kerberos ticket: ``GET /winauth/sso`` at the autologon host.

``SsoRequestFlow`` is a program that sends this request alone. It shows what an HTTP library does about Negotiate, and
nothing else. Source: Entra documentation, how Seamless SSO works, browsers.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from msgspec import Struct, field

from ssosim_clients.failures import DnsFailure, NetworkFailure, ProtocolFailure, Stage, during
from ssosim_clients.flows import negotiate, wstrust
from ssosim_clients.flows.http import HttpLayer, add_layers
from ssosim_clients.flows.token import Application, Tokens
from ssosim_clients.ports import Device, HttpResponse
from ssosim_clients.spn.rule import SpnRule

__all__ = ["NegotiateStyle", "SsoRequestFlow", "request_sso_token"]

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class NegotiateStyle(Struct, frozen=True, kw_only=True):
    """How an HTTP library negotiates.

    - ``sends_ticket_first``: the first request has a ticket; by default it has none, and the response is a 401.
    - ``connects_first``: it gets the ticket when it has a connection, so it asks for none if the host has no address.
    - ``challenges``: how many challenges in a row it responds to.
    - ``demands_mutual_token``: a 200 without a token of the service is an error (RFC 4559, section 4.2). The token
      itself is not checked.
    """

    sends_ticket_first: bool = False
    connects_first: bool = False
    challenges: int = 1
    demands_mutual_token: bool = False


_USUAL: Final = NegotiateStyle()


class SsoRequestFlow(Struct, frozen=True):
    """One ``GET /winauth/sso`` with Negotiate. ``access_token`` of the result is the text from the autologon host.

    ``style``: how the library negotiates. ``layers``: what its HTTP stack does by itself.
    """

    app: Application = field(default_factory=lambda: Application(headers=None))
    autologon_host: str = "autologon.microsoftazuread-sso.com"
    style: NegotiateStyle = _USUAL
    layers: tuple[HttpLayer, ...] = ()

    async def attempt(self, device: Device, spn: SpnRule) -> Tokens:
        """Try once. Raises ``StageFailure``."""
        device = add_layers(device, self.layers)
        return await request_sso_token(device, spn, self.autologon_host, style=self.style)


async def request_sso_token(
    device: Device,
    spn: SpnRule,
    autologon_host: str,
    query: str = "",
    headers: Mapping[str, str] = _NO_HEADERS,
    *,
    style: NegotiateStyle = _USUAL,
) -> Tokens:
    """Get the token of the device's user at ``autologon_host``. Raises ``StageFailure``."""
    if style.connects_first:
        with during(Stage.CHALLENGE):
            await _require_address(device, autologon_host)
    domain = quote(device.upn.rpartition("@")[2], safe="")
    url = f"https://{autologon_host}/{domain}/winauth/sso{query}"

    async def send(authorization: str | None) -> HttpResponse:
        given = {**headers, "Authorization": authorization} if authorization else headers
        return await device.http.request("GET", url, given, b"")

    if style.sends_ticket_first:
        response = await negotiate.send_with_ticket(device, spn, url, send)
    else:
        response = await negotiate.exchange(device, spn, url, send, challenges=style.challenges)
    with during(Stage.TRUST):
        if response.status != 200:
            raise wstrust.read_fault(response)
        if style.demands_mutual_token and not _has_mutual_token(response):
            raise ProtocolFailure("the response has no token of the service, so the client cannot check it")
        token = response.body.decode("ascii", "replace").strip()
        if not token or "<" in token:
            raise ProtocolFailure("the response of winauth/sso contains no token")
    return Tokens(token, 0.0)


async def _require_address(device: Device, host: str) -> None:
    """Look ``host`` up, as for a connection. Raises ``NetworkFailure``."""
    try:
        await device.resolver.resolve(host, "any")
    except DnsFailure as failure:
        raise NetworkFailure.from_dns(failure) from failure


def _has_mutual_token(response: HttpResponse) -> bool:
    scheme, _, token = response.headers.get("WWW-Authenticate", "").strip().partition(" ")
    return scheme.lower() == "negotiate" and bool(token.strip())

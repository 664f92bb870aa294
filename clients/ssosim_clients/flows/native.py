"""The native Seamless SSO sign-in: realm, MEX, challenge, ticket, trust, token.

One attempt, without any retry. Every stage either hands its result to the next or stops the attempt, so the order of
the blocks below is the whole state machine. Source: Entra documentation, how Seamless SSO works, native clients.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from ssosim_clients.failures import ProtocolFailure, Stage, during
from ssosim_clients.flows import instance, mex, negotiate, realm, token, wstrust
from ssosim_clients.flows.http import HttpLayer, add_layers
from ssosim_clients.flows.mex import Reading
from ssosim_clients.flows.token import Application, Tokens
from ssosim_clients.ports import Device, HttpResponse
from ssosim_clients.spn.rule import SpnRule

__all__ = ["Flow", "NativeFlow"]


class Flow(Protocol):
    """One silent attempt, and the application that it is made for."""

    @property
    def app(self) -> Application:
        """The application that signs in."""
        ...

    async def attempt(self, device: Device, spn: SpnRule) -> Tokens:
        """Try once, without asking anyone. Raises ``StageFailure``."""
        ...


@dataclass(frozen=True, slots=True)
class NativeFlow:
    """Windows-integrated sign-in over WS-Trust, as MSAL.NET does it; the other fields are what a library does apart.

    ``layers`` are what its HTTP stack does by itself. ``reading`` is how strictly it reads the MEX document.
    ``protocol``, if set, is the only federation protocol that it accepts. ``safe`` as in ``realm.request_realm``. ``instances``:
    it asks for the login host's names before its first token.
    """

    app: Application = field(default_factory=Application)
    layers: tuple[HttpLayer, ...] = ()
    reading: Reading = mex.MSAL_DOTNET
    protocol: str = ""
    safe: str = "@"
    instances: bool = False

    async def attempt(self, device: Device, spn: SpnRule) -> Tokens:
        """Try once. Raises ``StageFailure``."""
        app, device = self.app, add_layers(device, self.layers)
        with during(Stage.REALM):
            home = await realm.discover(device, app.login_host, app.headers, safe=self.safe)
            if self.protocol and home.protocol.lower() != self.protocol.lower():
                raise ProtocolFailure(f"federation protocol {home.protocol!r}; only {self.protocol} is spoken here")
        with during(Stage.MEX):
            endpoint = await mex.fetch_kerberos_endpoint(device, home.metadata_url, app.headers, self.reading)
        rst = wstrust.build_rst(endpoint.version, endpoint.url, home.audience, device.new_id())

        async def send(authorization: str | None) -> HttpResponse:
            headers = {"Content-Type": "application/soap+xml; charset=utf-8", "SOAPAction": endpoint.version.action}
            if authorization:
                headers["Authorization"] = authorization
            return await device.http.request("POST", endpoint.url, headers, rst)

        answer = await negotiate.exchange(device, spn, endpoint.url, send)
        with during(Stage.TRUST):
            if answer.status != 200:
                raise wstrust.read_fault(answer)
            assertion = wstrust.read_rstr(answer.body)
        with during(Stage.TOKEN):
            if self.instances:
                await instance.discover(device, app)
            return await token.request_with_assertion(device, app, assertion)

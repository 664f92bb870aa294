"""The flow of a native client with Seamless SSO: realm, MEX, challenge, ticket, trust, token.

One attempt, without a retry. Each stage passes its result to the next, or the attempt fails. So the blocks below, in
their order, are the complete state machine. Source: Entra documentation, how Seamless SSO works, native clients.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct, field

from ssosim_clients.failures import ProtocolFailure, Stage, during
from ssosim_clients.flows import instance, mex, negotiate, realm, token, wstrust
from ssosim_clients.flows.http import HttpLayer, add_layers
from ssosim_clients.flows.mex import MexRequirements
from ssosim_clients.flows.token import Application, Tokens
from ssosim_clients.ports import Device, HttpResponse
from ssosim_clients.spn.rule import SpnRule

__all__ = ["Flow", "NativeFlow"]


class Flow(Protocol):
    """One silent sign-in attempt of an application."""

    @property
    def app(self) -> Application:
        """The application that signs in."""
        ...

    async def attempt(self, device: Device, spn: SpnRule) -> Tokens:
        """Try once, without a prompt. Raises ``StageFailure``."""
        ...


class NativeFlow(Struct, frozen=True):
    """Integrated Windows authentication over WS-Trust. Libraries differ in the fields; the defaults are MSAL.NET's.

    - ``layers``: what the HTTP stack of the library does by itself.
    - ``mex_requirements``: which endpoints of a MEX document the library accepts.
    - ``federation_protocol``: the only federation protocol that the library accepts; ``""`` accepts any.
    - ``unescaped``: see ``realm.request_realm``.
    - ``instance_discovery``: whether the library sends an instance discovery request before the first token request.
    """

    app: Application = field(default_factory=Application)
    layers: tuple[HttpLayer, ...] = ()
    mex_requirements: MexRequirements = mex.MSAL_DOTNET
    federation_protocol: str = ""
    unescaped: str = "@"
    instance_discovery: bool = False

    async def attempt(self, device: Device, spn: SpnRule) -> Tokens:
        """Try once. Raises ``StageFailure``."""
        app, device = self.app, add_layers(device, self.layers)
        with during(Stage.REALM):
            found = await realm.discover(device, app.login_host, app.headers, unescaped=self.unescaped)
            accepted = self.federation_protocol
            if accepted and found.protocol.lower() != accepted.lower():
                raise ProtocolFailure(f"federation protocol {found.protocol!r}; this client supports {accepted} only")
        with during(Stage.MEX):
            endpoint = await mex.fetch_kerberos_endpoint(device, found.metadata_url, app.headers, self.mex_requirements)
        rst = wstrust.build_rst(endpoint.version, endpoint.url, found.audience, device.new_id())

        async def send(authorization: str | None) -> HttpResponse:
            headers = {"Content-Type": "application/soap+xml; charset=utf-8", "SOAPAction": endpoint.version.action}
            if authorization:
                headers["Authorization"] = authorization
            return await device.http.request("POST", endpoint.url, headers, rst)

        response = await negotiate.exchange(device, spn, endpoint.url, send)
        with during(Stage.TRUST):
            if response.status != 200:
                raise wstrust.read_fault(response)
            assertion = wstrust.read_rstr(response.body)
        with during(Stage.TOKEN):
            if self.instance_discovery:
                await instance.discover(device, app)
            return await token.request_with_assertion(device, app, assertion)

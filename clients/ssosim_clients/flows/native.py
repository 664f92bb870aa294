"""The native Seamless SSO sign-in: realm, MEX, challenge, ticket, trust, token.

One attempt, without any retry. Every stage either hands its result to the next or stops the attempt, so the order of
the blocks below is the whole state machine. Source: Entra documentation, how Seamless SSO works, native clients.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from ssosim_clients.failures import Stage, at
from ssosim_clients.flows import mex, negotiate, realm, token, wstrust
from ssosim_clients.flows.mex import Endpoint
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
        """Try once, without asking anyone. Raises ``Stopped``."""
        ...


@dataclass(frozen=True, slots=True)
class NativeFlow:
    """Windows-integrated sign-in over WS-Trust."""

    app: Application = field(default_factory=Application)

    async def attempt(self, device: Device, spn: SpnRule) -> Tokens:
        """Try once. Raises ``Stopped``."""
        app = self.app
        with at(Stage.REALM):
            home = await realm.discover(device, app.login_host, app.headers)
        with at(Stage.MEX):
            endpoint = await mex.fetch(device, home.metadata_url, app.headers)
        rst = wstrust.request_token(endpoint.version, endpoint.url, home.audience, device.new_id())
        with at(Stage.CHALLENGE):
            answer = await _post(device, endpoint, rst, None)
            if answer.status != 200 and not negotiate.is_challenge(answer):
                raise wstrust.fault(answer)
        if answer.status != 200:
            with at(Stage.TICKET):
                reply = await negotiate.credential(device, spn, endpoint.url)
                if not reply.repeat:
                    raise wstrust.fault(answer)  # the 401 is all that the caller gets
            with at(Stage.TRUST):
                answer = await _post(device, endpoint, rst, reply.header)
        with at(Stage.TRUST):
            if answer.status != 200:
                raise wstrust.fault(answer)
            assertion = wstrust.read_rstr(answer.body)
        with at(Stage.TOKEN):
            return await token.by_assertion(device, app, assertion)


async def _post(device: Device, endpoint: Endpoint, rst: bytes, authorization: str | None) -> HttpResponse:
    headers = {"Content-Type": "application/soap+xml; charset=utf-8", "SOAPAction": endpoint.version.action}
    if authorization:
        headers["Authorization"] = authorization
    return await device.http.request("POST", endpoint.url, headers, rst)

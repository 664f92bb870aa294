"""Apply the active faults to the services of a lab: identity provider, certificates, KDC gateway."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable

from ssosim.entra import Provider
from ssosim.faults.base import FaultState, KdcRule
from ssosim.faults.exchanges import kdc_rule, show_at_provider
from ssosim.kerberos import KdcGateway
from ssosim.kerberos.gateway import Forward, KdcRequestContext, Tamper
from ssosim.kerberos.messages import KdcRequest, build_error
from ssosim.lab.network.certificates import FOREIGN_HOST_NAME, LabCa

__all__ = ["ForeignHost", "make_service_fault_applier"]


def make_service_fault_applier(
    provider: Provider, ca: LabCa, gateway: KdcGateway, is_model: Callable[[str], bool]
) -> Callable[[FaultState], None]:
    """What to call with every new state of the faults; it raises DnsChangeError where a change does not fit.

    ``is_model`` says which clients are models, whose devices wait so long and no longer.
    """
    at_provider = show_at_provider(provider, is_model)

    def apply(state: FaultState) -> None:
        at_provider(state)
        gateway.tamper = _kdc(state.kdc) if state.kdc else None
        ca.present_bad_certificates(state.certificates, state.presented)

    return apply


def _kdc(rules: tuple[KdcRule, ...]) -> Tamper:
    async def tamper(asked: KdcRequestContext, forward: Forward) -> bytes | None:
        rule = kdc_rule(rules, asked.client)
        message = asked.message
        if rule is None:
            return await forward(asked.data)
        rule.count_hit()
        if rule.refusal is None or not isinstance(message, KdcRequest):
            return None
        return build_error(rule.refusal, message.realm, tuple(message.service.split("/")), time.time())

    return tamper


class ForeignHost:
    """A host outside of the estate. It presents a certificate for another name, then closes the connection.

    ``ca`` None: it has no TLS and closes the connection at once.
    """

    def __init__(self, ca: LabCa | None) -> None:
        self._tls = None if ca is None else ca.server_context([FOREIGN_HOST_NAME])
        self._server: asyncio.Server | None = None
        self._endpoint: tuple[str, int] = ("", 0)

    async def start(self, at: str | socket.socket) -> None:
        """Start listening on a bound socket, or on a local address with a port that the kernel chooses."""
        sock = at if isinstance(at, socket.socket) else socket.create_server((at, 0))
        self._server = await asyncio.get_running_loop().create_server(_CloseAtOnce, sock=sock, ssl=self._tls)
        self._endpoint = self._server.sockets[0].getsockname()[:2]

    @property
    def endpoint(self) -> tuple[str, int]:
        """The address and port that it listens on."""
        return self._endpoint

    async def stop(self) -> None:
        """Stop listening and wait for open connections to end."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()


class _CloseAtOnce(asyncio.Protocol):
    """Closes each connection as soon as it is open."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()

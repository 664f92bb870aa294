"""How the faults in force show at the services of a lab: the provider, its certificates, the KDC's gateway."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable

from ssosim.entra import Provider
from ssosim.faults.base import FaultState, KdcRule
from ssosim.faults.exchanges import kdc_rule, show_at_provider
from ssosim.kerberos import KdcGateway
from ssosim.kerberos.gateway import Asked, Forward, Tamper
from ssosim.kerberos.messages import KdcRequest, build_error
from ssosim.lab.network.certificates import FOREIGN_HOST, LabCa

__all__ = ["ForeignHost", "show_at_services"]


def show_at_services(
    provider: Provider, ca: LabCa, gateway: KdcGateway, is_model: Callable[[str], bool]
) -> Callable[[FaultState], None]:
    """What to call with every new state of the faults; it raises DnsChangeError where a change does not fit.

    ``is_model`` says which clients are models, whose devices wait so long and no longer.
    """
    at_provider = show_at_provider(provider, is_model)

    def show(state: FaultState) -> None:
        at_provider(state)
        gateway.tamper = _kdc(state.kdc) if state.kdc else None
        ca.spoil(state.certificates, state.presented)

    return show


def _kdc(rules: tuple[KdcRule, ...]) -> Tamper:
    async def tamper(asked: Asked, forward: Forward) -> bytes | None:
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
    """A host that is none of the lab's: what a wrong address leads to. It has a certificate, for another name.

    Without ``ca`` it speaks no TLS.
    """

    def __init__(self, ca: LabCa | None) -> None:
        self._tls = None if ca is None else ca.server_context([FOREIGN_HOST])
        self._server: asyncio.Server | None = None
        self._at: tuple[str, int] = ("", 0)

    async def start(self, at: str | socket.socket) -> None:
        """Listen on a bound socket, or on an address of this machine, on a port of the kernel's choice."""
        sock = at if isinstance(at, socket.socket) else socket.create_server((at, 0))
        self._server = await asyncio.get_running_loop().create_server(_HangingUp, sock=sock, ssl=self._tls)
        self._at = self._server.sockets[0].getsockname()[:2]

    @property
    def endpoint(self) -> tuple[str, int]:
        """Where it listens."""
        return self._at

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()


class _HangingUp(asyncio.Protocol):
    """Takes a connection and ends it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()

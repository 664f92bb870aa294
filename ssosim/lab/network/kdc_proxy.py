"""The KDC proxy: Kerberos over HTTPS for clients that reach no KDC (MS-KKDCP).

A request is a POST with a KDC-PROXY-MESSAGE to ``/KdcProxy``. The proxy asks the KDCs of the realm in order, through
the KDC gateway, so that faults apply and the trace has the exchange. Status codes: 200 with the reply, 400 for a
request that cannot be read, 404 for another path, 405 for another method, 503 for a realm without a KDC that answers.
Source: MS-KKDCP sections 2.1 and 3.2.5; the codes of errors are those of latchset/kdcproxy.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence

from aiohttp import web

from ssosim.kerberos.der import DerError
from ssosim.kerberos.free_ports import Address
from ssosim.kerberos.gateway import KdcEndpoint, KdcGateway
from ssosim.kerberos.kdc_proxy_message import build_proxy_message, read_proxy_message
from ssosim.kerberos.messages import KdcRequest, read_message
from ssosim.lab.base.client_conf import KDC_PROXY_PATH

__all__ = ["KdcProxy"]

_CONTENT_TYPE = "application/kerberos"
_LARGEST = 128 * 1024


class KdcProxy:
    """A KDC proxy in front of ``kdcs``. ``client_of`` maps the addresses of a connection to the name of a client."""

    def __init__(
        self, gateway: KdcGateway, kdcs: Sequence[KdcEndpoint], client_of: Callable[[Address, Address], str]
    ) -> None:
        self._gateway = gateway
        self._kdcs = kdcs
        self._client_of = client_of
        self._runner: web.AppRunner | None = None

    async def start(self, listener: socket.socket, tls: ssl.SSLContext) -> None:
        """Serve on a listening socket; may be called for several."""
        if self._runner is None:
            application = web.Application(client_max_size=_LARGEST)
            application.router.add_route("*", KDC_PROXY_PATH, self._handle)
            self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
            await self._runner.setup()
        await web.SockSite(self._runner, listener, ssl_context=tls).start()

    async def stop(self) -> None:
        """Stop serving."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        if request.method != "POST":
            return web.Response(status=405, headers={"Allow": "POST"})
        try:
            message = read_proxy_message(await request.read())
        except DerError as error:
            return web.Response(status=400, text=f"no KDC-PROXY-MESSAGE: {error}")
        read = read_message(message.data)
        realm = message.realm or (read.realm if isinstance(read, KdcRequest) else "")
        client = self._client_of(*_addresses_of(request))
        for kdc in self._kdcs:
            if kdc.realm.lower() == realm.lower():
                reply = await self._gateway.ask_for_proxy(client, message.data, kdc)
                if reply is not None:
                    return web.Response(body=build_proxy_message(reply), content_type=_CONTENT_TYPE)
        return web.Response(status=503, text=f"no KDC of the realm {realm} answers")


def _addresses_of(request: web.Request) -> tuple[Address, Address]:
    transport = request.transport
    assert transport is not None  # noqa: S101 - the request is being answered
    remote, local = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
    return Address(*remote[:2]), Address(*local[:2])

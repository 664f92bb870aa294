"""Sends one query to one server over real sockets: UDP from a new port, then TCP if the answer was truncated."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from ssosim.dns.recursion.core import UpstreamQuery
from ssosim.dns.recursion.message import SentQuery, Truncated, build_query, read_response
from ssosim.dns.recursion.settings import ResolverSettings
from ssosim.dns.zones.answer import Answer

__all__ = ["Dial", "exchange"]

Dial = Callable[[str, int], tuple[str, int]]
"""(address, port) of a server in the zones -> (address, port) to send to."""

DNS_PORT = 53


async def exchange(query: UpstreamQuery, settings: ResolverSettings, dial: Dial, source: str | None) -> Answer | None:
    """Send the query and return the answer; None if none came within ``settings.timeout`` seconds.

    ``source`` is the local address to send from. Invalid and forged responses are ignored while waiting.
    """
    sent = build_query(query, settings)
    to = dial(query.server, DNS_PORT)
    local = None if source is None else (source, 0)
    try:
        async with asyncio.timeout(settings.timeout):
            answer = await over_udp(sent, to, local)
            return await over_tcp(sent, to, local) if isinstance(answer, Truncated) else answer
    except (TimeoutError, OSError):
        return None


async def over_udp(sent: SentQuery, to: tuple[str, int], local: tuple[str, int] | None) -> Answer | Truncated:
    """Send over UDP and wait for the first acceptable response. The kernel chooses a random port."""
    loop = asyncio.get_running_loop()
    waiter = ResponseWaiter(sent, loop.create_future())
    transport, _ = await loop.create_datagram_endpoint(lambda: waiter, local_addr=local, remote_addr=to)
    try:
        transport.sendto(sent.wire)
        return await waiter.response
    finally:
        transport.abort()
        waiter.response.cancel()


class ResponseWaiter(asyncio.DatagramProtocol):
    """Waits for the response to one query; ``remote_addr`` makes the kernel ignore other senders."""

    def __init__(self, sent: SentQuery, response: asyncio.Future[Answer | Truncated]) -> None:
        self.sent = sent
        self.response = response

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:  # noqa: ARG002 - asyncio's signature
        """Accept the datagram if it is the response."""
        answer = read_response(data, self.sent)
        if answer is not None and not self.response.done():
            self.response.set_result(answer)

    def error_received(self, exc: Exception) -> None:
        """Fail: no program listens on that port."""
        if not self.response.done():
            self.response.set_exception(exc)


async def over_tcp(sent: SentQuery, to: tuple[str, int], local: tuple[str, int] | None) -> Answer | None:
    """Send the same query over TCP; None for a response that is truncated over TCP too."""
    reader, writer = await asyncio.open_connection(*to, local_addr=local)
    try:
        writer.write(len(sent.wire).to_bytes(2, "big") + sent.wire)
        size = int.from_bytes(await reader.readexactly(2), "big")
        answer = read_response(await reader.readexactly(size), sent)
        return None if isinstance(answer, Truncated) else answer
    except asyncio.IncompleteReadError:
        return None
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

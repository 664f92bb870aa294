"""One query to one server over real sockets: UDP from a port of its own, TCP where the answer was cut."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from ssosim.dns.recursion.core import Ask
from ssosim.dns.recursion.message import Sent, Truncated, query_for, read_response
from ssosim.dns.recursion.settings import ResolverSettings
from ssosim.dns.zones.answer import Answer

__all__ = ["Dial", "exchange"]

Dial = Callable[[str, int], tuple[str, int]]
"""(address, port) as zones have them -> (address, port) to send to."""

DNS_PORT = 53


async def exchange(ask: Ask, settings: ResolverSettings, dial: Dial, source: str | None) -> Answer | None:
    """Ask, and return the answer; None when none came within ``settings.timeout`` seconds.

    ``source`` is the address to ask from. Noise and forgeries are passed over while waiting.
    """
    sent = query_for(ask, settings)
    to = dial(ask.server, DNS_PORT)
    local = None if source is None else (source, 0)
    try:
        async with asyncio.timeout(settings.timeout):
            answer = await over_udp(sent, to, local)
            return await over_tcp(sent, to, local) if isinstance(answer, Truncated) else answer
    except (TimeoutError, OSError):
        return None


async def over_udp(sent: Sent, to: tuple[str, int], local: tuple[str, int] | None) -> Answer | Truncated:
    """Send over UDP and wait for the first believable response. The kernel chooses a random port."""
    loop = asyncio.get_running_loop()
    waiting = Waiting(sent, loop.create_future())
    transport, _ = await loop.create_datagram_endpoint(lambda: waiting, local_addr=local, remote_addr=to)
    try:
        transport.sendto(sent.wire)
        return await waiting.found
    finally:
        transport.abort()
        waiting.found.cancel()


class Waiting(asyncio.DatagramProtocol):
    """Waits for the response to one query; ``remote_addr`` has the kernel pass over all other senders."""

    def __init__(self, sent: Sent, found: asyncio.Future[Answer | Truncated]) -> None:
        self.sent = sent
        self.found = found

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:  # noqa: ARG002 - asyncio's signature
        """Take it if it is the response."""
        answer = read_response(data, self.sent)
        if answer is not None and not self.found.done():
            self.found.set_result(answer)

    def error_received(self, exc: Exception) -> None:
        """Nothing listens there."""
        if not self.found.done():
            self.found.set_exception(exc)


async def over_tcp(sent: Sent, to: tuple[str, int], local: tuple[str, int] | None) -> Answer | None:
    """The same query over TCP; a response that is cut even there is no answer."""
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

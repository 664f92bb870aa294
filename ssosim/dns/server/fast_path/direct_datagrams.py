"""UDP sockets that are read directly, several datagrams at each wake-up, in batches where the machine can.

Measured 1.4 to 2.5 times as fast as asyncio's datagram transports, and not slower than uvloop's. Batches are twice as
fast again where replies are cached.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from ssosim.dns.server.datagrams import MAX_DATAGRAM
from ssosim.dns.server.fast_path.batched_io import BatchReader, Slots, is_supported
from ssosim.dns.server.fast_path.reply_cache import ReplyCache
from ssosim.dns.server.tcp import Peer, QueryHandler, Send

__all__ = ["DirectDatagrams", "start_reading"]

DATAGRAMS_PER_WAKE_UP = 64


class DirectDatagrams:
    """A UDP socket with a callback that processes the queries that have arrived."""

    def __init__(self, datagrams: socket.socket, read: Callable[[], None]) -> None:
        self._datagrams = datagrams
        asyncio.get_running_loop().add_reader(datagrams.fileno(), read)

    async def close(self) -> None:
        """Close the socket."""
        asyncio.get_running_loop().remove_reader(self._datagrams.fileno())
        self._datagrams.close()


def start_reading(
    datagrams: socket.socket,
    local: str,
    handle_query: QueryHandler,
    cache: ReplyCache | None,
    slots: dict[socket.AddressFamily, Slots],
) -> DirectDatagrams:
    """Pass every query at this socket to ``handle_query``, except those whose reply is in ``cache``.

    ``slots`` has the memory for batches by address family; sockets of one server share it.
    """
    send = make_sender(datagrams)
    if cache is None or not is_supported():
        return DirectDatagrams(datagrams, make_single_reader(datagrams, local, handle_query, send))
    memory = slots.get(datagrams.family)
    if memory is None:
        memory = slots[datagrams.family] = Slots(datagrams.family)
    return DirectDatagrams(datagrams, BatchReader(datagrams, local, memory, cache, (handle_query, send)).read)


def make_single_reader(
    datagrams: socket.socket, local: str, handle_query: QueryHandler, send: Send
) -> Callable[[], None]:
    """The callback that reads this socket one datagram at a time and passes each to ``handle_query``."""
    receive = datagrams.recvfrom

    def read() -> None:
        for _ in range(DATAGRAMS_PER_WAKE_UP):
            try:
                query, peer = receive(MAX_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:  # an ICMP error to an earlier answer: the client is gone, the socket is not
                continue
            handle_query(query, peer, local, "udp", send)

    return read


def make_sender(datagrams: socket.socket) -> Send:
    """The function that sends from this socket. It loses messages if the buffer is full or the client is gone."""
    send_to = datagrams.sendto

    def send(message: bytes, peer: Peer) -> None:
        try:
            send_to(message, peer)
        except OSError:
            return

    return send

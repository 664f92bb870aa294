"""Capture the packets that a filter accepts, for connections that no server of the lab sees.

Sources: packet(7), socket(7).
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import socket
import struct
from collections.abc import Callable, Sequence

__all__ = ["ETH_P_ALL", "ETH_P_IP", "ETH_P_IPV6", "PacketCapture", "RecentConnections"]

ETH_P_IP, ETH_P_IPV6 = 0x0800, 0x86DD
ETH_P_ALL = 3  # a socket for one protocol does not see packets that go out

_SO_ATTACH_FILTER = 26
_OCTETS = 128
_MOST_CONNECTIONS = 4096


class PacketCapture:
    """Calls ``examine`` in the event loop with the first 128 octets of each captured packet, from its IP header on.

    ``protocol`` is one of the ``ETH_P`` numbers. ``filter_program`` is classic BPF over the IP header: (code, jump if
    true, jump if false, operand).
    """

    def __init__(
        self,
        protocol: int,
        filter_program: Sequence[tuple[int, int, int, int]],
        examine: Callable[[bytes], None],
    ) -> None:
        self._protocol = protocol
        self._filter_program = filter_program
        self._examine = examine
        self._packets: socket.socket | None = None

    def start(self) -> None:
        """Start capturing packets. Raises OSError."""
        kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
        packets = socket.socket(socket.AF_PACKET, kind, socket.htons(self._protocol))
        self._attach_filter(packets)
        asyncio.get_running_loop().add_reader(packets.fileno(), self._read_packets)
        self._packets = packets

    def stop(self) -> None:
        """Stop capturing packets. May be called twice."""
        if self._packets is not None:
            asyncio.get_running_loop().remove_reader(self._packets.fileno())
            self._packets.close()
            self._packets = None

    def _attach_filter(self, packets: socket.socket) -> None:
        instructions = b"".join(struct.pack("HBBI", *each) for each in self._filter_program)
        program = ctypes.create_string_buffer(instructions)
        packets.setsockopt(
            socket.SOL_SOCKET,
            _SO_ATTACH_FILTER,
            struct.pack("HL", len(self._filter_program), ctypes.addressof(program)),
        )

    def _read_packets(self) -> None:
        assert self._packets is not None  # noqa: S101 - ``stop`` removes the reader
        with contextlib.suppress(BlockingIOError):
            while True:
                self._examine(self._packets.recv(_OCTETS))


class RecentConnections:
    """The newest 4096 connections, by addresses and ports: a SYN is sent again if nothing answers."""

    def __init__(self) -> None:
        self._seen: dict[bytes, None] = {}

    def __contains__(self, connection: bytes) -> bool:
        return connection in self._seen

    def add(self, connection: bytes) -> None:
        """Remember a connection."""
        self._seen[connection] = None
        if len(self._seen) > _MOST_CONNECTIONS:
            del self._seen[next(iter(self._seen))]

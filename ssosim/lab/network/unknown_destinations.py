"""Connections that programs try at addresses that are no host's: no server sees them, so the wire is looked at."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import dataclasses
import socket
import struct
from collections.abc import Iterable, Mapping
from ipaddress import IPv6Address, IPv6Network

from ssosim.lab.base.client_addresses import ClientAddresses
from ssosim.lab.network.misdirected_clients import MisdirectedClients, connection_to_another_host
from ssosim.trace import NO_FIRST_STEPS, FirstSteps, Trace, step_of_host

__all__ = ["UnknownDestinations"]

_ETH_P_IPV6 = 0x86DD
_SO_ATTACH_FILTER = 26
_HEADER = 40
_REMEMBERED = 4096
# Classic BPF over an IPv6 header: TCP, SYN without ACK. (code, jump if true, jump if false, operand)
_FILTER = (
    (0x30, 0, 0, 6),  # load the next header's number
    (0x15, 0, 4, 6),  # TCP?
    (0x30, 0, 0, _HEADER + 13),  # load the flags
    (0x54, 0, 0, 0x12),  # SYN and ACK of them
    (0x15, 0, 1, 0x02),  # SYN alone?
    (0x06, 0, 0, 0xFFFF),  # take it
    (0x06, 0, 0, 0),  # leave it
)


class UnknownDestinations:
    """Writes a failed connection for each first segment that goes where no host is, under the client's name.

    ``hosts`` are the addresses of the estate; at addresses in ``silent`` nobody answers, at all others another host
    does, at ``ports`` (for each, whether it has TLS). Sources: packet(7), socket(7).
    """

    def __init__(
        self,
        trace: Trace,
        attribution: ClientAddresses,
        hosts: Iterable[str],
        *,
        silent: IPv6Network,
        ports: Mapping[int, bool],
        first_steps: FirstSteps = NO_FIRST_STEPS,
    ) -> None:
        self._ports = ports
        self._trace = trace
        self._attribution = attribution
        self._hosts = {IPv6Address(host) for host in hosts if ":" in host}
        self._silent = silent
        self._first_steps = first_steps
        self._led = MisdirectedClients(trace, "AAAA", lambda address: IPv6Address(address) not in self._hosts)
        self._seen: dict[bytes, None] = {}
        self._wire: socket.socket | None = None

    def start(self) -> None:
        """Look at the wire from now on; raises OSError."""
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, socket.htons(_ETH_P_IPV6))
        _attach(wire)
        asyncio.get_running_loop().add_reader(wire.fileno(), self._look)
        self._wire = wire
        self._led.start()

    def stop(self) -> None:
        """Look no more."""
        self._led.stop()
        if self._wire is not None:
            asyncio.get_running_loop().remove_reader(self._wire.fileno())
            self._wire.close()
            self._wire = None

    def _look(self) -> None:
        assert self._wire is not None  # noqa: S101 - the reader goes with it
        with contextlib.suppress(BlockingIOError):
            while True:
                self._segment(self._wire.recv(128))

    def _segment(self, packet: bytes) -> None:
        to = IPv6Address(packet[24:40])
        once = packet[8:44]  # addresses and ports: a segment is sent again, and seen on its way in and out
        client = self._attribution.who(str(IPv6Address(packet[8:24])), "")
        if not client or to in self._hosts or once in self._seen:
            return
        self._seen[once] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        name = self._led.name(client, str(to))
        tls = self._ports.get(int.from_bytes(packet[42:44], "big"))
        met = connection_to_another_host(name, str(to), tls, step_of_host(self._first_steps, name))
        if to in self._silent:
            met = dataclasses.replace(met, stage="connect", reason="unreachable")
        self._trace.record(client, met)


def _attach(wire: socket.socket) -> None:
    instructions = b"".join(struct.pack("HBBI", *each) for each in _FILTER)
    held = ctypes.create_string_buffer(instructions)
    wire.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", len(_FILTER), ctypes.addressof(held)))

"""The IPv4 link-local network 169.254.0.0/16 of devices without an Instance Metadata Service: packets get no answer.

On a real laptop nothing answers at 169.254.169.254, and nothing refuses either. So each device has a route to the lab,
which discards these packets (a blackhole route discards them without an ICMP message where they come from a link).
Connection attempts are captured for the trace. Sources: RFC 3927, ip-route(8), packet(7).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from ssosim.lab.base.client_addresses import ClientAddresses
from ssosim.lab.base.ip_command import run_ip
from ssosim.lab.network.unknown_destinations import attach_filter
from ssosim.trace import ConnectionFailed, SignInStep, Trace

__all__ = ["LINK_LOCAL_NETWORK", "SilentLinkLocalNetwork"]

LINK_LOCAL_NETWORK = IPv4Network("169.254.0.0/16")

_METADATA_SERVICE = "169.254.169.254"
_ETH_P_IP = 0x0800
_MOST_CONNECTIONS = 4096
# Classic BPF over an IPv4 header: TCP to 169.254.0.0/16, SYN without ACK. (code, jump if true, jump if false, operand)
_FILTER = (
    (0x30, 0, 0, 9),  # load the protocol's number
    (0x15, 0, 7, 6),  # TCP?
    (0x28, 0, 0, 16),  # load the first half of the destination
    (0x15, 0, 5, 0xA9FE),  # 169.254?
    (0xB1, 0, 0, 0),  # load the length of the header
    (0x50, 0, 0, 13),  # load the TCP flags
    (0x54, 0, 0, 0x12),  # SYN and ACK of them
    (0x15, 0, 1, 0x02),  # SYN alone?
    (0x06, 0, 0, 0xFFFF),  # accept the packet
    (0x06, 0, 0, 0),  # drop the packet
)


class SilentLinkLocalNetwork:
    """Discards packets to the link-local network, and records each connection attempt of a program.

    ``hosts``: the addresses of the estate, which may be link-local ones.
    """

    def __init__(self, trace: Trace, client_addresses: ClientAddresses, hosts: Iterable[str]) -> None:
        self._trace = trace
        self._client_addresses = client_addresses
        self._hosts = set(hosts)
        self._seen: dict[bytes, None] = {}
        self._packets: socket.socket | None = None

    def start(self) -> None:
        """Start to discard and to capture packets. Raises LabError and OSError."""
        run_ip([f"route add blackhole {LINK_LOCAL_NETWORK}"])
        packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, socket.htons(_ETH_P_IP))
        attach_filter(packets, _FILTER)
        asyncio.get_running_loop().add_reader(packets.fileno(), self._read_packets)
        self._packets = packets

    def stop(self) -> None:
        """Stop capturing packets. May be called twice."""
        if self._packets is not None:
            asyncio.get_running_loop().remove_reader(self._packets.fileno())
            self._packets.close()
            self._packets = None

    def _read_packets(self) -> None:
        assert self._packets is not None  # noqa: S101 - ``stop`` removes the reader
        with contextlib.suppress(BlockingIOError):
            while True:
                self._examine(self._packets.recv(128))

    def _examine(self, packet: bytes) -> None:
        header = (packet[0] & 0x0F) * 4
        to = str(IPv4Address(packet[16:20]))
        connection = packet[12:20] + packet[header : header + 4]  # a SYN is sent again if nothing answers
        client = self._client_addresses.client_of(str(IPv4Address(packet[12:16])), "")
        if not client or to in self._hosts or connection in self._seen:
            return
        self._seen[connection] = None
        if len(self._seen) > _MOST_CONNECTIONS:
            del self._seen[next(iter(self._seen))]
        step = SignInStep.MANAGED_IDENTITY if to == _METADATA_SERVICE else SignInStep.UNKNOWN
        port = int.from_bytes(packet[header + 2 : header + 4], "big")
        event = ConnectionFailed(
            host="", address=to, stage="connect", reason="no answer", by="wire", step=step, port=port
        )
        self._trace.record(client, event)

"""The IPv4 link-local network 169.254.0.0/16 of devices without an Instance Metadata Service: packets get no answer.

On a real laptop nothing answers at 169.254.169.254, and nothing refuses either. So each device has a route to the lab,
which discards these packets (a blackhole route discards them without an ICMP message where they come from a link).
Connection attempts are captured for the trace. Sources: RFC 3927, ip-route(8), packet(7).
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from ssosim.lab.base.client_addresses import ClientAddresses
from ssosim.lab.base.ip_command import run_ip
from ssosim.lab.network.packet_capture import ETH_P_IP, PacketCapture, RecentConnections
from ssosim.trace import ConnectionFailed, SignInStep, Trace

__all__ = ["LINK_LOCAL_NETWORK", "SilentLinkLocalNetwork"]

LINK_LOCAL_NETWORK = IPv4Network("169.254.0.0/16")

_METADATA_SERVICE = "169.254.169.254"
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
        self._seen = RecentConnections()
        self._capture = PacketCapture(ETH_P_IP, _FILTER, self._examine)

    def start(self) -> None:
        """Start to discard and to capture packets. Raises LabError and OSError."""
        run_ip([f"route add blackhole {LINK_LOCAL_NETWORK}"])
        self._capture.start()

    def stop(self) -> None:
        """Stop capturing packets. May be called twice."""
        self._capture.stop()

    def _examine(self, packet: bytes) -> None:
        header = (packet[0] & 0x0F) * 4
        to = str(IPv4Address(packet[16:20]))
        connection = packet[12:20] + packet[header : header + 4]  # a SYN is sent again if nothing answers
        client = self._client_addresses.client_of(str(IPv4Address(packet[12:16])), "")
        if not client or to in self._hosts or connection in self._seen:
            return
        self._seen.add(connection)
        step = SignInStep.MANAGED_IDENTITY if to == _METADATA_SERVICE else SignInStep.UNKNOWN
        port = int.from_bytes(packet[header + 2 : header + 4], "big")
        event = ConnectionFailed(
            host="", address=to, stage="connect", reason="no answer", by="wire", step=step, port=port
        )
        self._trace.record(client, event)

"""Record connections to IPv6 addresses outside of the estate. No server sees them, so packets are captured instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv6Address, IPv6Network

import msgspec

from ssosim.lab.base.client_addresses import ClientAddresses
from ssosim.lab.network.misdirected_clients import MisdirectedClients, foreign_host_failure
from ssosim.lab.network.packet_capture import ETH_P_IPV6, PacketCapture, RecentConnections
from ssosim.trace import NO_FIRST_STEPS, FirstSteps, Trace, step_of_host

__all__ = ["UnknownDestinations"]

_HEADER = 40
# Classic BPF over an IPv6 header: TCP, SYN without ACK. (code, jump if true, jump if false, operand)
_FILTER = (
    (0x30, 0, 0, 6),  # load the next header's number
    (0x15, 0, 4, 6),  # TCP?
    (0x30, 0, 0, _HEADER + 13),  # load the flags
    (0x54, 0, 0, 0x12),  # SYN and ACK of them
    (0x15, 0, 1, 0x02),  # SYN alone?
    (0x06, 0, 0, 0xFFFF),  # accept the packet
    (0x06, 0, 0, 0),  # drop the packet
)


class UnknownDestinations:
    """Records a ``ConnectionFailed`` event for each TCP connection attempt to an address outside of the estate.

    ``hosts``: the addresses of the estate. ``silent``: a network where nothing answers. At all other addresses a
    foreign host listens on ``ports`` (for each, whether it has TLS). Sources: packet(7), socket(7).
    """

    def __init__(
        self,
        trace: Trace,
        client_addresses: ClientAddresses,
        hosts: Iterable[str],
        *,
        silent: IPv6Network,
        ports: Mapping[int, bool],
        first_steps: FirstSteps = NO_FIRST_STEPS,
    ) -> None:
        self._ports = ports
        self._trace = trace
        self._client_addresses = client_addresses
        self._hosts = {IPv6Address(host) for host in hosts if ":" in host}
        self._silent = silent
        self._first_steps = first_steps
        self._misdirected = MisdirectedClients(trace, "AAAA", lambda address: IPv6Address(address) not in self._hosts)
        self._seen = RecentConnections()
        self._capture = PacketCapture(ETH_P_IPV6, _FILTER, self._examine)

    def start(self) -> None:
        """Start capturing packets. Raises OSError."""
        self._capture.start()
        self._misdirected.start()

    def stop(self) -> None:
        """Stop capturing packets. May be called twice."""
        self._misdirected.stop()
        self._capture.stop()

    def find_name(self, client: str, address: str) -> str:
        """Return the last name that ``client`` resolved to ``address``; ``""`` if none is known."""
        return self._misdirected.find_name(client, address)

    def _examine(self, packet: bytes) -> None:
        to = IPv6Address(packet[24:40])
        connection = packet[8:44]  # addresses and ports: a SYN is captured twice, and sent again if nothing answers
        client = self._client_addresses.client_of(str(IPv6Address(packet[8:24])), "")
        if not client or to in self._hosts or connection in self._seen:
            return
        self._seen.add(connection)
        name = self._misdirected.find_name(client, str(to))
        tls = self._ports.get(int.from_bytes(packet[42:44], "big"))
        failed = foreign_host_failure(name, str(to), tls, step_of_host(self._first_steps, name))
        if to in self._silent:
            failed = msgspec.structs.replace(failed, stage="connect", reason="unreachable")
        self._trace.record(client, failed)

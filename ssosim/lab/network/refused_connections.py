"""Record TCP connections of programs that the kernel refuses, because nothing listens on the port.

No server sees such a connection, so packets are captured: the kernel answers a SYN to a port without a listener with
RST and ACK, and the sequence number 0 (RFC 9293, section 3.5.2). Sources: packet(7), socket(7).
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

from ssosim.lab.base.client_addresses import ClientAddresses
from ssosim.lab.network.packet_capture import ETH_P_ALL, PacketCapture
from ssosim.trace import NO_FIRST_STEPS, ConnectionFailed, DnsAnswered, FirstSteps, Trace, step_of_host

__all__ = ["RefusedConnections"]

_IPV4, _REFUSED, _MOST_RECORDS = 4, 0x14, 50_000
# Classic BPF over an IP header: TCP with RST and ACK, sequence number 0. (code, jump if true, jump if false, operand)
_FILTER = (
    (0x30, 0, 0, 0),  # load the version and the length of the header
    (0x15, 0, 7, 0x45),  # IPv4 without options?
    (0x30, 0, 0, 9),  # load the protocol
    (0x15, 0, 15, 6),  # TCP?
    (0x30, 0, 0, 33),  # load the flags
    (0x54, 0, 0, 0x17),  # ACK, RST, SYN and FIN of them
    (0x15, 0, 12, _REFUSED),  # RST and ACK?
    (0x20, 0, 0, 24),  # load the sequence number
    (0x15, 9, 10, 0),  # 0?
    (0x54, 0, 0, 0xF0),  # the version only
    (0x15, 0, 8, 0x60),  # IPv6?
    (0x30, 0, 0, 6),  # load the next header's number
    (0x15, 0, 6, 6),  # TCP?
    (0x30, 0, 0, 53),  # load the flags
    (0x54, 0, 0, 0x17),
    (0x15, 0, 3, _REFUSED),
    (0x20, 0, 0, 44),  # load the sequence number
    (0x15, 0, 1, 0),
    (0x06, 0, 0, 0xFFFF),  # accept the packet
    (0x06, 0, 0, 0),  # drop the packet
)


class RefusedConnections:
    """Records a ``ConnectionFailed`` event for each refused connection of a program, on any port of any address.

    Clients whose device records failed connections itself are left out. ``find_faults`` returns the numbers of the
    faults because of which nothing listens on a port of an address.
    """

    def __init__(
        self,
        trace: Trace,
        client_addresses: ClientAddresses,
        first_steps: FirstSteps = NO_FIRST_STEPS,
        find_faults: Callable[[str, int], tuple[int, ...]] = lambda _address, _port: (),
    ) -> None:
        self._trace = trace
        self._client_addresses = client_addresses
        self._first_steps = first_steps
        self._find_faults = find_faults
        self._capture = PacketCapture(ETH_P_ALL, _FILTER, self._examine)

    def start(self) -> None:
        """Start capturing packets. Raises OSError."""
        self._capture.start()

    def stop(self) -> None:
        """Stop capturing packets. May be called twice."""
        self._capture.stop()

    def _examine(self, packet: bytes) -> None:
        is_ipv4 = packet[0] >> 4 == _IPV4
        header = 20 if is_ipv4 else 40
        if len(packet) < header + 14 or packet[header + 13] & 0x17 != _REFUSED:
            return  # it came before the filter
        address: IPv4Address | IPv6Address
        client_address: IPv4Address | IPv6Address
        if is_ipv4:
            address, client_address = IPv4Address(packet[12:16]), IPv4Address(packet[16:20])
        else:
            address, client_address = IPv6Address(packet[8:24]), IPv6Address(packet[24:40])
        client = self._client_addresses.client_without_reports(str(client_address), str(address))
        if not client:
            return
        host = self._find_name(client, str(address))
        port = int.from_bytes(packet[header : header + 2], "big")
        event = ConnectionFailed(
            host=host,
            address=str(address),
            stage="connect",
            reason="refused",
            by="wire",
            step=step_of_host(self._first_steps, host),
            port=port,
            faults=self._find_faults(str(address), port),
        )
        self._trace.record(client, event)

    def _find_name(self, client: str, address: str) -> str:
        """Return the last name that ``client`` resolved to ``address``; empty if it is not in the last records."""
        wanted = {f"A {address}", f"AAAA {address}"}
        for _, record in zip(range(_MOST_RECORDS), reversed(self._trace), strict=False):
            event = record.event
            if record.client == client and isinstance(event, DnsAnswered) and not wanted.isdisjoint(event.answers):
                return event.name
        return ""

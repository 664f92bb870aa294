"""IPv4 hosts outside of the estate, for programs that a wrong DNS record directs to a foreign address.

The foreign hosts live in TEST-NET-3 (RFC 5737), the network that faults use for addresses of other organisations. A
foreign host starts to listen when the DNS server is about to send an answer with its address, so it is ready before the
client connects. It listens on the ports of the lab's services. Where those have TLS it presents a certificate for
another name. It reads the request of a client that sends one nevertheless, records the credentials in it, and closes
the connection. Wrong addresses in other networks are unreachable: connecting fails at
once.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network

from ssosim.exposure import ExposureFinder
from ssosim.lab.base.client_addresses import ClientAddresses
from ssosim.lab.base.ip_command import run_ip
from ssosim.lab.network.certificates import FOREIGN_HOST_NAME, LabCa
from ssosim.lab.network.foreign_requests import ForeignRequestReader, ForeignRequests
from ssosim.lab.network.misdirected_clients import MisdirectedClients, foreign_host_failure
from ssosim.trace import NO_FIRST_STEPS, FirstSteps, Trace, step_of_host

__all__ = ["FOREIGN_NETWORK", "ForeignIpv4Hosts"]

FOREIGN_NETWORK = IPv4Network("203.0.113.0/24")


class ForeignIpv4Hosts:
    """One foreign host at each address of ``FOREIGN_NETWORK`` that is not an address of the estate (``hosts``).

    ``ports``: the ports to listen on, and for each whether it has TLS. Each connection of a known client is recorded
    as a failed connection.
    """

    def __init__(
        self,
        ca: LabCa,
        trace: Trace,
        client_addresses: ClientAddresses,
        hosts: Iterable[str],
        ports: Mapping[int, bool],
        first_steps: FirstSteps = NO_FIRST_STEPS,
        exposures: Callable[[], ExposureFinder | None] = lambda: None,
    ) -> None:
        self._ports = ports
        self._ca = ca
        self._trace = trace
        self._client_addresses = client_addresses
        self._hosts = set(hosts)
        self._first_steps = first_steps
        self._listeners: dict[tuple[str, int], socket.socket] = {}
        self._misdirected = MisdirectedClients(trace, "A", self._is_foreign, self._listen_on_all_ports)
        self._requests = ForeignRequests(trace, client_addresses, exposures, self._misdirected.find_name)
        self._handshakes: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Route the foreign network to this namespace and observe DNS answers. Raises LabError."""
        run_ip([f"route add local {FOREIGN_NETWORK} dev lo"])
        self._misdirected.start()

    def stop(self) -> None:
        """Close all listeners and cancel open handshakes."""
        self._misdirected.stop()
        for listener in self._listeners.values():
            asyncio.get_running_loop().remove_reader(listener.fileno())
            listener.close()
        self._listeners.clear()
        for task in tuple(self._handshakes):
            task.cancel()

    def _is_foreign(self, address: str) -> bool:
        return address not in self._hosts and IPv4Address(address) in FOREIGN_NETWORK

    def _listen_on_all_ports(self, address: str) -> None:
        for port in self._ports:
            if (address, port) not in self._listeners:
                with contextlib.suppress(OSError):  # the port is in use: another part of the lab answers there
                    self._listen(address, port)

    def _listen(self, address: str, port: int) -> None:
        listener = socket.create_server((address, port))
        listener.setblocking(False)
        self._listeners[address, port] = listener
        asyncio.get_running_loop().add_reader(listener.fileno(), self._accept, address, port)

    def _accept(self, address: str, port: int) -> None:
        with contextlib.suppress(OSError):
            connection, peer = self._listeners[address, port].accept()
            client = self._client_addresses.client_of(peer[0], "")
            if client:
                name = self._misdirected.find_name(client, address)
                step = step_of_host(self._first_steps, name)
                self._trace.record(client, foreign_host_failure(name, address, self._ports[port], step))
            task = asyncio.get_running_loop().create_task(self._read_request(connection, tls=self._ports[port]))
            self._handshakes.add(task)
            task.add_done_callback(self._handshakes.discard)

    async def _read_request(self, connection: socket.socket, *, tls: bool) -> None:
        """Present the certificate, read a request if one comes, then close the connection."""
        connection.setblocking(False)
        context = self._ca.server_context([FOREIGN_HOST_NAME]) if tls else None
        report = self._requests.report_with(tls=tls)
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: ForeignRequestReader(report),
                connection,
                ssl=context,
                ssl_handshake_timeout=10.0 if tls else None,
            )

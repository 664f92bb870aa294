"""Other hosts at wrong IPv4 addresses: what a program meets that a wrong record leads astray.

The network is TEST-NET-3, which stands for others' hosts in faults. An impostor listens from the moment that an answer
leads to its address: the answer leaves after that. It listens where the lab's own services do, and shows a certificate
of its own where they have TLS; elsewhere it hangs up. Wrong addresses elsewhere are out of reach at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network

from ssosim.lab.base.client_addresses import ClientAddresses
from ssosim.lab.base.ip_command import run_ip
from ssosim.lab.network.certificates import FOREIGN_HOST, LabCa
from ssosim.lab.network.misdirected_clients import MisdirectedClients, connection_to_another_host
from ssosim.trace import NO_FIRST_STEPS, FirstSteps, Trace, step_of_host

__all__ = ["FOREIGN_HOSTS", "ForeignHosts"]

FOREIGN_HOSTS = IPv4Network("203.0.113.0/24")


class ForeignHosts:
    """Hosts with a certificate of their own at all addresses of ``FOREIGN_HOSTS`` that none of ``hosts`` has.

    ``ports`` says for each port whether it has TLS.
    """

    def __init__(
        self,
        ca: LabCa,
        trace: Trace,
        attribution: ClientAddresses,
        hosts: Iterable[str],
        ports: Mapping[int, bool],
        first_steps: FirstSteps = NO_FIRST_STEPS,
    ) -> None:
        self._ports = ports
        self._ca = ca
        self._trace = trace
        self._attribution = attribution
        self._hosts = set(hosts)
        self._first_steps = first_steps
        self._listening: dict[tuple[str, int], socket.socket] = {}
        self._led = MisdirectedClients(trace, "A", self._is_ours, self._appear)
        self._greeting: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """From now on; raises LabError."""
        run_ip([f"route add local {FOREIGN_HOSTS} dev lo"])
        self._led.start()

    def stop(self) -> None:
        """No more."""
        self._led.stop()
        for listener in self._listening.values():
            asyncio.get_running_loop().remove_reader(listener.fileno())
            listener.close()
        self._listening.clear()
        for task in tuple(self._greeting):
            task.cancel()

    def _is_ours(self, address: str) -> bool:
        return address not in self._hosts and IPv4Address(address) in FOREIGN_HOSTS

    def _appear(self, address: str) -> None:
        for port in self._ports:
            if (address, port) not in self._listening:
                with contextlib.suppress(OSError):  # the port is taken: then it is somebody's after all
                    self._listen(address, port)

    def _listen(self, address: str, port: int) -> None:
        listener = socket.create_server((address, port))
        listener.setblocking(False)
        self._listening[address, port] = listener
        asyncio.get_running_loop().add_reader(listener.fileno(), self._accept, address, port)

    def _accept(self, address: str, port: int) -> None:
        with contextlib.suppress(OSError):
            connection, peer = self._listening[address, port].accept()
            client = self._attribution.who(peer[0], "")
            if client:
                name = self._led.name(client, address)
                step = step_of_host(self._first_steps, name)
                self._trace.record(client, connection_to_another_host(name, address, self._ports[port], step))
            if not self._ports[port]:
                connection.close()
                return
            task = asyncio.get_running_loop().create_task(self._greet(connection))
            self._greeting.add(task)
            task.add_done_callback(self._greeting.discard)

    async def _greet(self, connection: socket.socket) -> None:
        """Show the certificate, and hang up."""
        connection.setblocking(False)
        tls = self._ca.server_context([FOREIGN_HOST])
        with contextlib.suppress(OSError):
            transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
                asyncio.Protocol, connection, ssl=tls, ssl_handshake_timeout=10.0
            )
            transport.close()

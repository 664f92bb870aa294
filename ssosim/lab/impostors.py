"""Other hosts at wrong IPv4 addresses: what a program meets that a wrong record leads astray.

The network is TEST-NET-3, which stands for others' hosts in faults. An impostor listens from the moment that an answer
leads to its address: the answer leaves after that. Wrong addresses elsewhere are out of reach at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network

from ssosim.lab.attribution import Attribution
from ssosim.lab.ip_command import run_ip
from ssosim.lab.tls import STRANGER, LabCa
from ssosim.trace import ConnectionFailed, DnsAnswered, Record, Trace

__all__ = ["IMPOSTORS", "Impostors"]

IMPOSTORS = IPv4Network("203.0.113.0/24")
_HTTPS_PORT = 443


class Impostors:
    """Hosts with a certificate of their own at all addresses of ``IMPOSTORS`` that none of ``hosts`` has."""

    def __init__(self, ca: LabCa, trace: Trace, attribution: Attribution, hosts: Iterable[str]) -> None:
        self._ca = ca
        self._trace = trace
        self._attribution = attribution
        self._hosts = set(hosts)
        self._listening: dict[str, socket.socket] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._greeting: set[asyncio.Task[None]] = set()
        self._stop: Callable[[], object] = lambda: None

    def start(self) -> None:
        """From now on; raises LabError."""
        run_ip([f"route add local {IMPOSTORS} dev lo"])
        self._stop = self._trace.subscribe(self._hear)

    def stop(self) -> None:
        """No more."""
        self._stop()
        for listener in self._listening.values():
            asyncio.get_running_loop().remove_reader(listener.fileno())
            listener.close()
        self._listening.clear()
        for task in tuple(self._greeting):
            task.cancel()

    def _hear(self, record: Record) -> None:
        if not isinstance(record.event, DnsAnswered) or record.event.type != "A":
            return
        for answer in record.event.answers:
            kind, _, address = answer.partition(" ")
            if kind == "A" and address not in self._hosts and IPv4Address(address) in IMPOSTORS:
                self._names[record.client, address] = record.event.name
                if address not in self._listening:
                    with contextlib.suppress(OSError):  # the port is taken: then it is somebody's after all
                        self._listen(address)

    def _listen(self, address: str) -> None:
        listener = socket.create_server((address, _HTTPS_PORT))
        listener.setblocking(False)
        self._listening[address] = listener
        asyncio.get_running_loop().add_reader(listener.fileno(), self._accept, address)

    def _accept(self, address: str) -> None:
        with contextlib.suppress(OSError):
            connection, peer = self._listening[address].accept()
            client = self._attribution.who(peer[0], "")
            if client:
                name = self._names.get((client, address), "")
                failed = ConnectionFailed(host=name, address=address, stage="tls", reason="bad-certificate", by="wire")
                self._trace.record(client, failed)
            task = asyncio.get_running_loop().create_task(self._greet(connection))
            self._greeting.add(task)
            task.add_done_callback(self._greeting.discard)

    async def _greet(self, connection: socket.socket) -> None:
        """Show the certificate, and hang up."""
        connection.setblocking(False)
        tls = self._ca.server_context([STRANGER])
        with contextlib.suppress(OSError):
            transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
                asyncio.Protocol, connection, ssl=tls, ssl_handshake_timeout=10.0
            )
            transport.close()

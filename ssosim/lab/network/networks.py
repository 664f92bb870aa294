"""The two networks of a lab: a private network namespace, or loopback.

In the private network every host of the estate has its own address and the standard ports (53, 88, 443). Every client
program has a network namespace of its own, joined by a veth pair, so that the source address of a request identifies
the client. Loopback mode is for tests and for client models in the lab's process: each lab takes an unused block of
127/8, and each host and each client an address in it. The kernel chooses the ports.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from ssosim.lab.base.errors import LabError
from ssosim.lab.base.ip_command import run_ip

__all__ = [
    "BACKENDS",
    "DEVICE_GATEWAY",
    "LoopbackNetwork",
    "Network",
    "PrivateNetwork",
    "device_link_commands",
    "link_name",
]

DEVICE_GATEWAY = "100.64.0.1"
_PROGRAM_DEVICES = "100.64"
_LAST_PROGRAM = 0xFFFE
_MODEL_DEVICES = "100.65"
_IPV4_ALIASES = "100.67"  # IPv4 addresses for hosts that have an IPv6 address
BACKENDS = "100.66.0.0/24"
"""The addresses of substitute backends; every device has a route to them."""
_CLAIM_PORT = 47_999
_MOST_HOSTS, _MOST_MODELS = 98, 150  # of the 254 addresses in a block


@dataclass(slots=True)
class PrivateNetwork:
    """The network namespace of a lab. Hosts have their own addresses and the standard ports."""

    _programs: int = 0
    _models: int = 0
    _backends: int = 0
    _ipv4_aliases: dict[str, tuple[str]] = field(default_factory=dict)
    in_namespace: bool = True

    def configure(self, addresses: Iterable[str]) -> None:
        """Bring the namespace's network up and add all ``addresses``. Raises LabError."""
        lines = ["link set lo up", f"addr add {DEVICE_GATEWAY}/32 dev lo", f"addr add {_MODEL_DEVICES}.0.0/16 dev lo"]
        for address in addresses:
            lines.append(f"addr add {address}/{128 if ':' in address else 32} dev lo")
            if ":" in address:
                lines.append(f"addr add {self._add_ipv4_alias(address)}/32 dev lo")
        lines.append(f"addr add {BACKENDS} dev lo")
        run_ip(lines)

    def _add_ipv4_alias(self, address: str) -> str:
        number = len(self._ipv4_aliases) + 1
        alias = f"{_IPV4_ALIASES}.{number >> 8}.{number & 255}"
        self._ipv4_aliases[address] = (alias,)
        return alias

    def local_endpoint(self, address: str, port: int) -> tuple[str, int]:
        """Return the address and port to bind for ``port`` of the host at ``address``: the same."""
        return address, port

    def local_endpoints(self, address: str, port: int) -> tuple[tuple[str, int], ...]:
        """Return all endpoints to bind for that host. The last one is IPv4; the lab's own parts connect to it."""
        return tuple((each, port) for each in (address, *self._ipv4_aliases.get(address, ())))

    def internal_endpoint(self, number: int = 0) -> tuple[str, int]:
        """Return the address and port of krb5kdc ``number``, which only the gateway connects to."""
        return "127.0.0.88", 8888 + number

    def allocate_model_address(self) -> str:
        """Return a new address for a client model."""
        self._models += 1
        return f"{_MODEL_DEVICES}.{self._models >> 8 & 255}.{self._models & 255}"

    def allocate_backend_address(self) -> str:
        """Return an address for a substitute backend."""
        self._backends = self._backends % 250 + 1
        return f"100.66.0.{self._backends}"

    def allocate_program_address(self) -> str:
        """Return a new address for a program's device. No address is used twice. Raises LabError when none is left."""
        number = self._programs + 257
        if number > _LAST_PROGRAM:  # the next addresses are the gateway's and the first program's
            raise LabError(f"{self._programs} programs have run in this lab, and no address is left: restart the lab")
        self._programs += 1
        return f"{_PROGRAM_DEVICES}.{number >> 8 & 255}.{number & 255}"


@dataclass(slots=True)
class LoopbackNetwork:
    """A block 127.x.y.0/24 that no other lab of this machine uses. A bound socket reserves it while the lab runs."""

    _block: str = ""
    _hosts: dict[str, str] = field(default_factory=dict)
    _models: int = 0
    _claim: socket.socket | None = None
    in_namespace: bool = False

    def configure(self, addresses: Iterable[str]) -> None:
        """Reserve a free block and assign an address in it to each of ``addresses``. Raises LabError."""
        hosts = list(addresses)
        if len(hosts) > _MOST_HOSTS:
            raise LabError(
                f"{len(hosts)} addresses, more than {_MOST_HOSTS} in a loopback lab; use the private network"
            )
        for _ in range(64):
            block = f"127.{random.randint(64, 254)}.{random.randint(0, 255)}"  # noqa: S311 - no secret
            claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                claim.bind((f"{block}.1", _CLAIM_PORT))
            except OSError:
                claim.close()
                continue
            self._block, self._claim = block, claim
            break
        else:
            raise LabError("no free loopback block was found; are hundreds of labs running?")
        self._hosts = {address: f"{self._block}.{number}" for number, address in enumerate(hosts, start=2)}

    def close(self) -> None:
        """Release the block."""
        if self._claim is not None:
            self._claim.close()

    def local_endpoint(self, address: str, port: int) -> tuple[str, int]:  # noqa: ARG002 - the port is the kernel's choice
        """Return the address and port to bind for the host at ``address``: its address in the block, any free port."""
        return self._hosts[address], 0

    def local_endpoints(self, address: str, port: int) -> tuple[tuple[str, int], ...]:
        """Return all endpoints to bind for that host: one."""
        return (self.local_endpoint(address, port),)

    def internal_endpoint(self, number: int = 0) -> tuple[str, int]:  # noqa: ARG002 - the kernel chooses the port
        """Return the address and port of krb5kdc ``number``, which only the gateway connects to."""
        return f"{self._block}.1", 0

    def allocate_model_address(self) -> str:
        """Return a new address for a client model. Raises LabError when the block is full."""
        self._models += 1
        if self._models > _MOST_MODELS:
            raise LabError(f"more than {_MOST_MODELS} client models in one loopback lab; use the private network")
        return f"{self._block}.{1 + _MOST_HOSTS + self._models}"

    def allocate_backend_address(self) -> str:
        """Return an address for a substitute backend."""
        return self.allocate_model_address()


Network = PrivateNetwork | LoopbackNetwork


def link_name(address: str) -> str:
    """Return the name of the lab's end of the link to the device at ``address``: unique, at most 15 characters."""
    return f"d{int(IPv4Address(address)):08x}"


def device_link_commands(address: str, pid: int) -> list[str]:
    """Return the ``ip`` commands, on the lab's side, that join the network namespace of ``pid`` as ``address``."""
    name = link_name(address)
    return [
        f"link add {name} type veth peer name eth0 netns {pid}",
        f"addr add {DEVICE_GATEWAY} peer {address} dev {name}",
        f"link set {name} up",
    ]

"""Where the hosts of the estate listen: at their real addresses in a private network, or on loopback.

In the private network every host has its own address and the standard ports (53, 88, 443), and every client program a
network namespace of its own behind a veth pair, so that the address of a request says who sent it. In loopback mode,
for tests and client models inside one process, each lab takes an unused block of 127/8 and each client an address in
it: the same rule, other addresses, ports of the kernel's choice.
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
_TWINS = "100.67"  # second addresses of hosts that have an IPv6 address
BACKENDS = "100.66.0.0/24"
"""Where backends that stand in for a while listen; every device has a route there."""
_CLAIM_PORT = 47_999
_MOST_HOSTS, _MOST_MODELS = 98, 150  # of the 254 places in a block


@dataclass(slots=True)
class PrivateNetwork:
    """The network namespace of a lab. ``listen`` gives the address and port to bind for a host's service."""

    _programs: int = 0
    _models: int = 0
    _backends: int = 0
    _twins: dict[str, tuple[str]] = field(default_factory=dict)
    in_namespace: bool = True

    def configure(self, addresses: Iterable[str]) -> None:
        """Bring the namespace's network up with all ``addresses``; raises LabError."""
        lines = ["link set lo up", f"addr add {DEVICE_GATEWAY}/32 dev lo", f"addr add {_MODEL_DEVICES}.0.0/16 dev lo"]
        for address in addresses:
            lines.append(f"addr add {address}/{128 if ':' in address else 32} dev lo")
            if ":" in address:
                lines.append(f"addr add {self._twin(address)}/32 dev lo")
        lines.append(f"addr add {BACKENDS} dev lo")
        run_ip(lines)

    def _twin(self, address: str) -> str:
        number = len(self._twins) + 1
        twin = f"{_TWINS}.{number >> 8}.{number & 255}"
        self._twins[address] = (twin,)
        return twin

    def listen(self, address: str, port: int) -> tuple[str, int]:
        """Where the host at ``address`` binds its service on ``port``: just there."""
        return address, port

    def places(self, address: str, port: int) -> tuple[tuple[str, int], ...]:
        """All places where that host is to listen; the last is what the lab's own parts dial, from IPv4 addresses."""
        return tuple((each, port) for each in (address, *self._twins.get(address, ())))

    def backstage(self) -> tuple[str, int]:
        """Where the KDC itself listens, behind the gateway."""
        return "127.0.0.88", 8888

    def model_address(self) -> str:
        """An address for the next client model."""
        self._models += 1
        return f"{_MODEL_DEVICES}.{self._models >> 8 & 255}.{self._models & 255}"

    def backend_address(self) -> str:
        """An address for the next backend that stands in for a host."""
        self._backends = self._backends % 250 + 1
        return f"100.66.0.{self._backends}"

    def program_address(self) -> str:
        """An address for the next program's device; never given twice in the life of a lab. Raises LabError."""
        number = self._programs + 257
        if number > _LAST_PROGRAM:  # the next would be the gateway's, and then the first program's
            raise LabError(f"{self._programs} programs have run in this lab, and no address is left: start it anew")
        self._programs += 1
        return f"{_PROGRAM_DEVICES}.{number >> 8 & 255}.{number & 255}"


@dataclass(slots=True)
class LoopbackNetwork:
    """A block 127.x.y.0/24 that no other lab of this machine uses, held by a bound socket while the lab runs."""

    _block: str = ""
    _hosts: dict[str, str] = field(default_factory=dict)
    _models: int = 0
    _claim: socket.socket | None = None
    in_namespace: bool = False

    def configure(self, addresses: Iterable[str]) -> None:
        """Claim a free block and give each of ``addresses`` a place in it; raises LabError."""
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
        """Give the block back."""
        if self._claim is not None:
            self._claim.close()

    def listen(self, address: str, port: int) -> tuple[str, int]:  # noqa: ARG002 - the port is the kernel's choice
        """Where the host at ``address`` binds its service: its place in the block, any free port."""
        return self._hosts[address], 0

    def places(self, address: str, port: int) -> tuple[tuple[str, int], ...]:
        """All places where that host is to listen: the one."""
        return (self.listen(address, port),)

    def backstage(self) -> tuple[str, int]:
        """Where the KDC itself listens, behind the gateway."""
        return f"{self._block}.1", 0

    def model_address(self) -> str:
        """An address for the next client model."""
        self._models += 1
        if self._models > _MOST_MODELS:
            raise LabError(f"more than {_MOST_MODELS} client models in one loopback lab; use the private network")
        return f"{self._block}.{1 + _MOST_HOSTS + self._models}"

    def backend_address(self) -> str:
        """An address for the next backend that stands in for a host."""
        return self.model_address()


Network = PrivateNetwork | LoopbackNetwork


def link_name(address: str) -> str:
    """The lab's end of the link to the device at ``address``: of 15 letters at most, another for every address."""
    return f"d{int(IPv4Address(address)):08x}"


def device_link_commands(address: str, pid: int) -> list[str]:
    """The ``ip`` commands, lab side, that join the network namespace of process ``pid`` as ``address``."""
    name = link_name(address)
    return [
        f"link add {name} type veth peer name eth0 netns {pid}",
        f"addr add {DEVICE_GATEWAY} peer {address} dev {name}",
        f"link set {name} up",
    ]

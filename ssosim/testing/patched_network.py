"""Name resolution and connections of a patched device: the lab's DNS and the lab's addresses, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import os
import socket
import ssl
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Literal

from ssosim_clients.ports import DnsFailure, Family, Resolution

from ssosim.faults.core.exchanges import is_nowhere
from ssosim.lab.base.socket_policy import AddressInfo, OutsideLabError, Resolve
from ssosim.lab.core.lab import Lab
from ssosim.lab.model_devices.stub_resolver import LabResolver
from ssosim.lab.network.misdirected_clients import foreign_host_failure
from ssosim.testing.lab_call import CallLab
from ssosim.trace import ConnectionFailed, step_of_host

__all__ = ["PatchedNetwork", "Refuse"]

Refuse = Callable[[str], OutsideLabError]
"""Notes that something was refused, and returns the error to raise."""

_DISCARD = 9  # a port where nobody listens
_IP_BIND_ADDRESS_NO_PORT = 24  # linux/in.h; the port is chosen when the socket connects
_ATTEMPTS = 2  # resolv.conf(5): options attempts
_ANSWER_FLAGS = socket.AI_CANONNAME | socket.AI_ADDRCONFIG | socket.AI_V4MAPPED | socket.AI_ALL
_LOCALHOST = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
_UNKNOWN = (socket.EAI_NONAME, "Name or service not known")
_NO_DATA = (socket.EAI_NODATA, "No address associated with hostname")
_AGAIN = (socket.EAI_AGAIN, "Temporary failure in name resolution")
_ERRORS = {"nxdomain": _UNKNOWN, "nodata": _NO_DATA}
"""The error of getaddrinfo for a failure of the DNS; all others are temporary. Source: glibc gai_strerror(3)."""


@dataclass(slots=True)
class PatchedNetwork:
    """The policy for the sockets of a patched device.

    ``own``: its address. ``foreign``: the endpoint of a host outside of the estate. ``allowed``: further destinations,
    as ``address`` or ``address:port``. ``timeout_s``: how long to wait for each DNS answer. ``is_open``: whether the
    block has not ended. ``tls_context`` trusts the CA of the lab only.
    """

    name: str
    lab: Lab
    call: CallLab
    refuse: Refuse
    own: str
    resolver: LabResolver
    foreign: tuple[str, int]
    tls_context: ssl.SSLContext
    ipv6: bool
    timeout_s: float
    canonicalize_host: Callable[[str], str]
    allowed: Collection[str] = ()
    is_open: Callable[[], bool] = lambda: True
    process: int = field(default_factory=os.getpid)
    names: dict[str, str] = field(default_factory=dict)

    def resolve(self, original: Resolve, host: object, port: object, *options: int) -> list[AddressInfo]:
        """Return what ``getaddrinfo`` returns, by the DNS of the lab. Raises gaierror and OutsideLabError."""
        __tracebackhide__ = True
        family, kind, protocol, flags = options
        self._check_use(f"the name {host!r}")
        if host is None:
            return original(host, port, family, kind, protocol, flags)
        name = host.decode("ascii") if isinstance(host, bytes | bytearray) else str(host).encode("idna").decode("ascii")
        if _is_address(name):
            return original(name, port, family, kind, protocol, flags & ~socket.AI_ADDRCONFIG | socket.AI_NUMERICHOST)
        if flags & socket.AI_NUMERICHOST or not name.strip("."):
            raise socket.gaierror(*_UNKNOWN)
        if _is_localhost(name):
            found = Resolution(name, name, tuple(a for f, a in _LOCALHOST.items() if family in (f, 0)))
        else:
            found = self.call(lambda _: self._look_up(name.rstrip("."), self._families(family, flags)))
            self.names.update(dict.fromkeys(found.addresses, name.rstrip(".").lower()))
        entries: list[AddressInfo] = []
        for address in found.addresses:
            numeric = flags & ~_ANSWER_FLAGS | socket.AI_NUMERICHOST
            entries += original(address, port, 0, kind, protocol, numeric)
        if flags & socket.AI_CANONNAME:
            entries[0] = (*entries[0][:3], found.canonical, entries[0][4])
        return entries

    def reverse(self, address: str) -> str:
        """Return the PTR name of ``address``, by the DNS of the lab. Raises socket.herror."""
        self._check_use(f"the name of {address}")
        if ipaddress.ip_address(address.partition("%")[0]).is_loopback:
            return "localhost"
        found = self.call(lambda _: self.resolver.reverse(address))
        if found is None:
            raise socket.herror(1, "Unknown host")
        return found

    def map_address(self, sock: socket.socket, address: object) -> object:
        """Return the local endpoint for ``address``, and bind ``sock`` to the address of the device.

        Raises OutsideLabError for an address that is not of the lab, and OSError where the device has no route.
        """
        __tracebackhide__ = True
        if not isinstance(address, tuple) or len(address) < 2:
            return address  # the original function raises the error
        host, port = str(address[0]), address[1]
        self._check_use(f"{host}:{port}")
        if not _is_address(host):
            host = str(socket.getaddrinfo(host, port, sock.family, sock.type)[0][4][0])
        if not isinstance(port, int):
            return address
        plain = _plain_address(host)
        if not self.allowed_to(plain, port):
            endpoint = self._endpoint(plain, port)
            self._bind(sock)
            return _as_family(sock, endpoint)
        return address

    def allowed_to(self, address: str, port: int) -> bool:
        """Whether the test allows this destination."""
        shown = f"[{address}]" if ":" in address else address
        return address in self.allowed or f"{shown}:{port}" in self.allowed

    def _endpoint(self, address: str, port: int) -> tuple[str, int]:
        """Return the local endpoint for ``port`` of ``address``, which has any of the lab's kinds."""
        __tracebackhide__ = True
        lab = self.lab
        if lab.is_endpoint(address, port):  # of this lab already: sso_lab.endpoint(host)
            return address, port
        of_estate = lab.is_served(address, port) or address in {host.address for host in lab.estate.hosts}
        if not of_estate and address not in self.names:
            raise self.refuse(
                f"{self.name} connects to {address} port {port}, which is not of the lab: no host of the estate has "
                "this address and no answer of the lab's DNS named it, so it would have left for a real network. "
                f'For a server of the test itself: sso_lab.device(..., allow=["{address}:{port}"])'
            )
        if ":" in address and not self.ipv6:
            self._record(address, "connect", "unreachable")
            raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
        if lab.is_served(address, port):
            return lab.endpoint(address, port)
        if of_estate or is_nowhere(address):
            self._record(address, "connect", "refused")
            return self.own, _DISCARD
        tls = lab.service_ports().get(port)
        name = self.names[address]
        failed = foreign_host_failure(name, address, tls, step_of_host(lab.first_steps, name))
        self._record(address, failed.stage, failed.reason)
        return (self.own, _DISCARD) if tls is None else self.foreign

    def _record(self, address: str, stage: Literal["connect", "tls", "read", "dns"], reason: str) -> None:
        """Record a failed connection, which no server sees."""
        name = self.names.get(address, "")
        step = step_of_host(self.lab.first_steps, name)
        event = ConnectionFailed(host=name, address=address, stage=stage, reason=reason, by="wire", step=step)

        async def record(lab: Lab) -> None:
            lab.trace.record(self.name, event)

        self.call(record)

    def _bind(self, sock: socket.socket) -> None:
        """Bind ``sock`` to the address of the device, by which the lab knows the client."""
        __tracebackhide__ = True
        mapped = f"::ffff:{self.own}" if sock.family is socket.AF_INET6 else self.own
        bound, port = sock.getsockname()[:2]
        if bound == mapped:
            return
        if port != 0:
            raise self.refuse(
                f"{self.name} bound a socket to {bound} before it connected; the device has the address {self.own} only"
            )
        if sock.family is socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((mapped, 0))

    def _families(self, family: int, flags: int) -> tuple[Family, ...]:
        """Return the families to look up, the preferred one first (RFC 6724)."""
        if family == socket.AF_INET:
            return ("ipv4",)
        if family == socket.AF_INET6:
            return ("ipv6",)
        if self.ipv6:
            return ("ipv6", "ipv4")
        return ("ipv4",) if flags & socket.AI_ADDRCONFIG else ("ipv4", "ipv6")

    async def _look_up(self, name: str, families: tuple[Family, ...]) -> Resolution:
        """Ask for all families at once, as glibc does. Raises gaierror if there is no address."""
        __tracebackhide__ = True
        found = await asyncio.gather(*(self._look_up_family(name, family) for family in families))
        good = [each for each in found if isinstance(each, Resolution)]
        if good:
            addresses = tuple(dict.fromkeys(address for each in good for address in each.addresses))
            return Resolution(name, good[0].canonical, addresses, good[0].chain)
        kinds = [each.kind for each in found if isinstance(each, DnsFailure)]
        temporary = [kind for kind in kinds if kind not in _ERRORS]
        raise socket.gaierror(*_ERRORS.get((temporary or kinds)[0], _AGAIN))

    async def _look_up_family(self, name: str, family: Family) -> Resolution | DnsFailure:
        for attempt in range(_ATTEMPTS):
            try:
                async with asyncio.timeout(self.timeout_s):
                    return await self.resolver.resolve(name, family)
            except DnsFailure as failure:
                if failure.kind != "timeout" or attempt == _ATTEMPTS - 1:
                    return failure
            except TimeoutError:
                continue
        return DnsFailure("timeout", name)

    def _check_use(self, what: str) -> None:
        """Raise OutsideLabError where the device cannot be used: after its block, or in a child process."""
        __tracebackhide__ = True
        if os.getpid() != self.process:
            raise OutsideLabError(
                f"a child process of the block of {self.name!r} asks for {what}: only this process and its threads "
                "are in the block; run a program with: ssosim exec"
            )
        if not self.is_open():
            raise self.refuse(
                f"{self.name} asks for {what} after the end of its block: a thread or a task that was started in the "
                "block still runs; wait for it within the block"
            )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return _is_old_form(host)
    return True


def _is_old_form(host: str) -> bool:
    """Whether ``host`` is an IPv4 address in another form, such as 127.1, which getaddrinfo accepts (inet_aton)."""
    if not host or not host[0].isdigit() or not set(host.lower()) <= set("0123456789abcdefx."):
        return False
    try:
        socket.inet_aton(host)
    except OSError:
        return False
    return True


def _plain_address(host: str) -> str:
    """Return ``host`` in its usual form; an IPv4-mapped address as IPv4."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return socket.inet_ntoa(socket.inet_aton(host))
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _as_family(sock: socket.socket, endpoint: tuple[str, int]) -> tuple[object, ...]:
    """Return ``endpoint``, which is IPv4, for a socket of either family."""
    host, port = endpoint
    return (f"::ffff:{host}", port, 0, 0) if sock.family is socket.AF_INET6 else endpoint


def _is_localhost(name: str) -> bool:
    lower = name.rstrip(".").lower()
    return lower == "localhost" or lower.endswith(".localhost")  # RFC 6761, section 6.3

"""IPv6 for the devices of programs: addresses, routes, and the hosts at addresses outside of the estate.

A dual-stack device has a route to the documentation prefix 2001:db8::/32 (RFC 3849), which holds all IPv6 addresses of
estates and faults. At an address of that prefix that no host of the estate has, a foreign host answers, with a
certificate for another name. Packets to the discard prefix 100::/64 (RFC 6666) get no answer. The device's address and
the hosts' addresses have the same label in the policy table of RFC 6724, so that clients prefer IPv6.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from pathlib import Path

from ssosim.exposure import ExposureFinder
from ssosim.lab.base.client_addresses import ClientAddresses
from ssosim.lab.base.errors import LabError
from ssosim.lab.base.ip_command import run_ip
from ssosim.lab.network.certificates import LabCa
from ssosim.lab.network.foreign_requests import ForeignRequests
from ssosim.lab.network.service_faults import ForeignHost
from ssosim.lab.network.unknown_destinations import UnknownDestinations
from ssosim.trace import NO_FIRST_STEPS, FirstSteps, Trace

__all__ = ["ForeignIpv6Hosts", "device_ipv6_address", "device_ipv6_commands", "link_ipv6_commands", "link_up_commands"]

_GATEWAY = "2001:db8:64::1"
_PREFIX = IPv6Network("2001:db8::/32")
_DISCARD_PREFIX = IPv6Network("100::/64")
_IPV6_ADDRESSES = Path("/proc/net/if_inet6")


def device_ipv6_address(address: str) -> str:
    """Return the IPv6 address of the device with the IPv4 address ``address``; it is unique in the lab."""
    number = int(IPv4Address(address)) & 0xFFFF
    return str(IPv6Address(int(IPv6Address(_GATEWAY)) & ~0xFFFF | number >> 8 << 16 | number & 0xFF))


def link_ipv6_commands(address: str, link: str) -> list[str]:
    """Return the ``ip`` commands, on the lab's side, for the device ``address`` at the other end of ``link``."""
    return [f"addr add {_GATEWAY}/128 dev {link} nodad", f"route add {address} dev {link}"]


def device_ipv6_commands(address: str, hosts: Iterable[str], unreachable: Iterable[str]) -> list[str]:
    """Return the ``ip`` commands, on the device's side, that route to ``hosts`` and to nothing outside of the lab.

    Hosts in ``unreachable`` get an unreachable route: connecting to them fails at once.
    """
    other_hosts = [host for host in hosts if IPv6Address(host) not in _PREFIX]
    return [
        f"addr add {address}/128 dev eth0 nodad",
        f"route add {_GATEWAY} dev eth0",
        *(f"route add {to} via {_GATEWAY}" for to in (_PREFIX, _DISCARD_PREFIX, *other_hosts)),
        *(f"route add unreachable {host}" for host in unreachable),
    ]


def link_up_commands(address: str) -> list[str]:
    """Return the ``ip`` commands, on the device's side, that bring up the link of the device with IPv4 ``address``.

    They set the link-local address without duplicate address detection (RFC 4862). The detection takes one to two
    seconds; at its end, programs that watch the network see a change (Chromium: ERR_NETWORK_CHANGED).
    """
    if not _IPV6_ADDRESSES.exists():
        return ["link set eth0 up"]
    link_local = IPv6Address(int(IPv6Address("fe80::")) | int(IPv6Address(device_ipv6_address(address))) & 0xFFFF_FFFF)
    return ["link set eth0 addrgenmode none", "link set eth0 up", f"addr add {link_local}/64 dev eth0 nodad"]


class ForeignIpv6Hosts:
    """The foreign hosts at all IPv6 addresses outside of the estate. They start with the first dual-stack device.

    ``ports``: the ports that a foreign host listens on, and for each whether it has TLS.
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
        requests = ForeignRequests(trace, client_addresses, exposures)
        self._foreign_hosts = {
            port: ForeignHost(ca if tls else None, requests.report_with(tls=tls)) for port, tls in ports.items()
        }
        self._unknown_destinations = UnknownDestinations(
            trace, client_addresses, hosts, silent=_DISCARD_PREFIX, ports=ports, first_steps=first_steps
        )
        requests.find_name = self._unknown_destinations.find_name
        self._started: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the foreign hosts, unless they run. Raises LabError where the machine's kernel has no IPv6."""
        if self._started is None:
            self._started = asyncio.create_task(self._start())
        await asyncio.shield(self._started)

    async def stop(self) -> None:
        """Stop the foreign hosts."""
        if self._started is not None:
            self._unknown_destinations.stop()
            for foreign_host in self._foreign_hosts.values():
                await foreign_host.stop()

    async def _start(self) -> None:
        if not _IPV6_ADDRESSES.exists():  # noqa: ASYNC240 - proc(5) is in memory
            raise LabError(
                "this machine's kernel has no IPv6, which the device needs: enable it, or use a device without IPv6"
            )
        run_ip([f"route add local {_PREFIX} dev lo table main"])
        for port, foreign_host in self._foreign_hosts.items():
            listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.setsockopt(
                socket.SOL_SOCKET, socket.SO_REUSEPORT, 1
            )  # shares the port with the estate's hosts; the kernel prefers their specific addresses
            listener.bind(("::", port))
            await foreign_host.start(listener)
        self._unknown_destinations.start()

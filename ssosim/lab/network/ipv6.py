"""IPv6 on the devices of programs: addresses, routes, and what is met at an address that is no host's.

A dual-stack device has a route to the documentation prefix, in which everything lives that an estate or a fault names:
where no host of the estate is, another host answers, with a certificate of its own. RFC 6666's discard prefix leads
nowhere, in silence. Source and destination have the same label in RFC 6724's table, so that IPv6 is preferred.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from pathlib import Path

from ssosim.lab.base.client_addresses import ClientAddresses
from ssosim.lab.base.errors import LabError
from ssosim.lab.base.ip_command import run_ip
from ssosim.lab.network.certificates import LabCa
from ssosim.lab.network.service_faults import ForeignHost
from ssosim.lab.network.unknown_destinations import UnknownDestinations
from ssosim.trace import NO_FIRST_STEPS, FirstSteps, Trace

__all__ = ["Elsewhere", "device_commands", "device_ipv6", "link_commands", "link_up"]

_GATEWAY = "2001:db8:64::1"
_PREFIX = IPv6Network("2001:db8::/32")
_NOWHERE = IPv6Network("100::/64")
_IN_KERNEL = Path("/proc/net/if_inet6")


def device_ipv6(address: str) -> str:
    """The IPv6 address of the device whose IPv4 address is ``address``; no two have the same."""
    number = int(IPv4Address(address)) & 0xFFFF
    return str(IPv6Address(int(IPv6Address(_GATEWAY)) & ~0xFFFF | number >> 8 << 16 | number & 0xFF))


def link_commands(address: str, link: str) -> list[str]:
    """The ``ip`` commands, lab side, for the device that has ``address`` at the other end of ``link``."""
    return [f"addr add {_GATEWAY}/128 dev {link} nodad", f"route add {address} dev {link}"]


def device_commands(address: str, hosts: Iterable[str], away: Iterable[str]) -> list[str]:
    """The ``ip`` commands, device side: reach ``hosts``, but not those ``away``, and nothing outside of the lab."""
    further = [host for host in hosts if IPv6Address(host) not in _PREFIX]
    return [
        f"addr add {address}/128 dev eth0 nodad",
        f"route add {_GATEWAY} dev eth0",
        *(f"route add {to} via {_GATEWAY}" for to in (_PREFIX, _NOWHERE, *further)),
        *(f"route add unreachable {host}" for host in away),
    ]


def link_up(address: str) -> list[str]:
    """The ``ip`` commands, device side, that bring the link of the device with the IPv4 ``address`` up.

    Its link-local address is there at once: RFC 4862's look for duplicates takes a second or two, at whose end programs
    that watch their network see it change (Chromium: ERR_NETWORK_CHANGED).
    """
    if not _IN_KERNEL.exists():
        return ["link set eth0 up"]
    own = IPv6Address(int(IPv6Address("fe80::")) | int(IPv6Address(device_ipv6(address))) & 0xFFFF_FFFF)
    return ["link set eth0 addrgenmode none", "link set eth0 up", f"addr add {own}/64 dev eth0 nodad"]


class Elsewhere:
    """What dual-stack devices meet where no host of the estate is. It is there from the first such device on.

    ``ports``: where another host listens, and whether with TLS.
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
        self._strangers = {port: ForeignHost(ca if tls else None) for port, tls in ports.items()}
        self._strays = UnknownDestinations(
            trace, attribution, hosts, silent=_NOWHERE, ports=ports, first_steps=first_steps
        )
        self._started: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin, unless that is done; raises LabError where the machine has no IPv6."""
        if self._started is None:
            self._started = asyncio.create_task(self._start())
        await asyncio.shield(self._started)

    async def stop(self) -> None:
        """End."""
        if self._started is not None:
            self._strays.stop()
            for stranger in self._strangers.values():
                await stranger.stop()

    async def _start(self) -> None:
        if not _IN_KERNEL.exists():  # noqa: ASYNC240 - a file on no disk
            raise LabError("this machine's kernel has no IPv6, which the device is to have: enable it, or do without")
        run_ip([f"route add local {_PREFIX} dev lo table main"])
        for port, stranger in self._strangers.items():
            listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # beside those of hosts, which come first
            listener.bind(("::", port))
            await stranger.start(listener)
        self._strays.start()

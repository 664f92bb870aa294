"""Find a free address and port for the KDC or the gateway.

krb5kdc sets SO_REUSEADDR on its UDP sockets. So two KDCs on one port both start, and each gets some of the other's
requests, without an error. A port is therefore chosen on a random loopback address, and checked again after krb5kdc has
bound it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "Address",
    "bind_pair",
    "find_free_address",
    "list_socket_inodes",
    "list_udp_inodes",
    "pick_loopback_address",
]

ATTEMPTS = 50


class Address(NamedTuple):
    """An IP address and a port, the same port for UDP and TCP."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def pick_loopback_address() -> str:
    """A random address in 127.0.0.0/8, outside 127.0.x.y, which local services of the machine use."""
    return f"127.{1 + secrets.randbelow(254)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"


def bind_pair(host: str | None, port: int) -> tuple[socket.socket, socket.socket]:
    """Bind a UDP and a TCP socket to the same address and port. The caller has to close both.

    ``host`` None chooses a random loopback address; port 0 chooses a free port. Raises OSError if the address is not an
    address of this machine, or the port is in use or privileged.
    """
    tries = 1 if host is not None and port else ATTEMPTS
    for attempt in range(1, tries + 1):
        address = host or pick_loopback_address()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        udp = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        tcp = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            udp.bind((address, port))
            # Connections in TIME_WAIT must not prevent a restart on a fixed port. A listener still does.
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tcp.bind((address, udp.getsockname()[1]))
            tcp.listen(128)
        except OSError:
            udp.close()
            tcp.close()
            if attempt == tries:
                raise
            continue
        return udp, tcp
    raise AssertionError


def find_free_address(host: str | None, port: int) -> Address:
    """An address that is free for UDP and TCP at this moment. Arguments and errors: see ``bind_pair``."""
    udp, tcp = bind_pair(host, port)
    with udp, tcp:
        return Address(*udp.getsockname())


def list_udp_inodes(address: Address) -> set[int]:
    """Inodes of the UDP sockets bound to ``address`` in this network namespace. Source: Linux ``/proc/net/udp``."""
    packed = int.from_bytes(socket.inet_aton(address.host), "little")
    wanted = f"{packed:08X}:{address.port:04X}"
    lines = Path("/proc/thread-self/net/udp").read_text(encoding="ascii").splitlines()[1:]
    rows = (line.split() for line in lines)
    return {int(row[9]) for row in rows if row[1] == wanted}


def list_socket_inodes(pid: int) -> Iterator[int]:
    """Inodes of the open sockets of process ``pid``; none if the process has ended."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                target = str(Path(entry.path).readlink())
                if target.startswith("socket:["):
                    yield int(target[8:-1])

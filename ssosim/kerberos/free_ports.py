"""Addresses on which nobody else listens.

krb5kdc sets SO_REUSEADDR on its UDP sockets, so two KDCs on one port both start and steal each other's requests
without an error. A port is therefore picked on a random loopback address, and checked again once krb5kdc holds it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Address", "bind_pair", "free_address", "random_loopback", "sockets_of", "udp_holders"]

ATTEMPTS = 50


class Address(NamedTuple):
    """An IP address and a port, the same port for UDP and TCP."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def random_loopback() -> str:
    """A random address in 127.0.0.0/8, away from 127.0.x.y where machines keep services of their own."""
    return f"127.{1 + secrets.randbelow(254)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"


def bind_pair(host: str | None, port: int) -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket bound to one address; the caller owns both.

    Without ``host`` a random loopback address is taken, with port 0 a free port. Raises OSError: the address is not
    this machine's, or the port is taken or privileged.
    """
    tries = 1 if host is not None and port else ATTEMPTS
    for attempt in range(1, tries + 1):
        address = host or random_loopback()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        udp = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        tcp = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            udp.bind((address, port))
            # Connections that are closing must not block a restart on a fixed port; a listener still does.
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


def free_address(host: str | None, port: int) -> Address:
    """An address that is free for UDP and TCP at this moment; arguments and errors as for ``bind_pair``."""
    udp, tcp = bind_pair(host, port)
    with udp, tcp:
        return Address(*udp.getsockname())


def udp_holders(address: Address) -> set[int]:
    """Inodes of the UDP sockets bound to exactly ``address`` in this network namespace (Linux ``/proc/net/udp``)."""
    packed = int.from_bytes(socket.inet_aton(address.host), "little")
    wanted = f"{packed:08X}:{address.port:04X}"
    lines = Path("/proc/thread-self/net/udp").read_text(encoding="ascii").splitlines()[1:]
    rows = (line.split() for line in lines)
    return {int(row[9]) for row in rows if row[1] == wanted}


def sockets_of(pid: int) -> Iterator[int]:
    """Inodes of the sockets that process ``pid`` holds; nothing if it is gone."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                target = str(Path(entry.path).readlink())
                if target.startswith("socket:["):
                    yield int(target[8:-1])

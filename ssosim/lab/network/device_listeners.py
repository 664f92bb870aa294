"""Listening sockets in the network namespace of a device. Only programs on that device can reach them."""

from __future__ import annotations

import os
import socket
import threading

from ssosim.lab.base import linux
from ssosim.lab.base.errors import LabError

__all__ = ["open_device_listener"]

_BACKLOG = 128
_IP_FREEBIND = 15  # ip(7): the address may be added to the device later


def open_device_listener(pid: int, address: str, port: int) -> socket.socket:
    """Return a socket that listens on ``address`` and ``port`` in the network namespace of process ``pid``.

    A socket stays in the network where it was opened. So a thread that ends afterwards joins the device's network; the
    lab's other threads stay in the lab's. Raises LabError. Sources: setns(2), network_namespaces(7).
    """
    opened: list[socket.socket] = []
    failed: list[OSError] = []

    def open_inside() -> None:
        try:
            namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            try:
                linux.setns(namespace, linux.CLONE_NEWNET)
            finally:
                os.close(namespace)
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_IP, _IP_FREEBIND, 1)
            listener.bind((address, port))
            listener.listen(_BACKLOG)
            listener.setblocking(False)
            opened.append(listener)
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=open_inside, name="device-listener")
    thread.start()
    thread.join()
    if failed:
        raise LabError(f"the device's port {port} of {address} cannot be opened: {failed[0].strerror}")
    return opened[0]

"""Refuse sockets that the ``sign_in(device)`` of a client model opens by itself.

A model may use the ports of its device only. A socket of its own would leave the lab for a real network, and the judge
would not see it. The ports themselves are ``code_of_lab``.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import socket
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, ParamSpec, TypeVar

from ssosim.lab.base.socket_policy import AddressInfo, OutsideLabError, Resolve, applied, install, unrestricted

__all__ = ["code_of_lab", "refuse_own_sockets"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


@contextlib.contextmanager
def refuse_own_sockets(client: str) -> Iterator[list[OutsideLabError]]:
    """Refuse sockets to the code in the block. Raises OutsideLabError, at the end of the block if it was caught in it.

    The function that opens a socket gets the error at once. Yields the list of all errors, for a caller whose block may
    be cancelled.
    """
    policy = _NoSockets(client)
    try:
        with install(), applied(policy):
            yield policy.refused
    except OutsideLabError:
        raise
    except Exception as error:
        if policy.refused:
            raise policy.refused[0] from error
        raise
    if policy.refused:
        raise policy.refused[0]


def code_of_lab(function: Callable[_P, Coroutine[Any, Any, _T]]) -> Callable[_P, Coroutine[Any, Any, _T]]:
    """Decorate an async function of a device that opens sockets for a model."""

    @functools.wraps(function)
    async def call(*arguments: _P.args, **named: _P.kwargs) -> _T:
        with unrestricted():
            return await function(*arguments, **named)

    return call


class _NoSockets:
    """The policy that refuses every destination; a number in place of a name is resolved."""

    def __init__(self, client: str) -> None:
        self._client = client
        self.refused: list[OutsideLabError] = []

    def resolve(self, original: Resolve, host: object, port: object, *options: int) -> list[AddressInfo]:
        """Resolve an address. Raises OutsideLabError for a name."""
        with contextlib.suppress(ValueError):
            if host is None or ipaddress.ip_address(str(host).partition("%")[0]):
                return original(host, port, *options)
        raise self._refuse(f"resolves the name {host!r}")

    def reverse(self, address: str) -> str:
        """Raise OutsideLabError."""
        raise self._refuse(f"asks for the name of {address}")

    def map_address(self, sock: socket.socket, address: Any) -> Any:  # noqa: ARG002 - a method of the protocol
        """Raise OutsideLabError."""
        to = f"{address[0]} port {address[1]}" if isinstance(address, tuple) and len(address) > 1 else repr(address)
        raise self._refuse(f"connects to {to}")

    def _refuse(self, what: str) -> OutsideLabError:
        error = OutsideLabError(
            f"the client {self._client!r} {what} with a socket of its own: sign_in(device) may use the ports of its "
            "device only (device.http, device.resolver, device.kerberos), since all else leaves the lab. Code with "
            f"requests, httpx or aiohttp is tested in a block: with sso_lab.device(name={self._client!r}): ..."
        )
        if not self.refused:  # a model may try for hours
            self.refused.append(error)
        return error

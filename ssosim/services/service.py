"""A service at a host, as a value: names, address, port, TLS or plain, key table, and the application that answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # the identity provider's modules take a quarter of a second to import
    from ssosim.entra import Call, HttpReply, Provider, TicketAcceptor
    from ssosim.estate import Estate

__all__ = ["Application", "KeyTable", "Service", "ServiceContext", "ServiceDefinition"]


class Application(Protocol):
    """What answers: a pure function of the request, and of what the context of the service gave it at its start.

    The routes of an application, and the step of a sign-in that each of them is, are its own.
    """

    def handle(self, call: Call) -> HttpReply:
        """Answer one request. What an application wants in the trace goes into ``call.trace_buffer``."""
        ...


@dataclass(frozen=True, slots=True)
class KeyTable:
    """The service principal names whose keys a service holds, such as ``HTTP/web.corp.contoso.com``.

    ``account``: all are SPNs of the realm's account of this name and share its keys; without it each has its own.
    """

    spns: tuple[str, ...]
    account: str = ""


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """What an application may use: ``provider`` has estate, clock and signing keys.

    ``tickets`` judges Negotiate tokens with the service's key table; None where it has none.
    """

    service: Service
    provider: Provider
    tickets: TicketAcceptor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service. ``name`` is the registered one, which the hosts of an estate file list.

    ``dns_names`` are the names that it answers for: they are in its certificate (with ``tls``), and where an estate has
    no records for the names of another package's service, they lead to the hosts that run it. ``address`` and ``port``
    are where it listens; the address comes from the host, whose entry may also say another port. ``keys``: its key
    table; the KDC knows these principals. ``application`` makes what answers, once for a lab; without one it is a part
    of the lab itself (DNS, KDC).
    """

    name: str
    dns_names: tuple[str, ...] = ()
    address: str = ""
    port: int = 443
    tls: bool = True
    keys: KeyTable | None = None
    application: Callable[[ServiceContext], Application] | None = None

    @property
    def scheme(self) -> str:
        """``https`` or ``http``."""
        return "https" if self.tls else "http"

    def url(self, path: str = "/") -> str:
        """The URL of ``path`` under the service's first name."""
        usual = self.port == (443 if self.tls else 80)
        return f"{self.scheme}://{self.dns_names[0]}{'' if usual else f':{self.port}'}{path}"


ServiceDefinition = Service | Callable[["Estate"], Iterable[Service]]
"""What is registered: a service without an address, or what makes those that an estate describes."""

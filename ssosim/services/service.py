"""A service at a host as a value: names, address, port, TLS or plain, key table, and its application."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # the identity provider's modules take a quarter of a second to import
    from ssosim.entra import Call, HttpReply, Provider, TicketAcceptor
    from ssosim.estate import Estate

__all__ = ["Application", "KeyTable", "Service", "ServiceContext", "ServiceDefinition"]


class Application(Protocol):
    """Handles the calls to a service. The reply depends on the call and on the context that it got at its start.

    An application has its own routes.
    """

    def handle(self, call: Call) -> HttpReply:
        """Answer one request. Events for the trace are appended to ``call.trace_buffer``."""
        ...


@dataclass(frozen=True, slots=True)
class KeyTable:
    """The service principal names whose keys a service has, such as ``HTTP/web.corp.contoso.com``.

    ``account``: the account of the realm to which all these SPNs belong; they share its keys. Without an account each
    SPN has its own keys.
    """

    spns: tuple[str, ...]
    account: str = ""


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """The objects that an application may use: ``provider`` has the estate, the clock and the signing keys.

    ``tickets`` checks Negotiate tokens with the service's key table; None if the service has no key table.
    """

    service: Service
    provider: Provider
    tickets: TicketAcceptor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service. ``name`` is its registered name, as in the host entries of an estate file.

    ``dns_names`` are its host names. They are in its certificate (with ``tls``). If an estate has no records for the
    names of another package's service, records with the addresses of its hosts are added. ``address`` and ``port`` are
    where it listens; the address is that of the host, whose entry may also set another port. ``keys`` is its key table;
    the KDC gets these principals. ``application`` creates the application, once for a lab; it is None for a service
    that is a part of the lab itself (DNS, KDC). ``audiences`` are the values of ``aud`` in the access tokens that it
    takes; without any, a token must name the host itself.
    """

    name: str
    dns_names: tuple[str, ...] = ()
    address: str = ""
    port: int = 443
    tls: bool = True
    keys: KeyTable | None = None
    audiences: frozenset[str] = frozenset()
    application: Callable[[ServiceContext], Application] | None = None

    @property
    def scheme(self) -> str:
        """``https`` or ``http``."""
        return "https" if self.tls else "http"

    def url(self, path: str = "/") -> str:
        """Return the URL of ``path`` under the service's first name."""
        usual = self.port == (443 if self.tls else 80)
        return f"{self.scheme}://{self.dns_names[0]}{'' if usual else f':{self.port}'}{path}"


ServiceDefinition = Service | Callable[["Estate"], Iterable[Service]]
"""The object at an entry point: a service without an address, or a function from an estate to such services."""

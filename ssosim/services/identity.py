"""The identity provider's three services: the login hosts, the autologon host, and the company's own token services."""

from __future__ import annotations

from dataclasses import dataclass

from ssosim.entra import Call, HttpReply, Provider
from ssosim.entra.http.exchange import dispatch
from ssosim.entra.http.routing import RouteRow, routes_of
from ssosim.estate import Estate
from ssosim.services.service import KeyTable, Service, ServiceContext

__all__ = ["IdentityApplication", "autologon", "federation", "login"]


@dataclass(frozen=True, slots=True)
class IdentityApplication:
    """The endpoints of ``service`` (login, autologon or federation) of ``provider``."""

    provider: Provider
    service: str

    @classmethod
    def start(cls, context: ServiceContext) -> IdentityApplication:
        """The application of the context's service."""
        return cls(context.provider, context.service.name)

    def handle(self, call: Call) -> HttpReply:
        """Answer one request. Never raises."""
        return dispatch(self.provider, call)

    def routes(self) -> tuple[RouteRow, ...]:
        """Method, path and endpoint of each route."""
        return routes_of(self.service, self.provider.estate.cloud)


def login(estate: Estate) -> tuple[Service, ...]:
    """The login hosts: realm discovery, OAuth, the sign-in page."""
    return (_service("login", tuple(name for name, of in estate.identity_names() if of == "login")),)


def autologon(estate: Estate) -> tuple[Service, ...]:
    """The autologon host: MEX, WS-Trust and browser sign-on by the tickets of the realm's service account."""
    account = estate.default_realm.service_account
    names = tuple(name for name, of in estate.identity_names() if of == "autologon")
    return (_service("autologon", names, KeyTable(account.spns, account.name)),)


def federation(estate: Estate) -> tuple[Service, ...]:
    """Each token service of the company, in the place of AD FS, with its own key if it has an SPN in the realm."""
    known = estate.default_realm.services
    return tuple(
        _service("federation", (each.host,), KeyTable((each.spn,)) if each.spn in known and each.spn else None)
        for each in estate.federation_services
    )


def _service(name: str, dns_names: tuple[str, ...], keys: KeyTable | None = None) -> Service:
    return Service(name=name, dns_names=dns_names, keys=keys, application=IdentityApplication.start)

"""The identity provider's three services: the login hosts, the autologon host, and the federation services."""

from __future__ import annotations

from msgspec import Struct

from ssosim.entra import Call, HttpReply, Provider
from ssosim.entra.http.exchange import dispatch
from ssosim.entra.http.routing import RouteRow, routes_of
from ssosim.estate import Estate
from ssosim.services.service import KeyTable, Service, ServiceContext

__all__ = ["IdentityApplication", "autologon", "federation", "login"]


class IdentityApplication(Struct, frozen=True):
    """The endpoints of ``service`` (login, autologon or federation) of ``provider``."""

    provider: Provider
    service: str

    @classmethod
    def start(cls, context: ServiceContext) -> IdentityApplication:
        """Create the application of the context's service."""
        return cls(context.provider, context.service.name)

    def handle(self, call: Call) -> HttpReply:
        """Answer one request. Never raises."""
        return dispatch(self.provider, call)

    def routes(self) -> tuple[RouteRow, ...]:
        """Return the route table: method, path and route of each row."""
        return routes_of(self.service, self.provider.estate.cloud)


def login(estate: Estate) -> tuple[Service, ...]:
    """Return the service of the login hosts: realm discovery, OAuth, the sign-in page."""
    return (_service("login", tuple(name for name, of in estate.list_identity_hosts() if of == "login")),)


def autologon(estate: Estate) -> tuple[Service, ...]:
    """Return the service of the autologon host: MEX, WS-Trust and browser sign-on, with the service account's keys."""
    account = estate.default_realm.service_account
    names = tuple(name for name, of in estate.list_identity_hosts() if of == "autologon")
    return (_service("autologon", names, KeyTable(account.spns, account.name)),)


def federation(estate: Estate) -> tuple[Service, ...]:
    """Return one service for each federation service. It has a key if a realm has its SPN, in whatever letters."""
    known = {spn.lower(): spn for realm in reversed(estate.realms) for spn in realm.services}
    spns = [(each, known.get((each.spn or "").lower())) for each in estate.federation_services]
    return tuple(_service("federation", (each.host,), KeyTable((spn,)) if spn else None) for each, spn in spns)


def _service(name: str, dns_names: tuple[str, ...], keys: KeyTable | None = None) -> Service:
    return Service(name=name, dns_names=dns_names, keys=keys, application=IdentityApplication.start)

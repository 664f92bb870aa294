"""Look-ups of the services of an estate: by host, by address and port, by DNS name."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from ssosim.estate import Estate
from ssosim.estate.toml_lines import KeyPath
from ssosim.services.registry import load_service
from ssosim.services.service import Service

__all__ = ["http_host_names", "services_at", "services_of", "services_with_paths"]


def services_of(estate: Estate) -> tuple[Service, ...]:
    """Return every service at every host of ``estate``, with its address, in file order; DNS names are in lower case.

    Raises ServiceError.
    """
    return tuple(service for _, service in services_with_paths(estate))


def services_with_paths(estate: Estate) -> Iterator[tuple[KeyPath, Service]]:
    """Yield each service of ``services_of`` with the key path of its entry in the estate file."""
    for index, host in enumerate(estate.hosts):
        for number, entry in enumerate(host.service_entries()):
            path: KeyPath = ("hosts", index, "services", number)
            for service in load_service(entry.name, estate, path):
                yield (
                    path,
                    dataclasses.replace(
                        service,
                        name=entry.name,
                        address=host.address,
                        port=service.port if entry.port is None else entry.port,
                        dns_names=tuple(name.lower().rstrip(".") for name in service.dns_names),
                    ),
                )


def services_at(services: Iterable[Service], address: str, port: int) -> tuple[Service, ...]:
    """Return the services that listen on ``port`` of ``address``.

    Several may share a listener; the Host header decides.
    """
    return tuple(each for each in services if each.address == address and each.port == port)


def http_host_names(estate: Estate, *, tls: bool | None = None) -> tuple[str, ...]:
    """Return each DNS name of the services with an application, once, in file order.

    ``tls``: True for services with TLS only, False for those without, None for all.
    """
    wanted = (each for each in services_of(estate) if each.application is not None and tls in (None, each.tls))
    return tuple(dict.fromkeys(name for each in wanted for name in each.dns_names))

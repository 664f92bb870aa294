"""Which services an estate has, and where: the one answer to "who listens there" and "who is called so"."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from ssosim.estate import Estate
from ssosim.estate.toml_lines import KeyPath
from ssosim.services.registry import load_service
from ssosim.services.service import Service

__all__ = ["http_host_names", "services_at", "services_of", "services_with_paths"]


def services_of(estate: Estate) -> tuple[Service, ...]:
    """Every service at every host of ``estate``, with its address, in file order; DNS names are in lower case.

    Raises ServiceError.
    """
    return tuple(service for _, service in services_with_paths(estate))


def services_with_paths(estate: Estate) -> Iterator[tuple[KeyPath, Service]]:
    """``services_of``, each with the key path of the entry that wants it."""
    for index, host in enumerate(estate.hosts):
        for number, entry in enumerate(host.running()):
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
    """Those of ``services`` that listen on ``port`` of ``address``; several share a listener and go by host name."""
    return tuple(each for each in services if each.address == address and each.port == port)


def http_host_names(estate: Estate, *, tls: bool | None = None) -> tuple[str, ...]:
    """Every DNS name that an application answers for, once, in file order; with ``tls``, or plain, only those."""
    wanted = (each for each in services_of(estate) if each.application is not None and tls in (None, each.tls))
    return tuple(dict.fromkeys(name for each in wanted for name in each.dns_names))

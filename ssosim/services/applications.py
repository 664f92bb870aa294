"""The applications of services: each is started once for a lab and then handles the calls to its service."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable, Mapping

from ssosim.entra import Call, HttpReply, Provider
from ssosim.services.service import Application, Service, ServiceContext

__all__ = ["Responders", "responders_at", "start_applications"]

_log = logging.getLogger(__name__)

Responders = Mapping[Service, Callable[[Call], HttpReply]]
"""The function that handles the calls to each service with an application. It never raises."""


def start_applications(services: Iterable[Service], provider: Provider) -> Responders:
    """Start the applications of ``services``. A service at several hosts has one application for all of them."""
    started: dict[Service, Callable[[Call], HttpReply]] = {}
    found: dict[Service, Callable[[Call], HttpReply]] = {}
    for service in services:
        if service.application is None:
            continue
        without_address = dataclasses.replace(service, address="")
        if without_address not in started:
            tickets = next((provider.acceptors[name] for name in service.dns_names if name in provider.acceptors), None)
            started[without_address] = _guard(service, service.application(ServiceContext(service, provider, tickets)))
        found[service] = started[without_address]
    return found


def responders_at(responders: Responders, address: str, port: int) -> dict[str, Callable[[Call], HttpReply]]:
    """Return the responders on ``port`` of ``address``, by host name."""
    return {
        name: respond
        for service, respond in responders.items()
        if (service.address, service.port) == (address, port)
        for name in service.dns_names
    }


def _guard(service: Service, application: Application) -> Callable[[Call], HttpReply]:
    def respond(call: Call) -> HttpReply:
        try:
            return application.handle(call)
        except Exception:  # noqa: BLE001 - an error of another package must not stop the lab
            _log.exception("the service %s failed: %s %s", service.name, call.method, service.url())
            return HttpReply(500, b"The service failed; see the lab's log.\n", "text/plain; charset=utf-8")

    return respond

"""From services to what answers: their applications, started once for a lab."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable, Mapping

from ssosim.entra import Call, HttpReply, Provider
from ssosim.services.service import Application, Service, ServiceContext

__all__ = ["Responders", "responders_at", "start_applications"]

_log = logging.getLogger(__name__)

Responders = Mapping[Service, Callable[[Call], HttpReply]]
"""Who answers for each service that has an application; never raises."""


def start_applications(services: Iterable[Service], provider: Provider) -> Responders:
    """The applications of ``services``. A service at several hosts has one, which answers at all of them."""
    started: dict[Service, Callable[[Call], HttpReply]] = {}
    found: dict[Service, Callable[[Call], HttpReply]] = {}
    for service in services:
        if service.application is None:
            continue
        anywhere = dataclasses.replace(service, address="")
        if anywhere not in started:
            tickets = next((provider.acceptors[name] for name in service.dns_names if name in provider.acceptors), None)
            started[anywhere] = _guarded(service, service.application(ServiceContext(service, provider, tickets)))
        found[service] = started[anywhere]
    return found


def responders_at(responders: Responders, address: str, port: int) -> dict[str, Callable[[Call], HttpReply]]:
    """Who answers on ``port`` of ``address``, by host name."""
    return {
        name: respond
        for service, respond in responders.items()
        if (service.address, service.port) == (address, port)
        for name in service.dns_names
    }


def _guarded(service: Service, application: Application) -> Callable[[Call], HttpReply]:
    def respond(call: Call) -> HttpReply:
        try:
            return application.handle(call)
        except Exception:  # noqa: BLE001 - another package's mistake must not take the lab down
            _log.exception("the service %s failed: %s %s", service.name, call.method, service.url())
            return HttpReply(500, b"The service failed; the lab's log says why.\n", "text/plain; charset=utf-8")

    return respond

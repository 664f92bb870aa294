"""Services by name: the shipped ones, and those that installed packages bring (entry point group ``ssosim.services``).

An entry point is a ``Service`` without an address, or a function from the estate to such services.
"""

from __future__ import annotations

import importlib
from functools import cache
from operator import attrgetter

from ssosim.estate import SHIPPED, Estate, EstateError, known_services
from ssosim.estate.service_names import brought_services
from ssosim.estate.toml_lines import KeyPath, render_path
from ssosim.services.service import Service, ServiceDefinition

__all__ = ["ServiceError", "load_service"]


class ServiceError(EstateError):
    """A service cannot run where the estate wants it; ``path`` is the key path, ``what`` what is wrong there."""

    def __init__(self, path: KeyPath, what: str) -> None:
        super().__init__(f"{render_path(path) or 'services'}: {what}")
        self.path = path
        self.what = what


def load_service(name: str, estate: Estate, path: KeyPath = ()) -> tuple[Service, ...]:
    """The services, without addresses, that ``name`` stands for in ``estate``.

    ``path`` is where the estate names it. Raises ServiceError: there is none of that name, or what another package
    brings is no service.
    """
    definition = _definition(name, path)
    if isinstance(definition, Service):
        return (definition,)
    try:
        found = tuple(definition(estate))
    except Exception as error:
        raise ServiceError(path, f"the service {name!r} fails: {type(error).__name__}: {error}") from error
    if wrong := [each for each in found if not isinstance(each, Service)]:
        raise ServiceError(path, f"the service {name!r} makes {wrong[0]!r:.80}, which is no Service")
    return found


def _definition(name: str, path: KeyPath) -> ServiceDefinition:
    where = _where(name)
    if where is None:
        raise ServiceError(path, f"there is no service {name!r}; known: {', '.join(known_services())}")
    module, _, attribute = where.partition(":")
    try:
        found = attrgetter(attribute)(importlib.import_module(module))
    except Exception as error:
        raise ServiceError(
            path, f"the service {name!r} ({where}) cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(found, Service) and (isinstance(found, type) or not callable(found)):
        raise ServiceError(
            path, f"the service {name!r} ({where}) is neither a Service nor a function from an estate to Services"
        )
    definition: ServiceDefinition = found
    return definition


@cache
def _where(name: str) -> str | None:
    """The ``module:attribute`` that ``name`` stands for."""
    if name in SHIPPED:
        return SHIPPED[name]
    return next((f"{point.module}:{point.attr}" for point in brought_services() if point.name == name), None)

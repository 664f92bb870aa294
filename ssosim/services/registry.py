"""Services by name: the shipped ones, and those of installed packages (entry point group ``ssosim.services``).

An entry point is a ``Service`` without an address, or a function from the estate to such services.
"""

from __future__ import annotations

import importlib
from functools import cache
from operator import attrgetter

from ssosim.estate import SHIPPED_SERVICES, Estate, EstateError, list_service_names
from ssosim.estate.service_names import find_plugin_services
from ssosim.estate.toml_lines import KeyPath, render_path
from ssosim.services.service import Service, ServiceDefinition

__all__ = ["ServiceError", "load_service"]


class ServiceError(EstateError):
    """A service cannot run. ``path`` is the key path of its entry in the estate, ``what`` the text of the error."""

    def __init__(self, path: KeyPath, what: str) -> None:
        super().__init__(f"{render_path(path) or 'services'}: {what}")
        self.path = path
        self.what = what


def load_service(name: str, estate: Estate, path: KeyPath = ()) -> tuple[Service, ...]:
    """Return the services, without addresses, that ``name`` stands for in ``estate``.

    ``path`` is the key path of the entry in the estate. Raises ServiceError if no service has that name, or if the
    object of another package is not a service.
    """
    definition = _load_definition(name, path)
    if isinstance(definition, Service):
        return (definition,)
    try:
        found = tuple(definition(estate))
    except Exception as error:
        raise ServiceError(path, f"the service {name!r} fails: {type(error).__name__}: {error}") from error
    if wrong := [each for each in found if not isinstance(each, Service)]:
        raise ServiceError(path, f"the service {name!r} makes {wrong[0]!r:.80}, which is not a Service")
    return found


def _load_definition(name: str, path: KeyPath) -> ServiceDefinition:
    reference = _find_reference(name)
    if reference is None:
        raise ServiceError(path, f"there is no service {name!r}; known: {', '.join(list_service_names())}")
    module, _, attribute = reference.partition(":")
    try:
        found = attrgetter(attribute)(importlib.import_module(module))
    except Exception as error:
        raise ServiceError(
            path, f"the service {name!r} ({reference}) cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(found, Service) and (isinstance(found, type) or not callable(found)):
        raise ServiceError(
            path, f"the service {name!r} ({reference}) is neither a Service nor a function from an estate to Services"
        )
    definition: ServiceDefinition = found
    return definition


@cache
def _find_reference(name: str) -> str | None:
    """Return the ``module:attribute`` that ``name`` stands for, or None."""
    if name in SHIPPED_SERVICES:
        return SHIPPED_SERVICES[name]
    return next((f"{point.module}:{point.attr}" for point in find_plugin_services() if point.name == name), None)

"""What runs at a host: a service is a value. The shipped ones are here; another package adds its own by entry point."""

from ssosim.services.lookup import served_names, services_at, services_of
from ssosim.services.placement import complete
from ssosim.services.registry import ServiceError, load_service
from ssosim.services.service import Application, Context, Definition, KeyTable, Service

__all__ = [
    "Application",
    "Context",
    "Definition",
    "KeyTable",
    "Service",
    "ServiceError",
    "complete",
    "load_service",
    "served_names",
    "services_at",
    "services_of",
]

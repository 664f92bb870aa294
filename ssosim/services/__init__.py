"""The services of hosts, as values. Other packages add services by entry points."""

from ssosim.services.estate_completion import complete_estate
from ssosim.services.lookup import http_host_names, services_at, services_of
from ssosim.services.registry import ServiceError, load_service
from ssosim.services.service import Application, KeyTable, Service, ServiceContext, ServiceDefinition

__all__ = [
    "Application",
    "KeyTable",
    "Service",
    "ServiceContext",
    "ServiceDefinition",
    "ServiceError",
    "complete_estate",
    "http_host_names",
    "load_service",
    "services_at",
    "services_of",
]

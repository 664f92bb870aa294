"""What exists in a lab: loaded from TOML, frozen ever after."""

from ssosim.estate.loader import EstateError, default_estate, load_estate, parse_estate
from ssosim.estate.model import (
    Application,
    Cloud,
    Device,
    Domain,
    Estate,
    FederationService,
    Host,
    Realm,
    RecordSet,
    Role,
    ServiceAccount,
    Tenant,
    TrafficManager,
    TrafficManagerEndpoint,
    User,
    Zone,
)

__all__ = [
    "Application",
    "Cloud",
    "Device",
    "Domain",
    "Estate",
    "EstateError",
    "FederationService",
    "Host",
    "Realm",
    "RecordSet",
    "Role",
    "ServiceAccount",
    "Tenant",
    "TrafficManager",
    "TrafficManagerEndpoint",
    "User",
    "Zone",
    "default_estate",
    "load_estate",
    "parse_estate",
]

"""Hosts that give their programs tokens without a person: IMDS, App Service, Azure Arc and others.

Each is a pure responder: a function of the request, the device and the state of the identity provider. The lab serves
it inside the device, and the lab in memory calls it.
"""

from ssosim.credential_hosts.endpoints import CREDENTIAL_HOST_NAMES, Endpoint, find_endpoint
from ssosim.credential_hosts.host import CredentialHost, KeyFiles
from ssosim.credential_hosts.selection import IdentityNotFoundError, IdentityRequest, select_identity

__all__ = [
    "CREDENTIAL_HOST_NAMES",
    "CredentialHost",
    "Endpoint",
    "IdentityNotFoundError",
    "IdentityRequest",
    "KeyFiles",
    "find_endpoint",
    "select_identity",
]

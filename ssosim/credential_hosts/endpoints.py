"""Where hosts listen inside their devices, and the names and conditions that belong to them."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from ssosim.credential_hosts.replies import refuse_as_app_service, refuse_as_fabric, refuse_as_imds
from ssosim.entra import Call, HttpReply
from ssosim.estate import DeviceKind, Estate

__all__ = [
    "ARC_KEYS",
    "ARC_KEY_FORBIDDEN",
    "ARC_KEY_TOO_LARGE",
    "CREDENTIAL_HOST_NAMES",
    "HOST_VARIABLES",
    "IMDS",
    "IMDS_ADDRESS",
    "NOT_INJECTED",
    "TOKEN_NOT_MAPPED",
    "TOKEN_STALE",
    "Endpoint",
    "find_endpoint",
    "is_token_request",
    "list_credential_host_names",
    "lower_path",
    "render_host_error",
]

IMDS_ADDRESS = "169.254.169.254"
CREDENTIAL_HOST_NAMES = (IMDS_ADDRESS, "localhost", "127.0.0.1")
"""The host names in the requests to hosts of this package."""

ARC_KEY_TOO_LARGE = "arc-key-too-large"
"""The condition under which key files are larger than the 4,096 bytes that libraries accept."""

TOKEN_STALE = "federated-token-stale"  # noqa: S105 - a condition's name
"""The condition under which projected tokens are not replaced, and have expired."""

ARC_KEY_FORBIDDEN = "arc-key-forbidden"
"""The condition under which key files cannot be read: the program's user is not in the group ``himds``."""

NOT_INJECTED = "workload-identity-not-injected"
"""The condition under which pods have neither the variables nor the projected token of a workload identity."""

TOKEN_NOT_MAPPED = "access-token-not-mapped"  # noqa: S105 - a condition's name
"""The condition under which a step of a pipeline has no variable SYSTEM_ACCESSTOKEN."""

ARC_KEYS = "/var/opt/azcmagent/tokens"
"""The folder of Azure Arc's challenge files; libraries accept no other one."""

HOST_VARIABLES = (
    "ACC_CLOUD",
    "AZUREPS_HOST_ENVIRONMENT",
    "IDENTITY_API_VERSION",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "IDENTITY_SERVER_THUMBPRINT",
    "IMDS_ENDPOINT",
    "MSI_ENDPOINT",
    "MSI_SECRET",
    "SSH_CLIENT",
    "SSH_CONNECTION",
    "SSH_TTY",
    "SYSTEM_ACCESSTOKEN",
    "SYSTEM_OIDCREQUESTURI",
)
"""Variables that only a host sets. Those of the machine that runs the lab are removed: a program must not take a build
agent or a Cloud Shell of the real world for its device."""


class Endpoint(Struct, frozen=True):
    """Where a host listens inside its device, and the path of its tokens."""

    address: str
    port: int
    path: str
    tls: bool = False

    @property
    def url(self) -> str:
        """The URL of the token endpoint."""
        host = self.address if self.address == IMDS_ADDRESS else "localhost"
        port = "" if self.port == 80 else f":{self.port}"
        return f"{'https' if self.tls else 'http'}://{host}{port}{self.path}"


IMDS = Endpoint(IMDS_ADDRESS, 80, "/metadata/identity/oauth2/token")
_ENDPOINTS: Mapping[str, Endpoint] = {
    "vm": IMDS,
    "scale-set": IMDS,
    "aks-pod": IMDS,
    "app-service": Endpoint("127.0.0.1", 41741, "/msi/token"),
    "functions": Endpoint("127.0.0.1", 41741, "/msi/token"),
    "automation": Endpoint("127.0.0.1", 41742, "/oauth2/token"),
    "azure-ml": Endpoint("127.0.0.1", 46808, "/MSI/auth"),
    "arc": Endpoint("127.0.0.1", 40342, "/metadata/identity/oauth2/token"),
    "service-fabric": Endpoint("127.0.0.1", 2377, "/metadata/identity/oauth2/token", tls=True),
    "cloud-shell": Endpoint("127.0.0.1", 50342, "/oauth2/token"),
}


def find_endpoint(kind: DeviceKind) -> Endpoint | None:
    """Return where a device of ``kind`` serves tokens; None if it serves none itself."""
    return _ENDPOINTS.get(kind)


def list_credential_host_names(estate: Estate) -> tuple[str, ...]:
    """Return the host names in requests to the hosts of the devices of ``estate``."""
    found: dict[str, None] = {}
    for device in estate.devices:
        endpoint = find_endpoint(device.kind)
        if endpoint is not None:
            found |= dict.fromkeys(CREDENTIAL_HOST_NAMES[:1] if endpoint is IMDS else CREDENTIAL_HOST_NAMES[1:])
    return tuple(found)


def is_token_request(call: Call) -> bool:
    """Return whether ``call`` asks a host of this package for a token, or probes it, whatever its kind."""
    if call.host not in CREDENTIAL_HOST_NAMES:
        return False
    wanted = "/" + "/".join(lower_path(call.path))
    return any(
        wanted == endpoint.path.lower()
        and call.port == endpoint.port
        and call.scheme == ("https" if endpoint.tls else "http")
        for endpoint in _ENDPOINTS.values()
    )


def render_host_error(call: Call, status: int, text: str) -> HttpReply:
    """Return an error with ``status`` in the form of the host that ``call`` asks; a pod's is that of IMDS."""
    kinds = [kind for kind, endpoint in _ENDPOINTS.items() if endpoint.port == call.port]
    if "service-fabric" in kinds:
        return refuse_as_fabric("InternalServerError", text, status)
    if {"app-service", "automation", "azure-ml"} & set(kinds):
        return refuse_as_app_service(text, status)
    return refuse_as_imds(text, "service_unavailable" if status >= 500 else "invalid_request", status)


def lower_path(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the segments of a path in lower case: hosts ignore the case of paths."""
    return tuple(segment.lower() for segment in path)

"""The fault ``managed-identity-proxy``."""

from __future__ import annotations

from typing import Literal

from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.core.messages import Call, HttpReply
from ssosim.faults.core.host_fault import HostFault

__all__ = ["ManagedIdentityProxy"]

_PAGE = "<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
_DOCKER = (
    "connecting to 169.254.169.254:80: connecting to 169.254.169.254:80: dial tcp 169.254.169.254:80: connectex: "
    "A socket operation was attempted to an unreachable network.\n"
)


class ManagedIdentityProxy(HostFault, frozen=True, kw_only=True, tag="managed-identity-proxy"):
    """A proxy answers in place of the token endpoint: it has no way to a link-local address.

    ``how``: ``bad-gateway`` (502) and ``gateway-timeout`` (504) are pages; ``docker-desktop`` is the 403 of Docker
    Desktop's proxy, which clients take for "not here" by the word "unreachable". Sources: troubleshooting guides of
    azidentity and azure-identity (gateway errors); azure-sdk-for-net pull request 43183 (Docker Desktop).
    """

    how: Literal["bad-gateway", "gateway-timeout", "docker-desktop"] = "bad-gateway"

    def effect_on_token_request(self, call: Call) -> HttpEffect:  # noqa: ARG002 - the same for all requests
        """Return the answer of the proxy."""
        if self.how == "docker-desktop":
            return HttpEffect(reply=HttpReply(403, _DOCKER.encode(), "text/plain; charset=utf-8"))
        status, title = (502, "502 Bad Gateway") if self.how == "bad-gateway" else (504, "504 Gateway Time-out")
        return HttpEffect(reply=HttpReply(status, _PAGE.format(title=title).encode(), "text/html; charset=utf-8"))

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"a proxy answers ({self.how}): {self.describe_scope()}"

"""The fault ``managed-identity-status``."""

from __future__ import annotations

import dataclasses

from ssosim.credential_hosts.endpoints import render_host_error
from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.core.messages import Call
from ssosim.faults.core.host_fault import HostFault
from ssosim.faults.core.http_fault import check_retry_after

__all__ = ["ManagedIdentityStatus"]

_TEXTS = {
    400: "Identity not found",
    404: "The endpoint is being updated",
    410: "The endpoint is being updated",
    429: "Too many requests",
}


class ManagedIdentityStatus(HostFault, frozen=True, kw_only=True, tag="managed-identity-status"):
    """The token endpoint of a device answers with ``status``, in the form of its host; ``retry_after`` is in seconds.

    IMDS answers 404 and 410 while it is updated (for at most 70 s), 429 if there are too many requests, and 5xx for
    errors of its own and of the identity provider. Source: Entra document "How to use managed identities on an Azure
    VM to acquire an access token" (error handling).
    """

    status: int = 500
    retry_after: int | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for fields out of range."""
        super().__post_init__()
        if not 400 <= self.status <= 599:
            raise ValueError(f"status {self.status} is not between 400 and 599")
        check_retry_after(self.retry_after)

    def effect_on_token_request(self, call: Call) -> HttpEffect:
        """Return the error."""
        reply = render_host_error(call, self.status, _TEXTS.get(self.status, "Internal server error"))
        if self.retry_after is not None:
            reply = dataclasses.replace(reply, headers=(*reply.headers, ("Retry-After", str(self.retry_after))))
        return HttpEffect(reply=reply, from_service=True)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"{self.status}: {self.describe_scope()}"

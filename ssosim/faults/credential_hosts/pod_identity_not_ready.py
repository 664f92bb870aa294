"""The fault ``pod-identity-not-ready``."""

from __future__ import annotations

from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.core.messages import Call, HttpReply
from ssosim.faults.core.host_fault import HostFault
from ssosim.faults.core.http_fault import check_retry_after

__all__ = ["PodIdentityNotReady"]

_LONGEST_S = 600.0


class PodIdentityNotReady(HostFault, frozen=True, kw_only=True, tag="pod-identity-not-ready"):
    """NMI does not have the identity of a pod yet: it holds each request for ``hold`` seconds, then answers 404.

    With ``retry_after`` (seconds) it says when to ask again. A pod that asks as soon as it runs meets this. The real
    NMI holds a request for 80 s. Sources: aad-pod-identity issue 585 (404 and 403), pull request 1114 (Retry-After).
    """

    hold: float = 0.0
    retry_after: int | None = None
    status: int = 404

    def __post_init__(self) -> None:
        """Raise ValueError for fields out of range."""
        super().__post_init__()
        if not 0 <= self.hold <= _LONGEST_S:
            raise ValueError(f"hold must be from 0 to {_LONGEST_S:g}")
        if self.status not in (403, 404, 503):
            raise ValueError(f"status {self.status} is not one that NMI sends: 403, 404 or 503")
        check_retry_after(self.retry_after)

    def effect_on_token_request(self, call: Call) -> HttpEffect:
        """Return the text of NMI, late."""
        wanted = call.query.get("client_id", "")[:64]
        text = f"no azure identity found for request clientID {wanted}\n"
        headers = () if self.retry_after is None else (("Retry-After", str(self.retry_after)),)
        reply = HttpReply(self.status, text.encode(), "text/plain; charset=utf-8", headers, None, text.strip())
        return HttpEffect(delay=self.hold, reply=reply, from_service=True)

    def describe(self) -> str:
        """Describe the fault in one line."""
        held = f" after {self.hold:g} s" if self.hold else ""
        return f"the identity is not ready, {self.status}{held}: {self.describe_scope()}"

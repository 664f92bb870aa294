"""The fault ``pipelines-oidc``."""

from __future__ import annotations

import dataclasses
from typing import Literal

from ssosim.credential_hosts.endpoints import TOKEN_NOT_MAPPED
from ssosim.credential_hosts.pipelines import PIPELINES_HOST, render_pipelines_error
from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.core.messages import Call, HttpReply, make_json_reply
from ssosim.faults.core.fault import Applied, FaultState
from ssosim.faults.core.http_fault import HttpFault, check_unlimited

__all__ = ["PipelinesOidc"]


class PipelinesOidc(HttpFault, frozen=True, kw_only=True, tag="pipelines-oidc"):
    """The OIDC endpoint of Azure Pipelines gives no token.

    ``how``: ``unauthorized`` (401), ``redirect`` (302 to the sign-in page), ``not-found`` (404 with the text of the
    service), ``preview-version`` (400), ``no-token`` (200 without ``oidcToken``). ``token-not-mapped``: the step
    does not map System.AccessToken, so programs that start now have no SYSTEM_ACCESSTOKEN. Sources: troubleshooting
    guides of azidentity and azure-identity, AzurePipelinesCredential; Azure Pipelines document "Use predefined
    variables".
    """

    host: str = PIPELINES_HOST
    path: str = "/oidctoken"
    how: Literal["unauthorized", "redirect", "not-found", "preview-version", "no-token", "token-not-mapped"] = (
        "unauthorized"
    )

    def __post_init__(self) -> None:
        """Raise ValueError for limits on what is no answer to a request, but a condition of all jobs."""
        super().__post_init__()
        if self.how == "token-not-mapped":
            check_unlimited(self, 'how = "token-not-mapped"')

    def fold(self, state: FaultState, applied: Applied) -> FaultState:
        """Return ``state`` with the rule of this fault, or with the condition under which jobs have no token."""
        if self.how == "token-not-mapped":
            return dataclasses.replace(state, host_conditions=state.host_conditions | {TOKEN_NOT_MAPPED})
        return super().fold(state, applied)

    def effect_on(self, call: Call) -> HttpEffect:  # noqa: ARG002 - the same for all requests
        """Return the answer."""
        match self.how:
            case "unauthorized":
                reply = HttpReply(401, b"", "", (("WWW-Authenticate", "Bearer"),))
            case "redirect":
                reply = HttpReply(302, b"", "", (("Location", f"https://{PIPELINES_HOST}/_signin"),))
            case "not-found":
                text = "No service connection found with the identifier."
                reply = render_pipelines_error(404, "EndpointNotFoundException", text)
            case "preview-version":
                text = (
                    "The requested version of the resource is under preview. The -preview flag must be supplied in the "
                    "api-version for such requests."
                )
                reply = render_pipelines_error(400, "VssInvalidPreviewVersionException", text)
            case _:
                reply = make_json_reply({"count": 1, "value": "The service connection is not referenced in the stage."})
        return HttpEffect(reply=reply, from_service=True)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"{self.how}: {self.describe_scope()}"

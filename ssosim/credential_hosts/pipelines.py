"""The OIDC endpoint of Azure Pipelines: the service ``pipelines-oidc`` at dev.azure.com.

A job has a token of its own (``SYSTEM_ACCESSTOKEN``) and the URL of the endpoint (``SYSTEM_OIDCREQUESTURI``). It names
a service connection, and gets a token of that connection's issuer. Sources: the requests of azure-identity, azidentity,
@azure/identity and com.azure:azure-identity (AzurePipelinesCredential); Azure DevOps REST documentation, "Oidctoken -
Create"; the error body is the one in the troubleshooting guide of azure-identity.
"""

from __future__ import annotations

import dataclasses
import re
import uuid
from dataclasses import dataclass

import msgspec

from ssosim.credential_hosts.endpoints import TOKEN_NOT_MAPPED
from ssosim.entra import Call, HttpReply, Provider
from ssosim.entra.core.keys import issuer_key_name
from ssosim.entra.core.messages import make_json_reply
from ssosim.entra.core.sealed_tokens import SealedTokenError
from ssosim.estate import Device, Estate, ServiceConnection
from ssosim.services.openid_issuer import sign_federated_token
from ssosim.services.provider_application import ProviderApplication
from ssosim.services.service import Service

__all__ = ["PIPELINES_HOST", "build_job_environment", "pipelines_oidc", "render_pipelines_error"]

PIPELINES_HOST = "dev.azure.com"

_PURPOSE = "pipelines:job"
_TOKEN_PATH = re.compile(
    r"/[^/]+/[^/]+/_apis/distributedtask/hubs/[^/]+/plans/([0-9a-f-]{36})/jobs/[0-9a-f-]{36}/oidctoken", re.IGNORECASE
)
_VERSION = re.compile(r"(\d+)\.(\d+)(-preview(\.\d+)?)?")
_LIFETIME = 600
"""Seconds that a token of the endpoint is valid; unconfirmed."""


class _Job(msgspec.Struct, frozen=True, array_like=True):
    """What the access token of a job stands for."""

    device: str
    plan: str


def build_job_environment(provider: Provider, device: Device) -> dict[str, str]:
    """Return the variables of a job on the agent ``device``.

    A step has SYSTEM_ACCESSTOKEN only if its ``env`` maps System.AccessToken; the fault ``pipelines-oidc`` undoes that.
    The variables of the service connection are those that tasks with a connection set for their scripts; they are those
    of the first connection.
    """
    plan, job = (str(uuid.uuid5(uuid.NAMESPACE_OID, f"{device.name}/{each}")) for each in ("plan", "job"))
    base = f"https://{PIPELINES_HOST}/{_organization_of(device)}"
    path = f"_apis/distributedtask/hubs/build/plans/{plan}/jobs/{job}/oidctoken"
    found = {
        "TF_BUILD": "True",
        "SYSTEM_OIDCREQUESTURI": f"{base}/{_project_of(device)}/{path}",
        "SYSTEM_COLLECTIONURI": f"{base}/",
        "SYSTEM_TEAMPROJECT": _project_of(device),
        "SYSTEM_PLANID": plan,
        "SYSTEM_JOBID": job,
    }
    if TOKEN_NOT_MAPPED not in provider.host_conditions:
        found["SYSTEM_ACCESSTOKEN"] = provider.sealer.seal(_PURPOSE, _Job(device.name, plan))
    for connection in device.service_connections[:1]:
        tenant = provider.directory.find_tenant(connection.tenant) if connection.tenant else None
        found |= {
            "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": connection.id,
            "AZURESUBSCRIPTION_CLIENT_ID": connection.client_id,
            "AZURESUBSCRIPTION_TENANT_ID": (tenant or provider.estate.tenants[0]).id,
        }
    return found


@dataclass(frozen=True, slots=True)
class PipelinesOidc(ProviderApplication):
    """The endpoint ``oidctoken`` of all organizations."""

    def handle(self, call: Call) -> HttpReply:
        """Answer one request."""
        found = _TOKEN_PATH.fullmatch("/" + "/".join(call.path))
        if found is None:
            return HttpReply(404, b"Page not found.\n", "text/html; charset=utf-8")
        job = self._read_job(call)
        if job is None or job.plan != found[1].lower():
            return _refuse_sign_in(call)
        if call.method != "POST":
            return render_pipelines_error(
                405, "VssServiceException", f"The requested resource does not support {call.method}."
            )
        if problem := _check_version(call):
            return problem
        device = self.provider.estate.device(job.device)
        wanted = call.query.get("serviceConnectionId", "")
        connections = device.service_connections if device else ()
        connection = next((each for each in connections if each.id.lower() == wanted.lower()), None)
        if connection is None:
            named = wanted[:64] or "(none)"
            text = f"Service connection with id {named} could not be found, or the job is not authorized to use it."
            return render_pipelines_error(404, "EndpointNotFoundException", text)
        return self._issue(call, connection)

    def _read_job(self, call: Call) -> _Job | None:
        scheme, _, token = call.join_fields("Authorization").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            return self.provider.sealer.open(_PURPOSE, token.strip(), _Job)
        except SealedTokenError:
            return None

    def _issue(self, call: Call, connection: ServiceConnection) -> HttpReply:
        issuer = next(each for each in self.provider.estate.openid_issuers if each.issuer == connection.issuer)
        token = sign_federated_token(
            self.provider.keys.generated[issuer_key_name(issuer.issuer)],
            issuer,
            subject=connection.subject,
            audience=connection.audience,
            now=call.now,
            claims={"exp": int(call.now) + _LIFETIME},
        )
        return make_json_reply({"oidcToken": token}, headers=(("Cache-Control", "no-store"),))


def pipelines_oidc(estate: Estate) -> tuple[Service, ...]:  # noqa: ARG001 - the name is always the same
    """Return the service at dev.azure.com."""
    return (Service(name="pipelines-oidc", dns_names=(PIPELINES_HOST,), application=PipelinesOidc.start),)


def _organization_of(device: Device) -> str:
    return _subject_part(device, 0, "contoso")


def _project_of(device: Device) -> str:
    return _subject_part(device, 1, "project")


def _subject_part(device: Device, index: int, default: str) -> str:
    """Return organization or project, from the subject ``sc://ORGANIZATION/PROJECT/CONNECTION`` of a connection."""
    for connection in device.service_connections:
        parts = connection.subject.removeprefix("sc://").split("/")
        if connection.subject.startswith("sc://") and len(parts) == 3:
            return parts[index]
    return default


def _refuse_sign_in(call: Call) -> HttpReply:
    """Refuse a job's token: 401 with ``X-TFS-FedAuthRedirect: Suppress``, else a redirect to the sign-in page."""
    if call.join_fields("X-TFS-FedAuthRedirect").lower() == "suppress":
        return HttpReply(401, b"", "", (("WWW-Authenticate", "Bearer"),))
    location = f"https://{PIPELINES_HOST}/_signin?realm={PIPELINES_HOST}"
    return HttpReply(302, b"", "", (("Location", location),))


def _check_version(call: Call) -> HttpReply | None:
    given = call.query.get("api-version", "")
    found = _VERSION.fullmatch(given)
    if not given:
        text = f"No api-version was supplied for the {call.method} request. The version must be supplied."
        return render_pipelines_error(400, "VssVersionNotSpecifiedException", text)
    if found is None or (int(found[1]), int(found[2])) > (7, 1):
        return render_pipelines_error(
            400, "VssVersionOutOfRangeException", f"The api-version {given[:32]} is out of range."
        )
    return None


def render_pipelines_error(status: int, kind: str, text: str) -> HttpReply:
    """Return an error in the form of Azure DevOps: ``message`` and ``typeKey`` are what clients read."""
    body = {
        "$id": "1",
        "innerException": None,
        "message": text,
        "typeName": f"Microsoft.VisualStudio.Services.Common.{kind}, Microsoft.VisualStudio.Services.Common",
        "typeKey": kind,
        "errorCode": 0,
        "eventId": 3000,
    }
    return dataclasses.replace(make_json_reply(body, status), error_description=text)

"""The host of one device: where it listens, which variables its programs have, and its answer to each request.

Theory of operation. ``CredentialHost`` belongs to one device while a program runs on it. ``endpoint`` says where it
listens *inside* the device: a link-local or a loopback address, which no other device reaches. ``environment`` has the
variables by which libraries find out what they run on. ``respond`` answers one request; it neither waits nor uses
sockets. Faults are applied around it, as around any other service.

The state is small: the secret of the header, which is new for each program, and the challenges of Azure Arc that have
not been answered. Files that a host writes go through the port ``KeyFiles``.

Sources: the documents that the modules of this package name, and the sources of azure-identity, azidentity and MSAL,
which read these variables.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct, field

from ssosim.credential_hosts.endpoints import (
    ARC_KEY_FORBIDDEN,
    ARC_KEY_TOO_LARGE,
    ARC_KEYS,
    IMDS,
    Endpoint,
    find_endpoint,
    lower_path,
)
from ssosim.credential_hosts.instance_metadata import IMDS_VERSIONS, describe_instance
from ssosim.credential_hosts.replies import (
    refuse_as_app_service,
    refuse_as_fabric,
    refuse_as_imds,
    refuse_as_text,
    reply_with_token,
)
from ssosim.credential_hosts.selection import (
    APP_SERVICE_PARAMETERS,
    IDENTITY_PARAMETERS,
    IMDS_PARAMETERS,
    VERSION_2017_PARAMETERS,
    IdentityNotFoundError,
    Parameters,
    list_ignored_parameters,
    read_identity_request,
    select_identity,
)
from ssosim.entra import Call, HttpReply, Provider
from ssosim.entra.core.errors import AadstsError, describe
from ssosim.entra.core.messages import make_guid, read_fields
from ssosim.entra.oauth.managed_identity_tokens import HostToken, issue_managed_identity_token, issue_shell_token
from ssosim.estate import Device, ManagedIdentity
from ssosim.estate.first_party import cloud_name_of
from ssosim.trace import ManagedIdentityRequested, SignInStep

__all__ = ["CredentialHost", "KeyFiles", "NoKeyFiles"]

_ARC_VERSIONS = ("2019-08-15", "2019-11-01", "2020-06-01")
_NOT_FOUND = HttpReply(404, b"Not found.\n", "text/plain; charset=utf-8")
_NO_IDENTITY = "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."


class KeyFiles(Protocol):
    """The files that a host writes on its device."""

    def write(self, name: str, content: bytes, *, readable: bool = True) -> None:
        """Write the file ``name`` of the folder ``ARC_KEYS``; the program can read it or not."""
        ...

    def remove(self, name: str) -> None:
        """Remove that file, if it is there."""
        ...


class NoKeyFiles:
    """A device without files."""

    def write(self, name: str, content: bytes, *, readable: bool = True) -> None:
        """Write nothing."""

    def remove(self, name: str) -> None:
        """Remove nothing."""


class CredentialHost(Struct):
    """The host of ``device`` for one program. ``thumbprint``: SHA-1, in hex, of the certificate of a TLS listener."""

    provider: Provider
    device: Device
    files: KeyFiles = field(default_factory=NoKeyFiles)
    thumbprint: str = ""
    _header: str = field(default_factory=lambda: secrets.token_hex(16).upper())
    _challenges: dict[str, bytes] = field(default_factory=dict)

    @property
    def endpoint(self) -> Endpoint | None:
        """Where it listens; None if it serves nothing itself."""
        return find_endpoint(self.device.kind)

    def environment(self) -> dict[str, str]:  # noqa: PLR0911 - one for each kind
        """Return the variables that the real host sets for its programs.

        App Service and Service Fabric set those of the endpoint only where an identity is assigned. Sources: Azure App
        Service document "Use managed identities" (REST endpoint reference), Service Fabric document "Use a managed
        identity with an application".
        """
        endpoint = self.endpoint
        url = endpoint.url if endpoint else ""
        match self.device.kind:
            case "app-service" | "functions" | "service-fabric" if not self._has_identity():
                return {}
            case "app-service" | "functions":
                own = {"IDENTITY_ENDPOINT": url, "IDENTITY_HEADER": self._header}
                older = {"MSI_ENDPOINT": url, "MSI_SECRET": self._header}
                site = {
                    "WEBSITE_SITE_NAME": self.device.name,
                    "WEBSITE_HOSTNAME": f"{self.device.name}.azurewebsites.net",
                }
                functions = {"FUNCTIONS_EXTENSION_VERSION": "~4", "AZURE_FUNCTIONS_ENVIRONMENT": "Production"}
                return own | older | site | (functions if self.device.kind == "functions" else {})
            case "automation":
                return {
                    "IDENTITY_ENDPOINT": url,
                    "IDENTITY_HEADER": self._header,
                    "AUTOMATION_ASSET_ACCOUNTID": make_guid(),
                }
            case "azure-ml":
                ids = self.provider.estate.user_assigned_identities(self.device)
                default = {"DEFAULT_IDENTITY_CLIENT_ID": ids[0].effective_client_id} if len(ids) == 1 else {}
                return {"MSI_ENDPOINT": url, "MSI_SECRET": self._header} | default
            case "arc":
                return {"IDENTITY_ENDPOINT": url, "IMDS_ENDPOINT": url.partition("/metadata")[0]}
            case "service-fabric":
                return {
                    "IDENTITY_ENDPOINT": url,
                    "IDENTITY_HEADER": self._header,
                    "IDENTITY_SERVER_THUMBPRINT": self.thumbprint,
                    "IDENTITY_API_VERSION": "2019-07-01-preview",
                }
            case "cloud-shell":
                return {"MSI_ENDPOINT": url, "ACC_CLOUD": "PROD", "AZUREPS_HOST_ENVIRONMENT": "cloud-shell/1.0"}
            case "ssh":
                return {"SSH_CONNECTION": "192.0.2.77 50022 192.0.2.78 22", "SSH_CLIENT": "192.0.2.77 50022 22"}
            case _:
                return {}

    def _has_identity(self) -> bool:
        """Whether an identity is assigned to the device now; a fault may have taken the last one."""
        estate = self.provider.estate
        device = estate.device(self.device.name) or self.device
        return estate.system_assigned_identity(device) is not None or bool(estate.user_assigned_identities(device))

    def step_of(self, call: Call) -> SignInStep:
        """Return the step of a request; it depends on the path only."""
        endpoint = self.endpoint
        tokens = endpoint is not None and lower_path(call.path) == lower_path(
            tuple(endpoint.path.strip("/").split("/"))
        )
        return SignInStep.MANAGED_IDENTITY if tokens else SignInStep.OTHER

    def respond(self, call: Call) -> HttpReply:  # noqa: PLR0911 - one for each kind
        """Answer one request. Never raises."""
        if self.step_of(call) is not SignInStep.MANAGED_IDENTITY:
            return self._describe_instance(call) if self.endpoint is IMDS else _NOT_FOUND
        if call.repeated:
            return self._refuse(f"The parameter {call.repeated[:64]} is there twice.")
        match self.device.kind:
            case "vm" | "scale-set":
                return self._imds(call)
            case "aks-pod":
                return self._pod(call)
            case "app-service" | "functions" | "automation" | "azure-ml":
                return self._app_service(call)
            case "arc":
                return self._arc(call)
            case "service-fabric":
                return self._fabric(call)
            case _:
                return self._cloud_shell(call)

    def _refuse(self, text: str) -> HttpReply:
        """Refuse a request that has a parameter twice, in the form of the host.

        IMDS documents this as ``invalid_request`` (Entra document "How to use managed identities on an Azure VM to
        acquire an access token", error table). Of the others nobody says which of the two values they take.
        """
        match self.device.kind:
            case "app-service" | "functions" | "automation" | "azure-ml":
                return refuse_as_app_service(text, 400)
            case "service-fabric":
                return refuse_as_fabric("ArgumentNullOrEmpty", text)
            case "aks-pod":
                return refuse_as_text(text, 400)
            case _:
                return refuse_as_imds(text)

    def _imds(self, call: Call) -> HttpReply:
        """Answer as the Instance Metadata Service of a virtual machine.

        A request that names no identity gets the system-assigned one, or the only user-assigned one.
        """
        if problem := _check_imds_request(call, IMDS_VERSIONS):
            return problem
        return self._reply(call, call.query)

    def _reply(self, call: Call, fields: Mapping[str, str]) -> HttpReply:
        try:
            token, _ = self._issue(call, fields)
        except IdentityNotFoundError as error:
            return refuse_as_imds(str(error))
        except AadstsError as error:
            unknown = error.code in (500011, 500014)
            return refuse_as_imds(describe(error), "invalid_resource" if unknown else "unauthorized_client")
        return reply_with_token(token, call.now)

    def _pod(self, call: Call) -> HttpReply:
        """Answer as NMI, which stands between a pod and IMDS: errors are plain text.

        Source: aad-pod-identity issues 257, 472 and 585 (texts and status codes of version 1.6.1 and later).
        """
        if call.join_fields("Metadata").lower() != "true":
            return refuse_as_text("metadata header is not specified", 400)
        if not call.query.get("resource"):
            return refuse_as_text("parameter resource cannot be empty", 400)
        try:
            token, _ = self._issue(call, call.query)
        except IdentityNotFoundError:
            wanted = call.query.get("client_id", "")[:64]
            named = f" for request clientID {wanted}" if wanted else f" for pod default/{self.device.name}"
            return refuse_as_text(f"no azure identity found{named}", 404)
        except AadstsError as error:
            return refuse_as_text(f"failed to get service principal token, error: {describe(error)}", 403)
        return reply_with_token(token, call.now)

    def _app_service(self, call: Call) -> HttpReply:  # noqa: PLR0911 - one for each check
        """Answer as App Service, Functions, Automation, or a compute of Azure Machine Learning.

        Automation needs no version: the sample of its document has none, and programs send that of IMDS (Azure
        Automation document "Use a system-assigned managed identity", azure-powershell issue 24409).
        """
        old = call.query.get("api-version") == "2017-09-01"
        sent = call.join_fields("secret" if old else "X-IDENTITY-HEADER")
        if call.method != "GET":
            return refuse_as_app_service("Method not allowed", 405)
        if not secrets.compare_digest(sent.encode(), self._header.encode()):
            return refuse_as_app_service("Unauthorized", 401)
        wants_version = not old and self.device.kind != "automation"
        if wants_version and call.query.get("api-version", "") not in ("2019-08-01", "2020-06-01"):
            return refuse_as_app_service("The api-version is missing or is not supported.", 400)
        if not call.query.get("resource"):
            return refuse_as_app_service("The parameter resource is missing.", 400)
        try:
            parameters = VERSION_2017_PARAMETERS if old else APP_SERVICE_PARAMETERS
            token, _ = self._issue(call, call.query, parameters, single=False)
        except IdentityNotFoundError:
            return refuse_as_app_service(_NO_IDENTITY, 400)
        except AadstsError as error:
            return refuse_as_app_service(describe(error), 500)
        in_words = old and self.device.kind != "azure-ml"
        return reply_with_token(token, call.now, expires_in=False, in_words=in_words)

    def _arc(self, call: Call) -> HttpReply:
        """Answer as the agent of Azure Arc: first a challenge with the name of a key file, then the token.

        A key is good for one request. Source: Azure Arc document "Authenticate against Azure resources with Azure
        Arc-enabled servers".
        """
        if problem := _check_imds_request(call, _ARC_VERSIONS):
            return problem
        scheme, _, sent = call.join_fields("Authorization").partition(" ")
        if not sent:
            name = f"{make_guid()}.key"
            self._challenges[name] = secrets.token_hex(32).encode()
            conditions = self.provider.host_conditions
            width = 5000 if ARC_KEY_TOO_LARGE in conditions else 0
            self.files.write(
                name, self._challenges[name].ljust(width, b"0"), readable=ARC_KEY_FORBIDDEN not in conditions
            )
            headers = (("WWW-Authenticate", f"Basic realm={ARC_KEYS}/{name}"),)
            return HttpReply(401, b"", "text/plain; charset=utf-8", headers)
        name = next((each for each, key in self._challenges.items() if key.decode() == sent), "")
        if scheme.lower() != "basic" or not name:
            return refuse_as_imds("The key of the request is not the one of an open challenge.", "unauthorized", 403)
        del self._challenges[name]
        self.files.remove(name)
        return self._reply(call, call.query)

    def _fabric(self, call: Call) -> HttpReply:  # noqa: PLR0911 - one for each check
        """Answer as Service Fabric."""
        if call.method != "GET":
            return refuse_as_fabric("MethodNotAllowed", "Only GET is supported.", 405)
        if not secrets.compare_digest(call.join_fields("Secret").encode(), self._header.encode()):
            return refuse_as_fabric("SecretHeaderNotFound", "Secret is not found in the request headers.")
        if call.query.get("api-version") != "2019-07-01-preview":
            return refuse_as_fabric("InvalidApiVersion", "The api-version is not supported.")
        if not call.query.get("resource"):
            return refuse_as_fabric(
                "ArgumentNullOrEmpty", "The parameter 'resource' should not be null or empty string."
            )
        try:
            token, _ = self._issue(call, call.query)
        except IdentityNotFoundError:
            return refuse_as_fabric("ManagedIdentityNotFound", "Managed identity not found for application.", 404)
        except AadstsError as error:
            return refuse_as_fabric("InternalServerError", describe(error), 500)
        return reply_with_token(token, call.now, numbers=True, expires_in=False)

    def _cloud_shell(self, call: Call) -> HttpReply:
        """Answer as a Cloud Shell, with a token of the user. Java sends a GET with a query, other libraries a form.

        A request that names an identity is refused, since the token would be of somebody else: unconfirmed. The
        libraries refuse it themselves.
        """
        try:
            repeated: list[str] = []
            fields = call.query if call.method == "GET" else read_fields(call.body.decode("utf-8"), 32, repeated)
        except ValueError:
            return refuse_as_imds("The form cannot be read.")
        if repeated:
            return self._refuse(f"The parameter {repeated[0][:64]} is there twice.")
        if call.join_fields("Metadata").lower() != "true":
            return refuse_as_imds("Required metadata header not specified")
        user = self.provider.directory.find_user(self.device.user)
        if user is None or not fields.get("resource"):
            return refuse_as_imds("The parameter resource is missing.")
        position = len(call.trace_buffer.events)
        asked = " ".join(f"{each} {fields[each]}" for each in fields if each.lower() in IDENTITY_PARAMETERS)[:512]
        reply, client = refuse_as_imds("A Cloud Shell has no managed identities, only its user."), ""
        if not asked:
            try:
                token = issue_shell_token(self.provider, call, user, fields["resource"])
                reply, client = reply_with_token(token, call.now), token.client_id
            except AadstsError as error:
                reply = refuse_as_imds(describe(error), "invalid_resource")
        event = ManagedIdentityRequested(
            host_kind=self.device.kind,
            device=self.device.name,
            requested=asked,
            identity=user.upn if client else "",
            client_id=client,
            resource=fields["resource"][:256],
            error=reply.error_description,
        )
        call.trace_buffer.events.insert(position, event)
        return reply

    def _issue(
        self,
        call: Call,
        fields: Mapping[str, str],
        parameters: Parameters = IMDS_PARAMETERS,
        *,
        single: bool = True,
    ) -> tuple[HostToken, ManagedIdentity]:
        """Issue a token of the identity that ``fields`` name, and record which was asked for and which was given."""
        estate, resource = self.provider.estate, fields.get("resource", "")
        device = estate.device(self.device.name) or self.device  # a fault may have taken an identity from it
        asked, given, error = "", None, ""
        position = len(call.trace_buffer.events)  # the request comes before the token
        try:
            request = read_identity_request(fields, parameters)
            asked = str(request)
            identities = estate.user_assigned_identities(device)
            given = select_identity(
                request, estate.system_assigned_identity(device), identities, single_user_assigned=single
            )
            return issue_managed_identity_token(self.provider, call, given, resource), given
        except IdentityNotFoundError as problem:
            error = str(problem)
            raise
        except AadstsError as problem:
            error = describe(problem)
            raise
        finally:
            call.trace_buffer.events.insert(
                position,
                ManagedIdentityRequested(
                    host_kind=self.device.kind,
                    device=self.device.name,
                    requested=asked,
                    identity=given.name if given and not error else "",
                    client_id=given.effective_client_id if given and not error else "",
                    resource=resource[:256],
                    error=error,
                    ignored=list_ignored_parameters(fields, parameters),
                ),
            )

    def _describe_instance(self, call: Call) -> HttpReply:
        """Answer requests for metadata of the machine."""
        if lower_path(call.path)[:2] != ("metadata", "instance"):
            return _NOT_FOUND
        estate = self.provider.estate
        home = estate.tenant(self.device.tenant) if self.device.tenant else next(iter(estate.tenants), None)
        return describe_instance(call, self.device, cloud_name_of(estate.cloud_of(home).cloud_instance_name))


def _check_imds_request(call: Call, versions: tuple[str, ...]) -> HttpReply | None:
    """Return the refusal of a request that IMDS does not accept; None for an acceptable one.

    A request without the header ``Metadata``, as a probe sends it, gets an error, and so does one that a proxy has
    forwarded. Source: Azure document "Azure Instance Metadata Service for virtual machines", security.
    """
    if call.join_fields("Metadata").lower() != "true":
        return refuse_as_imds("Required metadata header not specified")
    if "X-Forwarded-For" in call.headers:
        return refuse_as_imds("Forwarded requests are not supported")
    if call.method != "GET":
        return refuse_as_imds("Method not allowed", "method_not_allowed", 405)
    version = call.query.get("api-version", "")
    if version not in versions:
        known = ", ".join(versions[-3:])
        return refuse_as_imds(f"The api-version is missing or is not supported; supported: {known}")
    if not call.query.get("resource"):
        return refuse_as_imds("Required audience parameter not specified")
    return None

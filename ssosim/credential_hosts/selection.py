"""Which managed identity a request means: a pure function. A wrong id is an error, and never another identity.

Sources: Entra document "How to use managed identities on an Azure VM to acquire an access token" (parameters, and what
a machine does without them), Azure App Service document "Use managed identities" (parameters with other names).
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from ssosim.estate import ManagedIdentity

__all__ = [
    "APP_SERVICE_PARAMETERS",
    "IDENTITY_PARAMETERS",
    "IMDS_PARAMETERS",
    "VERSION_2017_PARAMETERS",
    "IdentityNotFoundError",
    "IdentityRequest",
    "Parameters",
    "list_ignored_parameters",
    "read_identity_request",
    "select_identity",
]

Parameters = Mapping[str, str]
"""The parameters by which requests to a host name an identity, and what each names. The host ignores all others."""

IMDS_PARAMETERS: Parameters = {
    "client_id": "client_id",
    "object_id": "object_id",
    "msi_res_id": "resource_id",
    "mi_res_id": "resource_id",
}
"""MSAL for Java sends ``mi_res_id``, the other libraries ``msi_res_id``. A request with ``clientid`` names none, and
gets the token of the default identity (aad-pod-identity issue 427)."""

APP_SERVICE_PARAMETERS: Parameters = {
    "client_id": "client_id",
    "object_id": "object_id",
    "principal_id": "object_id",
    "mi_res_id": "resource_id",
}

VERSION_2017_PARAMETERS: Parameters = {"clientid": "client_id"}
"""The parameter of version 2017-09-01, at App Service and Azure Machine Learning."""


IDENTITY_PARAMETERS = ("client_id", "clientid", "object_id", "principal_id", "msi_res_id", "mi_res_id", "resource_id")
"""All names, in lower case, by which some host, version or library names an identity."""


def list_ignored_parameters(fields: Mapping[str, str], parameters: Parameters) -> str:
    """Return the parameters of ``fields`` that name an identity elsewhere, and not here, separated by blanks.

    A host answers as if they were not there: the program gets the default identity and not the one that it named. So
    it does for a parameter without a value (Agents-for-js issue 1075).
    Source: the incident of Az 5.0 (AZ5-014), aad-pod-identity issue 427.
    """
    named = [each for each in fields if each.lower() in IDENTITY_PARAMETERS]
    return " ".join(
        each if fields[each] else f"the empty {each}" for each in named if each not in parameters or not fields[each]
    )


class IdentityNotFoundError(Exception):
    """No identity fits. ``reason`` distinguishes the cases; the text is for the reply."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class IdentityRequest(Struct, frozen=True):
    """The identity that a request names: what its value is (``client_id`` and others), the parameter and the value.

    All are empty if the request names none.
    """

    names: str = ""
    parameter: str = ""
    value: str = ""

    def __str__(self) -> str:
        return f"{self.parameter} {self.value[:512]}" if self.parameter else ""


def read_identity_request(fields: Mapping[str, str], parameters: Parameters = IMDS_PARAMETERS) -> IdentityRequest:
    """Read the identity that the parameters of a request name. An empty parameter names none.

    Raises IdentityNotFoundError (``ambiguous``) if two parameters name one.
    """
    found = [
        IdentityRequest(names, parameter, fields[parameter])
        for parameter, names in parameters.items()
        if fields.get(parameter)
    ]
    if len(found) > 1:
        given = ", ".join(each.parameter for each in found)
        raise IdentityNotFoundError(
            "ambiguous", f"Only one of client_id, object_id and msi_res_id may be sent: {given}"
        )
    return found[0] if found else IdentityRequest()


def select_identity(
    request: IdentityRequest,
    system: ManagedIdentity | None,
    user_assigned: tuple[ManagedIdentity, ...],
    *,
    single_user_assigned: bool = True,
) -> ManagedIdentity:
    """Return the identity that ``request`` means on a device with these identities.

    Without an id that is the system-assigned one; without that, with ``single_user_assigned``, the only user-assigned
    one. Raises IdentityNotFoundError: ``not-found``, or ``several`` if there are more than one.
    """
    if request.parameter:
        wanted = request.value.lower()
        known_here = user_assigned if system is None else (*user_assigned, system)
        for identity in known_here:
            known = {
                "client_id": identity.effective_client_id,
                "object_id": identity.effective_object_id,
                "resource_id": identity.effective_resource_id,
            }
            if known[request.names].lower() == wanted:
                return identity
        raise IdentityNotFoundError("not-found", "Identity not found")
    if system is not None:
        return system
    if single_user_assigned and len(user_assigned) == 1:
        return user_assigned[0]
    if single_user_assigned and user_assigned:
        raise IdentityNotFoundError(
            "several",
            "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the "
            "token request",
        )
    raise IdentityNotFoundError("not-found", "Identity not found")

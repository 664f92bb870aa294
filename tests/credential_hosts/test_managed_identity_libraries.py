"""ManagedIdentityCredential in four languages, unmodified, on every host: the identity that it names, or an error."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import Result
from .estates import BILLING, ORDERS
from .libraries import pair

Play = Callable[..., Result]

CLIENT, OBJECT, RESOURCE = ORDERS.effective_client_id, ORDERS.effective_object_id, ORDERS.effective_resource_id
GIVEN = {
    "vm": ("vm", "", "/virtualMachines/vm"),
    "vm-client": ("vm", f"client_id={CLIENT}", "/userAssignedIdentities/orders"),
    "vm-object": ("vm", f"object_id={OBJECT}", "/userAssignedIdentities/orders"),
    "vm-resource": ("vm", f"resource_id={RESOURCE}", "/userAssignedIdentities/orders"),
    "vm-only-one": ("vm-user-assigned", "", "/userAssignedIdentities/orders"),
    "scale-set": ("scale-set", "", "/virtualMachineScaleSets/scale-set"),
    "app-service": ("app-service", "", "/sites/app-service"),
    "app-service-client": ("app-service", f"client_id={CLIENT}", "/userAssignedIdentities/orders"),
    "app-service-object": ("app-service", f"object_id={OBJECT}", "/userAssignedIdentities/orders"),
    "app-service-resource": ("app-service", f"resource_id={RESOURCE}", "/userAssignedIdentities/orders"),
    "functions": ("functions", f"client_id={CLIENT}", "/userAssignedIdentities/orders"),
    "automation": ("automation", "", "/automationAccounts/automation"),
    "arc": ("arc", "", "/machines/arc"),
    "service-fabric": ("service-fabric", "", "/managedClusters/service-fabric"),
    "aks-pod": ("aks-pod", "", "/userAssignedIdentities/orders"),
    "aks-pod-client": ("aks-pod", f"client_id={CLIENT}", "/userAssignedIdentities/orders"),
    "azure-ml": ("azure-ml", f"client_id={CLIENT}", "/userAssignedIdentities/orders"),
}
"""By name: device, setting, and the end of the identity's resource id."""
_SAMPLE = dict.fromkeys(GIVEN, "") | {
    "vm": "node",
    "vm-resource": "node java",  # Java's is the only library that calls the parameter mi_res_id there
    "app-service": "node",
    "app-service-resource": "node",
    "arc": "node java",
    "service-fabric": "node",
    "azure-ml": "node",
}
_NO_MACHINE_LEARNING = [("java", "azure-ml")]  # it takes that host for a Cloud Shell


@pytest.mark.parametrize(("language", "case"), pair(_SAMPLE, _NO_MACHINE_LEARNING))
def test_the_identity_that_was_asked_for_signs_in(play: Play, language: str, case: str) -> None:
    """The token is that identity's, and trace and verdict say so (GO-020 to GO-024, PY-020 to PY-024, AZ5-015)."""
    device, setting, resource = GIVEN[case]
    result = play(language, device, "managed-identity", *([setting] if setting else []))
    assert result.get("claims", {}).get("xms_mirid", "").endswith(resource), result
    (asked,) = result.events("ManagedIdentityRequested")
    assert (asked["client_id"], bool(asked["requested"])) == (result["claims"]["appid"], bool(setting))
    assert asked["requested"].partition(" ")[2] == setting.partition("=")[2]


@pytest.mark.parametrize(("language", "case"), pair({"cloud-shell": "node"}))
def test_a_shell_gives_the_token_of_its_user(play: Play, language: str, case: str) -> None:
    """Java sends a GET with a query, the others a form; all get the token of the user (AZ5-006)."""
    assert play(language, case, "managed-identity")["claims"]["unique_name"] == "alice@contoso.com"


WRONG = {
    "vm": ("vm", "client_id"),
    "vm-object": ("vm", "object_id"),
    "vm-resource": ("vm", "resource_id"),
    "app-service": ("app-service", "client_id"),
    "app-service-object": ("app-service", "object_id"),
    "app-service-resource": ("app-service", "resource_id"),
    "azure-ml": ("azure-ml", "client_id"),
    "arc": ("arc", "client_id"),
    "service-fabric": ("service-fabric", "client_id"),
    "cloud-shell": ("cloud-shell", "client_id"),
}
_REFUSED_BY_THE_LIBRARY = {
    ("java", "arc"),
    ("java", "azure-ml"),
    *((language, "service-fabric") for language in ("python", "go", "node", "java")),
    *((language, "cloud-shell") for language in ("python", "go", "node", "java")),
}
_WRONG_SAMPLE = {
    "vm": "java",
    "vm-resource": "node",
    "app-service": "node",
    "azure-ml": "go",
    "arc": "node",
    "service-fabric": "go",
    "cloud-shell": "node",
}


@pytest.mark.parametrize(("language", "case"), pair(dict.fromkeys(WRONG, "") | _WRONG_SAMPLE))
def test_another_identity_is_never_given(play: Play, language: str, case: str) -> None:
    """An identity of the estate that this device does not have: an error, one answer, no token.

    Libraries refuse some hosts by themselves, since those have no user-assigned identities. GO-025, PY-025, AZ5-013,
    AZ5-014.
    """
    device, parameter = WRONG[case]
    values = {
        "client_id": BILLING.effective_client_id,
        "object_id": BILLING.effective_object_id,
        "resource_id": BILLING.effective_resource_id,
    }
    result = play(language, device, "managed-identity", f"{parameter}={values[parameter]}")
    assert "claims" not in result
    assert result.events("TokenIssued") == []
    if (language, case) in _REFUSED_BY_THE_LIBRARY:
        assert result.events("HttpExchange") == []
        return
    assert [status for status in result.statuses if status != 401] == [400]  # 401 is the challenge of Azure Arc
    (asked,) = result.events("ManagedIdentityRequested")
    assert asked["requested"].partition(" ")[2] == values[parameter]
    assert asked["identity"] == ""


_CLASSES = {
    "python": ("CredentialUnavailableError", "Identity not found"),
    "go": ("azidentity.AuthenticationFailedError", "the requested identity isn't assigned to this resource"),
    "node": ("CredentialUnavailableError", "Identity not found"),
    "java": ("ClientAuthenticationException", "The requested identity has not been assigned to this resource"),
}


@pytest.mark.parametrize(("language", "case"), pair({"vm-none": "node java"}))
def test_a_machine_without_an_identity(play: Play, language: str, case: str) -> None:
    """That for Java calls it failed, so a chain stops; the others unavailable, so it goes on (GO-025, PY-025)."""
    result = play(language, case, "managed-identity")
    kind, text = _CLASSES[language]
    if language == "go":  # without an id it is unavailable there
        kind, text = "azidentity.credentialUnavailableError", "failed to authenticate a system assigned identity"
    assert (result["error"], text in result["text"]) == (kind, True), result


def test_a_library_that_does_not_know_a_host_gets_nothing(play: Play) -> None:
    """The library for Java takes a compute of Azure Machine Learning for a Cloud Shell: 401, and no token."""
    result = play("java", "azure-ml", "managed-identity")
    assert (result.statuses, result["error"]) == ([401], "ClientAuthenticationException")

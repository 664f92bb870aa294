"""Which identity a host gives: the one that was asked for, or an error, and never another one."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from ssosim.credential_hosts import IdentityNotFoundError, IdentityRequest, select_identity
from ssosim.estate import ManagedIdentity
from ssosim.trace import HttpExchange, ManagedIdentityRequested, SignInStep, TokenIssued

from .conftest import claims_of
from .estates import ARM, BILLING, ORDERS

SYSTEM = ManagedIdentity(name="system", system_assigned=True)
NAMES = {
    "client_id": ORDERS.effective_client_id,
    "object_id": ORDERS.effective_object_id,
    "msi_res_id": ORDERS.effective_resource_id,
    "mi_res_id": ORDERS.effective_resource_id,
}


@pytest.mark.parametrize("parameter", NAMES)
@pytest.mark.parametrize("change", [str, str.upper, str.lower])
def test_each_name_of_an_identity_gives_its_token(on: Any, parameter: str, change: Any) -> None:
    """Client id, object id and both spellings of the resource id name the same identity, in any case."""
    program = on("vm")
    answer = program.imds(**{parameter: change(NAMES[parameter])})
    claims = claims_of(answer)
    assert (answer.status, claims["appid"], claims["oid"]) == (200, NAMES["client_id"], NAMES["object_id"])
    assert claims["xms_mirid"] == NAMES["msi_res_id"]
    (asked,) = program.events(ManagedIdentityRequested)
    assert (asked.requested.split()[0], asked.identity, asked.client_id) == (parameter, "orders", NAMES["client_id"])


@pytest.mark.parametrize("parameter", NAMES)
@pytest.mark.parametrize("device", ["vm", "vm-user-assigned", "vm-none", "scale-set", "aks-pod"])
@pytest.mark.parametrize("value", ["another device's", "unknown", "of another kind"])
def test_a_wrong_id_is_an_error(on: Any, parameter: str, device: str, value: str) -> None:
    """An identity of another device, an unknown id, and an id in the wrong parameter: no token of any identity."""
    others = {
        "client_id": BILLING.effective_client_id,
        "object_id": BILLING.effective_object_id,
        "msi_res_id": BILLING.effective_resource_id,
        "mi_res_id": BILLING.effective_resource_id,
    }
    wrong = {"another device's": others[parameter], "unknown": "0" * 8, "of another kind": SYSTEM.effective_client_id}
    if value == "of another kind" and parameter == "object_id":
        wrong[value] = ORDERS.effective_client_id
    program = on(device)
    answer = program.imds(**{parameter: wrong[value]})
    assert answer.status == (404 if device == "aks-pod" else 400)
    assert b"access_token" not in answer.body
    (asked,) = program.events(ManagedIdentityRequested)
    assert (asked.identity, asked.client_id, bool(asked.error)) == ("", "", True)
    assert program.events(TokenIssued) == []


def test_without_an_id_the_device_decides(on: Any) -> None:
    """The system-assigned identity; without one the only user-assigned one; with several or none, an error."""
    assert claims_of(on("vm").imds())["xms_mirid"].endswith("/virtualMachines/vm")
    assert claims_of(on("vm-user-assigned").imds())["appid"] == ORDERS.effective_client_id
    for device, text in (("vm-two", "Multiple user assigned identities exist"), ("vm-none", "Identity not found")):
        answer = on(device).imds()
        said = json.loads(answer.body)
        assert (answer.status, said["error"]) == (400, "invalid_request")
        assert said["error_description"].startswith(text)


def test_app_service_does_not_choose_a_user_assigned_identity(on: Any) -> None:
    """Without an id App Service has the system-assigned identity or none: a single user-assigned one must be named."""
    program = on("functions")
    assert program.app_service().status == 400
    assert claims_of(program.app_service(client_id=ORDERS.effective_client_id))["appid"] == ORDERS.effective_client_id
    assert on("app-service").app_service(client_id="0" * 8).status == 400


def test_two_ids_in_one_request_are_refused(on: Any) -> None:
    """A request that names an identity twice gets no token, even if both names are right."""
    for first, second in itertools.combinations(NAMES, 2):
        answer = on("vm").imds(**{first: NAMES[first], second: NAMES[second]})
        assert answer.status == 400


def test_selection_never_returns_what_was_not_asked_for() -> None:
    """For every set of identities and every id: the identity with that id, or an error."""
    known = (ORDERS, BILLING)
    for count in range(3):
        for assigned, system in itertools.product(itertools.permutations(known, count), (None, SYSTEM)):
            for wanted in (*known, SYSTEM):
                request = IdentityRequest("client_id", "client_id", wanted.effective_client_id)
                if wanted in assigned or wanted is system:
                    assert select_identity(request, system, assigned) is wanted
                    continue
                with pytest.raises(IdentityNotFoundError):
                    select_identity(request, system, assigned)


def test_the_trace_has_the_step_and_the_error(on: Any) -> None:
    """An exchange with a host has its own step, whoever answers, and the text of the error."""
    program = on("vm-none")
    program.imds()
    (exchange,) = program.events(HttpExchange)
    assert (exchange.step, exchange.status, exchange.code) == (SignInStep.MANAGED_IDENTITY, 400, None)
    assert exchange.error_description == "Identity not found"


def test_roles_are_those_of_the_identity(on: Any) -> None:
    """A token has the application roles of the identity for that API, and no delegated scopes."""
    claims = claims_of(on("vm").imds(resource="https://graph.microsoft.com", client_id=ORDERS.effective_client_id))
    assert (claims["roles"], claims["idtyp"], "scp" in claims) == (["User.Read.All"], "app", False)
    assert "roles" not in claims_of(on("vm").imds(resource="https://graph.microsoft.com"))


@pytest.mark.parametrize("resource", ["https://unknown.contoso.com", "api://not-there", "no uri", "https://"])
def test_an_unknown_resource_is_refused(on: Any, resource: str) -> None:
    """No token for an API that the tenant does not have: invalid_resource with AADSTS500011."""
    answer = on("vm").imds(resource=resource)
    said = json.loads(answer.body)
    assert (answer.status, said["error"]) == (400, "invalid_resource")
    assert "AADSTS500011" in said["error_description"]


@pytest.mark.parametrize("parameter", ["clientid", "clientId", "principal_id", "resource_id", "msi_res_i"])
def test_a_misspelt_parameter_names_no_identity(on: Any, parameter: str) -> None:
    """IMDS ignores what it does not know: the default identity, and the trace says that none was asked for.

    Source: aad-pod-identity issue 427, in which a program took the token of another identity for its own.
    """
    program = on("vm")
    claims = claims_of(program.imds(**{parameter: ORDERS.effective_client_id}))
    assert claims["xms_mirid"].endswith("/virtualMachines/vm")
    (asked,) = program.events(ManagedIdentityRequested)
    assert (asked.requested, asked.identity) == ("", "vm")


def test_a_parameter_of_the_other_version_names_no_identity(on: Any) -> None:
    """App Service: ``clientid`` belongs to version 2017-09-01 and ``client_id`` to the later ones."""
    program = on("app-service")
    assert claims_of(program.app_service(clientid=ORDERS.effective_client_id))["xms_mirid"].endswith(
        "/sites/app-service"
    )
    old = program.send(
        "GET",
        f"{program.variables['MSI_ENDPOINT']}?api-version=2017-09-01&resource={ARM}&client_id={ORDERS.effective_client_id}",
        {"secret": program.variables["MSI_SECRET"]},
    )
    assert claims_of(old)["xms_mirid"].endswith("/sites/app-service")

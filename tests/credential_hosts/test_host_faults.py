"""Faults of hosts in memory: what a program gets, what the trace says, and that undoing one restores the host."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ssosim_clients.ports import NetworkFailure

from ssosim.credential_hosts.pipelines import PIPELINES_HOST
from ssosim.faults import FaultError, fault_from
from ssosim.trace import HttpExchange, SignInStep, TokenIssued

from .conftest import IMDS, claims_of
from .estates import ORDERS
from .test_hosts import arc


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 502, 503, 599])
@pytest.mark.parametrize("device", ["vm", "app-service", "arc"])
def test_a_status_comes_in_the_form_of_its_host(on: Any, status: int, device: str) -> None:
    """IMDS and Arc send ``error`` and ``error_description``, App Service ``statusCode``: the service's own answer."""
    program = on(device)
    undo = fault_from({"fault": "managed-identity-status", "status": status, "retry_after": 7}).apply(program.lab)
    answer = {"vm": program.imds, "app-service": program.app_service, "arc": lambda: arc(program)}[device]()
    said = json.loads(answer.body)
    assert (answer.status, answer.headers["Retry-After"]) == (status, "7")
    assert said["statusCode"] == status if device == "app-service" else said["error_description"]
    (exchange,) = program.events(HttpExchange)
    assert (exchange.injected, exchange.step) == (False, SignInStep.MANAGED_IDENTITY)
    assert program.events(TokenIssued) == []
    undo()
    assert {"vm": program.imds, "app-service": program.app_service, "arc": lambda: arc(program)}[device]().status in (
        200,
        401,
    )


def test_the_first_answers_are_slow(on: Any) -> None:
    """With ``first`` the delay ends: a probe meets it, and the request after it does not."""
    program = on("vm")
    fault_from({"fault": "managed-identity-slow", "seconds": 3, "first": 1}).apply(program.lab)
    began = program.lab.engine.now
    assert program.send("GET", IMDS).status == 400
    assert program.lab.engine.now - began == 3
    assert program.imds().status == 200
    assert program.lab.engine.now - began == 3


def test_a_silent_host_times_out(on: Any) -> None:
    """The connection is made, and no answer comes."""
    program = on("vm")
    fault_from({"fault": "managed-identity-silent"}).apply(program.lab)
    with pytest.raises(NetworkFailure) as caught:
        program.imds()
    assert (caught.value.stage, caught.value.kind) == ("read", "timeout")


@pytest.mark.parametrize(("how", "status"), [("bad-gateway", 502), ("gateway-timeout", 504), ("docker-desktop", 403)])
def test_a_proxy_answers_instead(on: Any, how: str, status: int) -> None:
    """Pages and texts that are not the host's own, which the trace marks; Docker's has the word "unreachable"."""
    program = on("vm")
    fault_from({"fault": "managed-identity-proxy", "how": how}).apply(program.lab)
    answer = program.imds()
    assert answer.status == status
    assert (b"unreachable" in answer.body) == (status == 403)
    assert program.events(HttpExchange)[0].injected


def test_an_identity_that_was_taken_away_is_not_replaced_by_another(on: Any) -> None:
    """A device that has lost an identity refuses it, although it has others; after the fault it has it again."""
    program = on("vm")
    undo = fault_from({"fault": "managed-identity-unassigned", "device": "vm", "identity": "orders"}).apply(program.lab)
    assert program.imds(client_id=ORDERS.effective_client_id).status == 400
    assert program.imds().status == 200
    undo()
    assert program.imds(client_id=ORDERS.effective_client_id).status == 200


def test_a_device_without_its_system_assigned_identity(on: Any) -> None:
    """The only user-assigned identity is then the default of IMDS; App Service has none."""
    program, site = on("vm"), on("app-service")
    fault_from({"fault": "managed-identity-unassigned"}).apply(program.lab)
    assert claims_of(program.imds())["appid"] == ORDERS.effective_client_id
    assert site.app_service().status == 400


@pytest.mark.parametrize(
    "fields", [{"device": "desk-1"}, {"identity": "unknown"}, {"device": "arc", "identity": "orders"}]
)
def test_an_identity_that_nobody_has_cannot_be_taken_away(on: Any, fields: dict[str, str]) -> None:
    """The fault would have no effect, so it is refused."""
    with pytest.raises(FaultError, match="no such device"):
        fault_from({"fault": "managed-identity-unassigned", **fields}).apply(on("vm").lab)


def test_a_pod_waits_for_its_identity(on: Any) -> None:
    """NMI holds the request, says 404 in plain text, and when to ask again."""
    program = on("aks-pod")
    fault_from({"fault": "pod-identity-not-ready", "hold": 20, "retry_after": 5, "first": 1}).apply(program.lab)
    began = program.lab.engine.now
    answer = program.imds()
    assert (answer.status, answer.headers["Retry-After"]) == (404, "5")
    assert program.lab.engine.now - began == 20
    assert program.imds().status == 200


@pytest.mark.parametrize("how", ["missing", "elsewhere", "no-realm", "too-large"])
def test_a_challenge_of_arc_leads_nowhere(on: Any, how: str) -> None:
    """No file, a file of another folder, no file name, or a file that is too large; a good key still works after."""
    program = on("arc")
    undo = fault_from({"fault": "arc-key", "how": how}).apply(program.lab)
    challenge = arc(program).headers["WWW-Authenticate"]
    name = challenge.rpartition("/")[2]
    if how == "too-large":
        assert len(program.files[name]) > 4096
    else:
        assert name not in program.files
    assert ("/var/opt/azcmagent/tokens/" in challenge) == (how in ("missing", "too-large"))
    undo()
    key = program.files[arc(program).headers["WWW-Authenticate"].rpartition("/")[2]].decode()
    assert arc(program, Authorization=f"Basic {key}").status == 200


def test_faults_of_hosts_leave_other_exchanges_alone(on: Any) -> None:
    """Metadata of the machine, and hosts of the cloud, are not asked for tokens."""
    program = on("vm")
    fault_from({"fault": "managed-identity-status"}).apply(program.lab)
    url = "http://169.254.169.254/metadata/instance/compute?api-version=2021-02-01"
    assert program.send("GET", url, {"Metadata": "true"}).status == 200


def test_http_faults_select_a_host_by_its_address(on: Any) -> None:
    """The general faults of HTTP exchanges work with the names of hosts too, where the estate has such a device."""
    program = on("vm")
    fault_from({"fault": "http-status", "host": "169.254.169.254", "status": 503}).apply(program.lab)
    assert program.imds().status == 503
    assert on("app-service").app_service().status == 200


def test_the_fault_of_pipelines_needs_the_service() -> None:
    """In an estate without the service it could have no effect, so it is refused."""
    from ssosim.estate import default_estate  # noqa: PLC0415 - only here
    from ssosim.memory import Engine, MemoryLab  # noqa: PLC0415 - likewise

    with pytest.raises(FaultError, match=PIPELINES_HOST):
        fault_from({"fault": "pipelines-oidc"}).apply(MemoryLab(Engine(), default_estate()))

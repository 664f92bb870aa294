"""Every kind of host, every set of identities, every way to name one: the identity that was named, or an error.

The rule is stated a second time here, apart from ``select_identity``: a table of which parameters each host reads.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from msgspec.structs import replace
from ssosim_clients.ports import HttpResponse

from ssosim.estate import Device
from ssosim.memory import Engine, MemoryLab
from ssosim.trace import ManagedIdentityRequested, TokenIssued

from .conftest import IMDS, Program, claims_of
from .estates import ARM, BILLING, ORDERS, make_estate

IMDS_READS = {"client_id", "object_id", "msi_res_id", "mi_res_id"}
READS = {
    "vm": IMDS_READS,
    "scale-set": IMDS_READS,
    "aks-pod": IMDS_READS,
    "arc": IMDS_READS,
    "service-fabric": IMDS_READS,
    "app-service": {"client_id", "object_id", "principal_id", "mi_res_id"},
    "functions": {"client_id", "object_id", "principal_id", "mi_res_id"},
    "automation": {"client_id", "object_id", "principal_id", "mi_res_id"},
    "azure-ml": {"clientid"},
}
"""The parameters by which each host lets a program name an identity."""
ALONE = {"vm", "scale-set", "aks-pod", "service-fabric"}
"""Hosts that give their only user-assigned identity to a program that names none."""
SETS: dict[str, tuple[bool, tuple[str, ...]]] = {
    "none": (False, ()),
    "system": (True, ()),
    "user": (False, ("orders",)),
    "both": (True, ("orders",)),
    "two": (False, ("orders", "billing")),
}
SILENT = {"app-service", "functions", "service-fabric"}
"""Hosts that set no variables where no identity is assigned."""
KINDS = [
    (kind, name)
    for kind in READS
    for name in SETS
    if (kind != "arc" or name in ("none", "system")) and (kind not in SILENT or name != "none")
]


def ask(program: Program, kind: str, fields: dict[str, str]) -> HttpResponse:
    """Ask the host of ``program`` for a token, as a library would."""
    variables, resource = program.variables, {"resource": ARM}
    if kind in ("vm", "scale-set", "aks-pod"):
        query = urlencode({"api-version": "2018-02-01"} | resource | fields)
        return program.send("GET", f"{IMDS}?{query}", {"Metadata": "true"})
    if kind == "azure-ml":
        query = urlencode({"api-version": "2017-09-01"} | resource | fields)
        return program.send("GET", f"{variables['MSI_ENDPOINT']}?{query}", {"secret": variables["MSI_SECRET"]})
    versions = {"arc": "2020-06-01", "service-fabric": "2019-07-01-preview"}
    query = urlencode({"api-version": versions.get(kind, "2019-08-01")} | resource | fields)
    url = f"{variables['IDENTITY_ENDPOINT']}?{query}"
    if kind == "service-fabric":
        return program.send("GET", url, {"Secret": variables["IDENTITY_HEADER"]})
    if kind == "arc":
        assert program.send("GET", url, {"Metadata": "true"}).status == 401
        (key,) = program.files.values()
        return program.send("GET", url, {"Metadata": "true", "Authorization": f"Basic {key.decode()}"})
    return program.send("GET", url, {"X-IDENTITY-HEADER": variables["IDENTITY_HEADER"]})


def start(kind: str, name: str) -> tuple[Program, dict[str, Any]]:
    """Start a program on a device of ``kind`` with this set of identities; the identities by their names."""
    system, assigned = SETS[name]
    device = Device(name="host", kind=kind, system_assigned_identity=system, user_assigned_identities=assigned)  # type: ignore[arg-type]
    estate = make_estate()
    lab = MemoryLab(Engine(1_790_000_000.0), replace(estate, devices=(*estate.devices, device)))
    identities: dict[str, Any] = {"orders": ORDERS, "billing": BILLING}
    own = lab.estate.system_assigned_identity(device)
    return Program(lab, "host"), identities | ({"system": own} if own is not None else {})


def names_of(identity: Any) -> dict[str, str]:
    """Return all parameters that name ``identity``, each with its value."""
    client, oid, rid = (
        identity.effective_client_id,
        identity.effective_object_id,
        identity.effective_resource_id,
    )
    values = {"client_id": client, "clientid": client, "object_id": oid, "principal_id": oid}
    return values | {"msi_res_id": rid, "mi_res_id": rid}


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_a_named_identity_or_an_error(kind: str, name: str) -> None:
    """Client id, object id and resource id in both spellings, right and wrong, and ids in each other's places.

    What a host does not read is named in the trace as ignored, and counts as not asked for.
    """
    program, identities = start(kind, name)
    system, assigned = SETS[name]
    here = {*assigned, *(["system"] if system else [])}
    default = "system" if system else assigned[0] if len(assigned) == 1 and kind in ALONE else ""
    strangers = {"unknown": "0f8fad5b-0000-4000-8000-000000000000", "a client id": ORDERS.effective_client_id}
    cases = [(parameter, value, who) for who, each in identities.items() for parameter, value in names_of(each).items()]
    cases += [(parameter, strangers["unknown"], "") for parameter in names_of(ORDERS)]
    cases += [(parameter, strangers["a client id"], "") for parameter in ("object_id", "mi_res_id", "msi_res_id")]
    for parameter, value, who in cases:
        program.files.clear()
        tokens = len(program.events(TokenIssued))
        answer = ask(program, kind, {parameter: value})
        asked = program.events(ManagedIdentityRequested)[-1]
        wanted = who if who in here else "" if parameter in READS[kind] else default
        if parameter not in READS[kind]:
            wanted = default
            assert (asked.requested, asked.ignored) == ("", parameter)
        given = [each for each in identities if asked.client_id == identities[each].effective_client_id]
        assert given == ([wanted] if wanted else []), (parameter, value, who)
        assert len(program.events(TokenIssued)) - tokens == bool(wanted)
        if wanted:
            assert claims_of(answer)["xms_mirid"] == identities[wanted].effective_resource_id
        else:
            assert (answer.status >= 400, b"access_token" in answer.body) == (True, False)


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_a_program_that_names_none(kind: str, name: str) -> None:
    """The system-assigned identity, or the only user-assigned one where the host has that rule, or an error."""
    program, identities = start(kind, name)
    system, assigned = SETS[name]
    answer = ask(program, kind, {})
    wanted = "system" if system else assigned[0] if len(assigned) == 1 and kind in ALONE else ""
    if wanted:
        assert claims_of(answer)["xms_mirid"] == identities[wanted].effective_resource_id
    else:
        assert (answer.status >= 400, program.events(TokenIssued)) == (True, [])


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("parameter", ["client_id", "clientid", "object_id", "msi_res_id", "mi_res_id"])
def test_a_shell_has_no_identity_but_its_user(on: Any, method: str, parameter: str) -> None:
    """A request that names an identity is refused, and is in the trace; without a name the user is in the trace."""
    program = on("cloud-shell")
    url, headers = program.variables["MSI_ENDPOINT"], {"Metadata": "true"}
    for named in (False, True):
        fields = urlencode({"resource": ARM} | ({parameter: names_of(ORDERS)[parameter]} if named else {}))
        body = fields.encode() if method == "POST" else b""
        answer = program.send(method, url if body else f"{url}?{fields}", headers, body)
        asked = program.events(ManagedIdentityRequested)[-1]
        assert (answer.status, asked.identity) == ((400, "") if named else (200, "alice@contoso.com"))
    assert asked.requested == f"{parameter} {names_of(ORDERS)[parameter]}"
    assert len(program.events(TokenIssued)) == 1


@pytest.mark.parametrize("kind", sorted(SILENT))
def test_a_host_without_an_identity_sets_no_variables(kind: str) -> None:
    """A program there finds nothing, takes itself for a machine, and waits for IMDS; with an identity it has them."""
    program, _ = start(kind, "none")
    assert not [name for name in program.variables if name.startswith(("IDENTITY_", "MSI_"))]
    program, _ = start(kind, "system")
    assert "IDENTITY_ENDPOINT" in program.variables


@pytest.mark.parametrize(("kind", "parameter"), [("vm", "client_id"), ("app-service", "mi_res_id")])
def test_a_parameter_without_a_value_names_none(kind: str, parameter: str) -> None:
    """The default identity, and the verdict says that the parameter was empty (Agents-for-js issue 1075)."""
    program, _ = start(kind, "both")
    assert ask(program, kind, {parameter: ""}).status == 200
    assert program.events(ManagedIdentityRequested)[-1].ignored == f"the empty {parameter}"

"""Real clients in the scenarios, and models against their originals, played once for all tests here.

What ``ssosim matrix`` plays as a whole is cut here to what says most: the incident for everybody; for those that have a
model the middlebox, a blip, a silent KDC and the fault rows.
"""

import os

import msgspec
import pytest

from ssosim.real_clients.client_choice import build_scenario_client
from ssosim.real_clients.installation import describe_missing_tools, is_installed
from ssosim.real_clients.lookup import ClientFlow, find_flows, list_shipped
from ssosim.real_clients.matrix import play_clients
from ssosim.real_clients.measured import find_measurement_differences
from ssosim.real_clients.model_comparison import compare, pair_with_models
from ssosim.scenario.loader import load_scenario

PARTS = {client_flow.name: client_flow for client in list_shipped("sign-in") for client_flow in find_flows(client.name)}
WITH_MODEL = [name for name, client_flow in PARTS.items() if client_flow.flow.model is not None]
AUTOLOGON = "HTTP/autologon.microsoftazuread-sso.com"
TRAFFIC_MANAGER = "HTTP/www.tm.a.prd.aadg.trafficmanager.net"


def _installed() -> list[ClientFlow]:
    return [client_flow for client_flow in PARTS.values() if is_installed(client_flow.client)]


def _scenarios():
    """Those of the matrix; of phases in which clients wait for long, or that are the same for programs, one."""
    for name in ("middlebox", "short-blip", "kdc-unreachable", "password-faults"):
        scenario = load_scenario(name)
        phases = tuple(phase for phase in scenario.phases if phase.name not in ("a-minute", "away-again"))
        yield msgspec.structs.replace(scenario, phases=phases)


@pytest.fixture(scope="module")
def played(prepared):
    """All cells."""
    kept = os.environ.get("SSOSIM_HOME")
    os.environ["SSOSIM_HOME"] = str(prepared.parent)
    try:
        client_flows = _installed()
        with_model = pair_with_models(client_flows)
        names = {client.name for client in with_model}
        others = [build_scenario_client(client_flow) for client_flow in client_flows if client_flow.name not in names]
        return (
            *play_clients([load_scenario("feb-2025")], [*with_model, *others]),
            *play_clients(list(_scenarios()), with_model),
        )
    finally:
        if kept is None:
            del os.environ["SSOSIM_HOME"]
        else:
            os.environ["SSOSIM_HOME"] = kept


@pytest.fixture
def client_flow(request) -> ClientFlow:
    """A flow that is installed."""
    found = PARTS[request.param]
    if not is_installed(found.client):
        pytest.skip(describe_missing_tools(found.client) or f"{found.client.name} is not installed: make clients")
    return found


@pytest.mark.parametrize("client_flow", WITH_MODEL, indirect=True)
def test_the_model_does_as_its_original_does(played, client_flow):
    """The same outcome, the same services asked for, the same requests, in every phase; deviations are listed."""
    assert compare(played, [client_flow]).wrong(client_flow.name) == []


@pytest.mark.parametrize("client_flow", list(PARTS), indirect=True)
def test_the_incident_comes_out_as_the_ticket_says(played, client_flow):
    """25 February 2025: who needs the autologon host is not signed in silently while it has no address (TMS9-001).

    Who canonicalises asks for a service that the KDC does not know while it is a CNAME (TMS9-082), who takes the name
    as typed does not; and all is as before when it is over.
    """
    cells = {cell.phase: cell for cell in played if cell.scenario == "feb-2025" and cell.client == client_flow.name}
    healthy, empty, cname, restored = (cells[name] for name in ("healthy", "record-empty", "cname", "restored"))
    assert (restored.outcome, restored.sent.spns) == (healthy.outcome, healthy.sent.spns), restored.reason
    if healthy.outcome == "silent" and AUTOLOGON in healthy.sent.spns:
        assert empty.outcome != "silent"
        assert empty.sent.spns == ()
        assert (cname.outcome == "silent") == (AUTOLOGON in cname.sent.spns), cname.reason
        if cname.outcome != "silent":
            assert TRAFFIC_MANAGER in cname.sent.spns
    elif healthy.outcome == "interactive" or not healthy.sent.spns:
        assert cname.outcome == healthy.outcome, cname.reason


def test_requests_are_as_they_were_measured(played):
    """The fault rows: tries of each step and the end, as measured before, or with the reason why not."""
    if not {"msal-python", "azure-identity", "adal-python"} <= {
        client_flow.client.name for client_flow in _installed()
    }:
        pytest.skip("msal-python, azure-identity and adal-python are not all installed: make clients")
    assert [str(each) for each in find_measurement_differences(played) if each.reason is None] == []

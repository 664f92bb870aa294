"""Real clients in the scenarios, and models against their originals, played once for all tests here.

What ``ssosim matrix`` plays as a whole is cut here to what says most: the incident for everybody; for those that have a
model the middlebox, a blip, a silent KDC and the fault rows.
"""

import os

import msgspec
import pytest

from ssosim.real_clients.client_choice import as_client
from ssosim.real_clients.installation import is_installed, lacking_text
from ssosim.real_clients.lookup import Part, find_flows, shipped
from ssosim.real_clients.matrix import play_clients
from ssosim.real_clients.measured import departures
from ssosim.real_clients.model_comparison import compare, with_models
from ssosim.scenario.loader import load_scenario

PARTS = {part.name: part for original in shipped() for part in find_flows(original.name)}
WITH_MODEL = [name for name, part in PARTS.items() if part.flow.model is not None]
AUTOLOGON = "HTTP/autologon.microsoftazuread-sso.com"
TRAFFIC_MANAGER = "HTTP/www.tm.a.prd.aadg.trafficmanager.net"


def _installed() -> list[Part]:
    return [part for part in PARTS.values() if is_installed(part.original)]


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
        parts = _installed()
        with_model = with_models(parts)
        names = {client.name for client in with_model}
        others = [as_client(part) for part in parts if part.name not in names]
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
def part(request) -> Part:
    """A flow that is installed."""
    found = PARTS[request.param]
    if not is_installed(found.original):
        pytest.skip(lacking_text(found.original) or f"{found.original.name} is not installed: make clients")
    return found


@pytest.mark.parametrize("part", WITH_MODEL, indirect=True)
def test_the_model_does_as_its_original_does(played, part):
    """The same outcome, the same services asked for, the same requests, in every phase; deviations are listed."""
    assert compare(played, [part]).wrong(part.name) == []


@pytest.mark.parametrize("part", list(PARTS), indirect=True)
def test_the_incident_comes_out_as_the_ticket_says(played, part):
    """25 February 2025: who needs the autologon host is not signed in silently while it has no address (TMS9-001).

    Who canonicalises asks for a service that the KDC does not know while it is a CNAME (TMS9-082), who takes the name
    as typed does not; and all is as before when it is over.
    """
    cells = {cell.phase: cell for cell in played if cell.scenario == "feb-2025" and cell.client == part.name}
    healthy, empty, cname, restored = (cells[name] for name in ("healthy", "record-empty", "cname", "restored"))
    assert (restored.outcome, restored.seen.spns) == (healthy.outcome, healthy.seen.spns), restored.reason
    if healthy.outcome == "silent" and AUTOLOGON in healthy.seen.spns:
        assert empty.outcome != "silent"
        assert empty.seen.spns == ()
        assert (cname.outcome == "silent") == (AUTOLOGON in cname.seen.spns), cname.reason
        if cname.outcome != "silent":
            assert TRAFFIC_MANAGER in cname.seen.spns
    elif healthy.outcome == "interactive" or not healthy.seen.spns:
        assert cname.outcome == healthy.outcome, cname.reason


def test_requests_are_as_they_were_measured(played):
    """The fault rows: tries of each step and the end, as measured before, or with the reason why not."""
    if not {"msal-python", "azure-identity", "adal-python"} <= {part.original.name for part in _installed()}:
        pytest.skip("msal-python, azure-identity and adal-python are not all installed: make clients")
    assert [str(each) for each in departures(played) if each.reason is None] == []

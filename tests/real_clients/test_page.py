"""The page of the matrix that is checked in."""

from pathlib import Path

from ssosim.real_clients.lookup import find_flows, list_shipped
from ssosim.real_clients.markdown import render_header
from ssosim.real_clients.matrix import SCENARIOS, SPNEGO_SCENARIOS
from ssosim.scenario.loader import load_scenario

ROOT = Path(__file__).parents[2]


def test_the_page_is_of_the_present_flows_and_scenarios():
    """docs/matrix.md was made after the last change of flows or scenarios; its figures are nobody's business here."""
    client_flows = [client_flow for client in list_shipped("sign-in") for client_flow in find_flows(client.name)]
    page = (ROOT / "docs/matrix.md").read_text(encoding="utf-8")
    wanted = render_header(client_flows, [load_scenario(name) for name in SCENARIOS])
    assert page.startswith(wanted), "make it again: ssosim matrix --write docs/matrix.md"


def test_the_page_of_negotiate_is_of_the_present_flows():
    """docs/spnego-matrix.md was made after the last change of the flows of its set."""
    client_flows = [client_flow for client in list_shipped("spnego") for client_flow in find_flows(client.name)]
    page = (ROOT / "docs/spnego-matrix.md").read_text(encoding="utf-8")
    wanted = render_header(client_flows, [load_scenario(name) for name in SPNEGO_SCENARIOS], "spnego")
    assert page.startswith(wanted), "make it again: ssosim matrix --set spnego --write docs/spnego-matrix.md"

"""The matrix of credentials: its page, a sample of it, and what a row says."""

from __future__ import annotations

from pathlib import Path

import pytest

from ssosim.real_clients.batch import Cell
from ssosim.real_clients.credential_matrix import (
    CLIENT,
    HOSTS,
    build_rows,
    load_faults,
    play_credentials,
    render_credential_header,
    render_credential_page,
)
from ssosim.real_clients.lookup import find_flows, find_real_clients
from ssosim.verdict.outcome import Outcome
from tests.real_client_setup import prepare

PAGE = Path(__file__).parents[2] / "docs" / "credential-matrix.md"
SAMPLE = ("host-400", "token-stale")


def test_the_page_is_of_the_present_faults_and_hosts() -> None:
    """docs/credential-matrix.md was made after the last change of faults and hosts."""
    page = PAGE.read_text(encoding="utf-8")
    assert page.startswith(render_credential_header()), (
        "ssosim matrix --set credentials --write docs/credential-matrix.md"
    )
    rows = [line for line in page.splitlines() if line.startswith("| `") and line.count("|") == 6]
    assert [line.split("|")[1:3] for line in rows] == [
        [f" `{phase.name}` ", f" {host} "] for phase in load_faults().phases for host in HOSTS
    ]


def test_every_host_has_both_flows() -> None:
    """The real client has a flow with the credential alone, and one with a chain, on each host."""
    names = {each.flow.name for each in find_flows(CLIENT)}
    assert {f"{flow}-{host}" for flow in ("on", "chain-on") for host in HOSTS} <= names


@pytest.mark.parametrize(
    ("outcome", "reason", "chain"),
    [
        (Outcome.SILENT, "signed in without a prompt by the managed identity vm-1 of vm-1 (vm)", "not needed"),
        (Outcome.SILENT, "signed in without a prompt by a client secret of 7c1c2b4e", "goes on"),
        (Outcome.FAILED, "it ended with exit code 1", "stops: failed"),
        (Outcome.REFUSED, "management.azure.com answered 401", "stops: refused"),
    ],
)
def test_what_a_chain_did_is_judged_from_the_wire(outcome: Outcome, reason: str, chain: str) -> None:
    """A chain went on if its second credential signed in; it stopped if nothing did."""
    cells = [
        Cell(scenario="s", phase="healthy", client=f"{CLIENT}/{flow}-vm", outcome=outcome, reason=reason)
        for flow in ("on", "chain-on")
    ]
    (row,) = build_rows(load_faults().phases[:1], ("vm",), cells)
    assert row.chain == chain
    assert list(row.cells) == cells


def test_a_sample_is_as_the_page_says() -> None:
    """Two faults on two hosts give the outcomes of the page; GO-025, PY-025, PY-002, AZ5-030."""
    (client,) = find_real_clients([CLIENT])
    prepare(client)
    hosts = ("vm", "aks-workload")
    page = PAGE.read_text(encoding="utf-8").splitlines()
    made = render_credential_page(play_credentials(SAMPLE, hosts)).splitlines()
    ours = [
        line for line in made if line.startswith(tuple(f"| `{fault}` |" for fault in SAMPLE)) and line.count("|") == 6
    ]
    assert len(ours) == 4
    assert set(ours) <= set(page)

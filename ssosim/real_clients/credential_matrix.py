"""The matrix of credentials: credential, host and fault; outcome, requests, and whether a chain goes on.

Each host has two flows of a real client: ``on-HOST`` has the credential of that host alone, ``chain-on-HOST`` has it
before a client secret. If the secret signs in, the chain went on; if the credential itself does, the chain had no need
to; else it stopped. All of that is judged from the wire.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources

import msgspec

from ssosim.real_clients.batch import Cell, Job
from ssosim.real_clients.client_choice import build_scenario_client
from ssosim.real_clients.lookup import find_flows
from ssosim.real_clients.markdown import escape_markdown
from ssosim.real_clients.parallel_runs import Progress, play_jobs
from ssosim.scenario.client_choice import with_clients
from ssosim.scenario.loader import parse_scenario
from ssosim.scenario.model import Phase, Scenario

__all__ = [
    "CLIENT",
    "HOSTS",
    "CredentialRow",
    "build_rows",
    "load_faults",
    "play_credentials",
    "render_credential_header",
    "render_credential_page",
]

CLIENT = "azure-sdk"
"""The real client whose flows are played."""

HOSTS = ("vm", "app-service", "arc", "service-fabric", "aks-pod", "aks-workload")
"""The kinds of hosts, as in the names of the flows."""

_ESTATE = "contoso-azure"
_AT_ONCE = 6
_LABS_AT_ONCE = 2
_SECRET = "by a client secret of "  # noqa: S105 - words of a verdict
_MARK = "<!-- figures: of one run, as measured -->"


@dataclass(frozen=True, slots=True)
class CredentialRow:
    """One host under one fault. ``alone`` is the outcome of its credential, ``steps`` the requests that it sent.

    ``chain`` says what a chain with that credential did. ``cells`` are the two cells that the row is made of.
    """

    fault: str
    host: str
    alone: str
    steps: str
    chain: str
    reason: str
    cells: tuple[Cell, ...] = ()


def load_faults() -> Scenario:
    """Return the faults of the matrix, as a scenario without clients."""
    name = "credential-faults.toml"
    text = resources.files("ssosim.real_clients").joinpath(name).read_text(encoding="utf-8")
    return parse_scenario(text, name)


def play_credentials(
    phases: Sequence[str] = (), hosts: Sequence[str] = HOSTS, progress: Progress = lambda *_: None
) -> tuple[CredentialRow, ...]:
    """Play the faults ``phases`` (default: all) on ``hosts``, and return a row for each.

    Raises PrerequisiteError if the real client is not installed, and LabError.
    """
    scenario = load_faults()
    chosen = tuple(each for each in scenario.phases if not phases or each.name in phases)
    wanted = {f"{CLIENT}/{flow}-{host}" for host in hosts for flow in ("on", "chain-on")}
    clients = [build_scenario_client(each) for each in find_flows(CLIENT) if each.name in wanted]
    jobs = [
        Job(
            lab=f"credentials-{number}",
            scenario=msgspec.structs.replace(with_clients(scenario, clients), phases=(phase,)),
            at_once=_AT_ONCE,
            estate=_ESTATE,
        )
        for number, phase in enumerate(chosen)
    ]
    return build_rows(chosen, hosts, play_jobs(jobs, _LABS_AT_ONCE, progress))


def build_rows(phases: Sequence[Phase], hosts: Sequence[str], cells: Iterable[Cell]) -> tuple[CredentialRow, ...]:
    """Build the rows of the matrix from the cells of all flows."""
    found = {(cell.phase, cell.client): cell for cell in cells}
    rows = []
    for phase in phases:
        for host in hosts:
            alone = found[phase.name, f"{CLIENT}/on-{host}"]
            chain = found[phase.name, f"{CLIENT}/chain-on-{host}"]
            steps = alone.sent.sequence
            rows.append(
                CredentialRow(
                    phase.name, host, alone.outcome.value, steps, _describe_chain(chain), alone.reason, (alone, chain)
                )
            )
    return tuple(rows)


def _describe_chain(cell: Cell) -> str:
    """Say what a chain did: its second credential is a client secret."""
    if cell.outcome.value != "silent":
        return f"stops: {cell.outcome.value}"
    return "goes on" if _SECRET in cell.reason else "not needed"


def render_credential_page(rows: Sequence[CredentialRow]) -> str:
    """Render the page: a header that depends on the faults only, and the figures of one run."""
    lines = [render_credential_header(), *_render_table(rows), "", "## Why", ""]
    lines += [f"- `{row.fault}`, {row.host}: {escape_markdown(row.reason)}" for row in rows if row.alone != "silent"]
    return "\n".join((*lines, ""))


def render_credential_header() -> str:
    """Render the page up to the figures."""
    lines = [
        "# Credentials without a person: hosts and faults",
        "",
        "Made by `ssosim matrix --set credentials --write docs/credential-matrix.md`; not to be edited by hand.",
        "[What is tested](credentials.md), [what the tokens are good for](resource-servers.md).",
        "",
        "Each program is azure-identity for Python with its own defaults. It gets a token and lists resource groups at",
        "Azure Resource Manager. `alone` is the outcome of the credential of that host. `chain` is what a",
        "`ChainedTokenCredential` does that has a client secret behind it: it goes on if the first credential says",
        "that it is unavailable, and stops at any other error. `requests` are those of the credential alone, in order.",
        "",
        "| fault | what happens |",
        "| --- | --- |",
        *(f"| `{phase.name}` | {phase.title} |" for phase in load_faults().phases),
        "",
        _MARK,
        "",
    ]
    return "\n".join(lines)


def _render_table(rows: Sequence[CredentialRow]) -> list[str]:
    head = ["| fault | host | alone | chain | requests |", "| --- | --- | --- | --- | --- |"]
    return [*head, *(f"| `{r.fault}` | {r.host} | {r.alone} | {r.chain} | {escape_markdown(r.steps)} |" for r in rows)]

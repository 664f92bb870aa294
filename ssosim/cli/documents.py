"""The JSON documents of the commands (``--json``), as models; ``docs/cli.schema.json`` is their JSON Schema.

``python -m ssosim.cli.documents > docs/cli.schema.json`` writes it anew. Every document has ``version``, the version of
the format, and ``kind``. ``ssosim run`` and ``ssosim dns check`` have models of their own. ``ssosim trace --json`` is
JSON Lines: each line is a ``TraceRecord``, whose kind is ``event``. Source: JSON Schema, draft 2020-12.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, cast

import msgspec

from ssosim.dns.zones.lint import LintFinding
from ssosim.lab.control.answers import FederatedToken, LabStatus, UndoneFaults
from ssosim.lab.control.dns_answers import ChangeResult, Drift, LoadedZones, Plan, Settings
from ssosim.lab.control.spn_answers import Spns
from ssosim.lab.process.doctor import MachineCheck
from ssosim.output import DOCUMENT_VERSION, print_json
from ssosim.real_clients.batch import Cell
from ssosim.report.dns import ZoneRow
from ssosim.scenario.check_result import CheckResult
from ssosim.scenario.forecast import Forecast
from ssosim.verdict.explain import Explanation
from ssosim.verdict.result import RunResult
from ssosim.verdict.status import Status

__all__ = ["DOCUMENTS", "TraceRecord", "build_cli_schema"]


class _Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """A document of a command."""

    version: Literal["1"]


class UpDocument(LabStatus, frozen=True, kw_only=True, tag_field="kind", tag="up"):
    """``ssosim up``: the lab that was started. ``recovered`` says which DNS changes of an earlier lab are in force."""

    version: Literal["1"]
    recovered: str = ""


class DownDocument(_Document, frozen=True, kw_only=True, tag="down"):
    """``ssosim down``: the lab that was stopped."""

    name: str
    stopped: bool


class StatusDocument(_Document, frozen=True, kw_only=True, tag="status"):
    """``ssosim status``: the labs that run, and the names of those that do not answer."""

    labs: tuple[LabStatus, ...]
    not_answering: tuple[str, ...]


class ExplainDocument(_Document, frozen=True, kw_only=True, tag="explain"):
    """``ssosim explain``: the chain of causes of each outcome."""

    explanations: tuple[Explanation, ...]


class ListedScenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A shipped scenario."""

    name: str
    text: str
    sources: tuple[str, ...]


class ScenariosDocument(_Document, frozen=True, kw_only=True, tag="scenarios"):
    """``ssosim scenarios``."""

    scenarios: tuple[ListedScenario, ...]


class ListedClient(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A client model, or a flow of a real client, which also has a state, and the model that it is compared with."""

    name: str
    text: str
    sources: tuple[str, ...]
    state: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    installed: bool | msgspec.UnsetType = msgspec.UNSET
    model: str | msgspec.UnsetType | None = msgspec.UNSET


class ClientsDocument(_Document, frozen=True, kw_only=True, tag="clients"):
    """``ssosim clients``."""

    clients: tuple[ListedClient, ...]


class MatrixDocument(_Document, frozen=True, kw_only=True, tag="matrix"):
    """``ssosim matrix --json FILE``.

    ``status``: ``failed`` if an expectation of a cell is broken or a row differs from its measurement without a reason;
    ``not-judged`` if no outcome is expected of any cell and none was measured before.
    """

    status: Status
    cells: tuple[Cell, ...]


class FederatedTokenDocument(FederatedToken, frozen=True, kw_only=True, tag_field="kind", tag="federated-token"):
    """``ssosim federated-token``."""

    version: Literal["1"]


class SpnDocument(Spns, frozen=True, kw_only=True, tag_field="kind", tag="spn"):
    """``ssosim spn``."""

    version: Literal["1"]


class EstateCheckDocument(_Document, frozen=True, kw_only=True, tag="estate-check"):
    """``ssosim estate check``: whether the file can be used, its mistakes, and how much there is of each."""

    file: str
    usable: bool
    mistakes: tuple[str, ...]
    domains: int | msgspec.UnsetType = msgspec.UNSET
    users: int | msgspec.UnsetType = msgspec.UNSET
    devices: int | msgspec.UnsetType = msgspec.UNSET
    hosts: int | msgspec.UnsetType = msgspec.UNSET
    services: int | msgspec.UnsetType = msgspec.UNSET
    zones: int | msgspec.UnsetType = msgspec.UNSET


class DescribedFault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault that there is: what it does, its sources, and each field with its type and default."""

    about: str
    sources: tuple[str, ...]
    fields: dict[str, str]


class FaultListDocument(_Document, frozen=True, kw_only=True, tag="fault-list"):
    """``ssosim fault list``: the faults in force, with their fields, and the faults that there are, by name."""

    active: tuple[dict[str, object], ...]
    faults: dict[str, DescribedFault]


class FaultApplyDocument(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="fault-apply"):
    """``ssosim fault apply``: the fault in force. Its own fields follow."""

    version: Literal["1"]
    id: int
    fault: str
    description: str
    suspended: bool
    idle: str


class FaultUndoDocument(UndoneFaults, frozen=True, kw_only=True, tag_field="kind", tag="fault-undo"):
    """``ssosim fault undo``: the faults that were undone, with their fields."""

    version: Literal["1"]


class PathEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A folder: its kind if it was removed, the reason if it stays."""

    path: str
    kind: str | msgspec.UnsetType = msgspec.UNSET
    reason: str | msgspec.UnsetType = msgspec.UNSET


class CleanDocument(_Document, frozen=True, kw_only=True, tag="clean"):
    """``ssosim clean``: folders that were removed, those that could not be, those that stay, and labs that run."""

    removed: tuple[PathEntry, ...]
    not_removed: tuple[str, ...]
    left: tuple[PathEntry, ...]
    running: tuple[str, ...]


class DoctorDocument(_Document, frozen=True, kw_only=True, tag="doctor"):
    """``ssosim doctor``."""

    checks: tuple[MachineCheck, ...]


class DnsShowDocument(_Document, frozen=True, kw_only=True, tag="dns-show"):
    """``ssosim dns show``: the record sets, the version of the zones, and locks with their incident ids."""

    zones_version: int
    records: tuple[ZoneRow, ...]
    locks: dict[str, str]


class DnsLintDocument(_Document, frozen=True, kw_only=True, tag="dns-lint"):
    """``ssosim dns lint``."""

    findings: tuple[LintFinding, ...]


class DnsPlanDocument(Plan, frozen=True, kw_only=True, tag_field="kind", tag="dns-plan"):
    """``ssosim dns plan``: what a change would do, and to which clients."""

    version: Literal["1"]  # type: ignore[assignment]  # print_document renames that of the zones
    zones_version: int
    forecast: tuple[Forecast, ...]


class DnsApplyDocument(ChangeResult, frozen=True, kw_only=True, tag_field="kind", tag="dns-apply"):
    """``ssosim dns apply``."""

    version: Literal["1"]  # type: ignore[assignment]
    zones_version: int


class DnsRollbackDocument(ChangeResult, frozen=True, kw_only=True, tag_field="kind", tag="dns-rollback"):
    """``ssosim dns rollback``."""

    version: Literal["1"]  # type: ignore[assignment]
    zones_version: int


class DnsLoadDocument(LoadedZones, frozen=True, kw_only=True, tag_field="kind", tag="dns-load"):
    """``ssosim dns load``."""

    version: Literal["1"]  # type: ignore[assignment]
    zones_version: int


class DnsDriftDocument(Drift, frozen=True, kw_only=True, tag_field="kind", tag="dns-drift"):
    """``ssosim dns drift``."""

    version: Literal["1"]


class DnsSettingsDocument(Settings, frozen=True, kw_only=True, tag_field="kind", tag="dns-settings"):
    """``ssosim dns settings``."""

    version: Literal["1"]


class DnsRefusalDocument(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="dns-refusal"):
    """A change that the lab refused: ``error``, and with a refusal of the gate its decision and the plan."""

    version: Literal["1"]
    error: str = ""


class TraceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A line of ``ssosim trace --json``: what happened, when (UTC, ISO 8601), and which client caused it.

    ``event`` says what it is; the fields of the event follow.
    """

    version: Literal["1"]
    seq: int
    at: str
    client: str
    layer: str
    event: str


_MODELS: tuple[type[msgspec.Struct], ...] = (
    UpDocument,
    DownDocument,
    StatusDocument,
    ExplainDocument,
    ScenariosDocument,
    ClientsDocument,
    MatrixDocument,
    FederatedTokenDocument,
    SpnDocument,
    EstateCheckDocument,
    FaultListDocument,
    FaultApplyDocument,
    FaultUndoDocument,
    CleanDocument,
    DoctorDocument,
    DnsShowDocument,
    DnsLintDocument,
    DnsPlanDocument,
    DnsApplyDocument,
    DnsRollbackDocument,
    DnsLoadDocument,
    DnsDriftDocument,
    DnsSettingsDocument,
    DnsRefusalDocument,
)
DOCUMENTS: Mapping[str, type[msgspec.Struct]] = MappingProxyType(
    {cast("str", model.__struct_config__.tag): model for model in _MODELS}
    | {"run": RunResult, "dns-check": CheckResult}
)
"""The model of each document, by its kind."""


def _allow_anything(_: type) -> dict[str, object]:
    """Return the schema of ``object``: the fields of a fault depend on the fault."""
    return {"description": "any value"}


def build_cli_schema() -> dict[str, object]:
    """Return the JSON Schema of all documents, as plain data."""
    refs, definitions = msgspec.json.schema_components(
        [*DOCUMENTS.values(), TraceRecord], ref_template="#/$defs/{name}", schema_hook=_allow_anything
    )
    for part in definitions.values():
        if "description" in part:
            part["description"] = inspect.cleandoc(part["description"])  # Python 3.13 does that to every docstring
    head: dict[str, object] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"the JSON of every command of ssosim, version {DOCUMENT_VERSION}",
        "oneOf": list(refs),
        "$defs": definitions,
    }
    plain: dict[str, object] = json.loads(json.dumps(head))
    return plain


if __name__ == "__main__":
    print_json(build_cli_schema())

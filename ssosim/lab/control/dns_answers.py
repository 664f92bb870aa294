"""Responses of the control API about DNS as typed models: plans, decisions, results, drift, zones."""

from __future__ import annotations

from typing import Literal

import msgspec

from ssosim.changes.approvals import Requirements
from ssosim.changes.drift import Detector
from ssosim.estate import Estate
from ssosim.lab.control.answers import ApiResponse

__all__ = [
    "BlastRadius",
    "ChangeResult",
    "Changes",
    "Drift",
    "DriftFinding",
    "GateDecision",
    "GateReason",
    "LoadedZones",
    "Plan",
    "ProbeResult",
    "ProfileChange",
    "RecordChange",
    "Reference",
    "Refusal",
    "Risk",
    "RiskReason",
    "Settings",
    "StagedChange",
    "SubstitutionHits",
    "SubstitutionStarted",
    "Usage",
    "Verification",
    "Zones",
]

ChangeKind = Literal["create", "update", "delete"]


class RecordChange(ApiResponse, frozen=True, kw_only=True):
    """A record set before and after; None if it does not exist."""

    name: str
    type: str
    kind: ChangeKind
    effects: tuple[str, ...]
    before: str | None
    after: str | None


class ProfileChange(ApiResponse, frozen=True, kw_only=True):
    """A traffic manager profile before and after; None if it does not exist. ``fields``: a line for each difference."""

    profile: str
    kind: ChangeKind
    before: str | None
    after: str | None
    fields: tuple[str, ...]


class Changes(ApiResponse, frozen=True, kw_only=True):
    """All differences between two states of the zones."""

    records: tuple[RecordChange, ...]
    profiles: tuple[ProfileChange, ...]
    zones_added: tuple[str, ...]
    zones_removed: tuple[str, ...]


class RiskReason(ApiResponse, frozen=True, kw_only=True):
    """A reason why the risk is at least ``level``."""

    level: str
    text: str


class Risk(ApiResponse, frozen=True, kw_only=True):
    """The highest level of all reasons, and the reasons, worst first."""

    level: str
    reasons: tuple[RiskReason, ...]


class BlastRadius(ApiResponse, frozen=True, kw_only=True):
    """The scope of a change (all or some views), the affected names, and the clients that resolved them recently."""

    scope: Literal["global", "views"]
    views: tuple[str, ...]
    names: tuple[str, ...]
    clients: tuple[str, ...]


class Reference(ApiResponse, frozen=True, kw_only=True):
    """A reference to a changed name or profile."""

    target: str
    kind: str
    source: str
    text: str


class Usage(ApiResponse, frozen=True, kw_only=True):
    """The number of resolutions of a name in the last ``window_s`` seconds, in total and by client.

    ``resolutions`` is None if a part of that time was not measured; ``gap`` is the reason.
    """

    name: str
    window_s: float
    resolutions: int | None
    clients: dict[str, int]
    in_use: bool
    gap: str


class GateReason(ApiResponse, frozen=True, kw_only=True):
    """A rule of the gate that the plan breaks, and what to do about it."""

    rule: str
    text: str
    advice: str


class GateDecision(ApiResponse, frozen=True, kw_only=True):
    """The decision of the gate, with all reasons against the plan."""

    outcome: Literal["allow", "refuse", "defer"]
    reasons: tuple[GateReason, ...]


class Plan(ApiResponse, frozen=True, kw_only=True):
    """What a change would do. ``plan`` is the token of the plan.

    ``rollback`` are the differences that would remain after the ``rollback_operations`` of the change: None if it has
    none, and the error text if they cannot be applied.
    """

    plan: str
    version: int
    title: str
    changes: Changes
    risk: Risk
    blast_radius: BlastRadius
    references: tuple[Reference, ...]
    usage: tuple[Usage, ...]
    needs: Requirements
    rollback: Changes | str | None
    gate: GateDecision


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """The gate's refusal of a plan: its decision and the plan's token. The other fields of the plan are ignored."""

    class _Plan(msgspec.Struct, frozen=True):
        plan: str

    decision: GateDecision
    plan: _Plan


class ProbeResult(ApiResponse, frozen=True, kw_only=True):
    """Whether an endpoint resolves, and the HTTP status of its HTTPS check; None if it has no check."""

    name: str
    view: str | None
    resolves: bool
    https: int | None
    green: bool


class Verification(ApiResponse, frozen=True, kw_only=True):
    """Whether the zones are as they should be, and the differences. ``probes``: what usual monitoring would report."""

    equal: bool
    differences: tuple[str, ...]
    probes: tuple[ProbeResult, ...] = ()


class ChangeResult(ApiResponse, frozen=True, kw_only=True):
    """The result of a change or rollback. ``number`` is that of its ledger entry; None for a change in ``views``."""

    number: int | None
    action: str
    title: str
    version: int
    verification: Verification
    views: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET


class DriftFinding(ApiResponse, frozen=True, kw_only=True):
    """One difference; severity 1 is the worst. ``zone`` is the origin of the zone with the difference, if any."""

    direction: str
    kind: str
    name: str
    text: str
    severity: int
    pages: bool
    zone: str | None


class Drift(ApiResponse, frozen=True, kw_only=True):
    """The findings, the locked zones with their incident ids, and the share of queried names in the inventory.

    ``inventory_completeness`` is null if no name was queried. ``uncounted`` is why queried names may be missing from
    it; empty if all queries were counted.
    """

    findings: tuple[DriftFinding, ...]
    locks: dict[str, str]
    inventory_completeness: float | None
    uncounted: str


class StagedChange(ApiResponse, frozen=True, kw_only=True):
    """A change that is visible in some views only: the token of its plan, its title and the views."""

    plan: str
    title: str
    views: tuple[str, ...]


class Zones(ApiResponse, frozen=True, kw_only=True):
    """The zones in the format of ``changes.snapshot``, the estate, the locks, the ledger and the policy's name.

    ``staged`` are the changes that are visible in some views only.
    """

    zones: object
    staged: tuple[StagedChange, ...]
    estate: Estate
    locks: dict[str, str]
    ledger: tuple[object, ...]
    policy: str


class LoadedZones(ApiResponse, frozen=True, kw_only=True):
    """The result of loading or adopting zones: the number of the ledger entry, and the version of the zones."""

    number: int
    action: str
    version: int


class Settings(ApiResponse, frozen=True, kw_only=True):
    """The settings of change control that are in force."""

    policy: str
    detector: Detector


class SubstitutionStarted(ApiResponse, frozen=True, kw_only=True):
    """The names that have a counting backend, and for how many seconds caches may keep the original answers."""

    names: tuple[str, ...]
    ttl: int


class SubstitutionHits(ApiResponse, frozen=True, kw_only=True):
    """The connections to the counting backends, by name and in total."""

    hits: dict[str, int]
    total: int

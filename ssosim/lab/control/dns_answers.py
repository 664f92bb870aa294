"""What the DNS desk of the control API answers, as models: plans, decisions, what was done, drift, zones."""

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
    """A record set before and after; None where there is none."""

    name: str
    type: str
    kind: ChangeKind
    effects: tuple[str, ...]
    before: str | None
    after: str | None


class ProfileChange(ApiResponse, frozen=True, kw_only=True):
    """A traffic manager profile before and after; None where there is none."""

    profile: str
    kind: ChangeKind
    before: str | None
    after: str | None


class Changes(ApiResponse, frozen=True, kw_only=True):
    """All that differs between two states of the zones."""

    records: tuple[RecordChange, ...]
    profiles: tuple[ProfileChange, ...]
    zones_added: tuple[str, ...]
    zones_removed: tuple[str, ...]


class RiskReason(ApiResponse, frozen=True, kw_only=True):
    """One reason, and the level that it stands for."""

    level: str
    text: str


class Risk(ApiResponse, frozen=True, kw_only=True):
    """The highest level of all reasons, worst first."""

    level: str
    reasons: tuple[RiskReason, ...]


class BlastRadius(ApiResponse, frozen=True, kw_only=True):
    """Whom a change reaches: everybody or some views; the names affected, and who resolved them lately."""

    scope: Literal["global", "views"]
    views: tuple[str, ...]
    names: tuple[str, ...]
    clients: tuple[str, ...]


class Reference(ApiResponse, frozen=True, kw_only=True):
    """Something that refers to what is changed."""

    target: str
    kind: str
    source: str
    text: str


class Usage(ApiResponse, frozen=True, kw_only=True):
    """How often a name was resolved in the last ``window_s`` seconds, by whom.

    ``resolutions`` is None where a part of that time was not measured; ``gap`` says why.
    """

    name: str
    window_s: float
    resolutions: int | None
    clients: dict[str, int]
    in_use: bool
    gap: str


class GateReason(ApiResponse, frozen=True, kw_only=True):
    """A rule of the gate that speaks against it, and what to do about it."""

    rule: str
    text: str
    advice: str


class GateDecision(ApiResponse, frozen=True, kw_only=True):
    """What the gate says."""

    outcome: Literal["allow", "refuse", "defer"]
    reasons: tuple[GateReason, ...]


class Plan(ApiResponse, frozen=True, kw_only=True):
    """What a change would do. ``plan`` is its token; ``rollback`` what taking it back as written would leave undone.

    ``rollback`` is None for a change that has none, and a text where it cannot be done.
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
    """The gate's no to a plan: its decision, and the plan's token. What else is said of the plan is left out."""

    class _Plan(msgspec.Struct, frozen=True):
        plan: str

    decision: GateDecision
    plan: _Plan


class ProbeResult(ApiResponse, frozen=True, kw_only=True):
    """Whether an endpoint resolves, and with which status it answers over HTTPS; None where it was not asked."""

    name: str
    view: str | None
    resolves: bool
    https: int | None
    green: bool


class Verification(ApiResponse, frozen=True, kw_only=True):
    """Whether what is there is what should be, and what differs. ``probes``: what most monitoring would see."""

    equal: bool
    differences: tuple[str, ...]
    probes: tuple[ProbeResult, ...] = ()


class ChangeResult(ApiResponse, frozen=True, kw_only=True):
    """What was done. ``number`` is its place in the ledger, None for a change that is in ``views`` only."""

    number: int | None
    action: str
    title: str
    version: int
    verification: Verification
    views: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET


class DriftFinding(ApiResponse, frozen=True, kw_only=True):
    """One thing that is not as it should be; severity 1 is the worst. ``zone`` is the one that it locks, if any."""

    direction: str
    kind: str
    name: str
    text: str
    severity: int
    pages: bool
    zone: str | None


class Drift(ApiResponse, frozen=True, kw_only=True):
    """Findings, the zones that they lock with their incidents, and the part of the names asked for that is known.

    ``uncounted`` says why some of the names asked for may be missing from that part; empty where none are.
    """

    findings: tuple[DriftFinding, ...]
    locks: dict[str, str]
    inventory_completeness: float
    uncounted: str


class StagedChange(ApiResponse, frozen=True, kw_only=True):
    """A change that is in force in some views only: its plan's token, and the views."""

    plan: str
    title: str
    views: tuple[str, ...]


class Zones(ApiResponse, frozen=True, kw_only=True):
    """The zones as ``changes.snapshot`` writes them, the estate, locks, the ledger of changes, the policy's name.

    ``staged`` are the changes that some views show and others do not.
    """

    zones: object
    staged: tuple[StagedChange, ...]
    estate: Estate
    locks: dict[str, str]
    ledger: tuple[object, ...]
    policy: str


class LoadedZones(ApiResponse, frozen=True, kw_only=True):
    """Zones that are now the lab's: their place in the ledger, and their version."""

    number: int
    action: str
    version: int


class Settings(ApiResponse, frozen=True, kw_only=True):
    """What holds at the desk."""

    policy: str
    detector: Detector


class SubstitutionStarted(ApiResponse, frozen=True, kw_only=True):
    """The names for which a counting backend stands in, and how long the old answers may be remembered, in seconds."""

    names: tuple[str, ...]
    ttl: int


class SubstitutionHits(ApiResponse, frozen=True, kw_only=True):
    """Connections to the counting backend, by name and in all."""

    hits: dict[str, int]
    total: int

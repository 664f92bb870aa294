"""The result of ``ssosim dns check`` as typed values: the schema of ``--json``, in ``docs/dns-check.schema.json``.

``python -m ssosim.scenario.check_schema > docs/dns-check.schema.json`` writes the schema anew.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from ssosim.lab.control.dns_answers import Changes, Reference, Risk
from ssosim.scenario.forecast import Forecast

__all__ = ["VERSION", "ApprovalState", "CheckResult", "FailedCriterion", "Finding"]

VERSION = "1"
"""The version of the format. It changes when a field is removed or gets another meaning, not for a new field."""


class _Value(msgspec.Struct, frozen=True, kw_only=True):
    """Immutable, named fields only."""


class Finding(_Value, frozen=True, kw_only=True):
    """A lint finding that the change introduces."""

    zone: str
    name: str
    severity: Literal["error", "warning", "info"]
    text: str
    source: str


class FailedCriterion(_Value, frozen=True, kw_only=True):
    """A criterion of ``--fail-on`` that is not met. ``accepted``: approvals accept it, so that it does not fail."""

    criterion: str
    limit: str
    text: str
    advice: str
    accepted: bool


class ApprovalState(_Value, frozen=True, kw_only=True):
    """How many people must approve, who did, and what is wrong with other approvals."""

    needed: int
    approved_by: tuple[str, ...]
    obstacles: tuple[str, ...]


class CheckResult(_Value, frozen=True, kw_only=True):
    """What a change does, and whether it passes. ``plan`` is its token, which approvals name.

    ``to_pass``: what would make a failed check pass. ``unplayed`` says why no client model was played; empty if some
    were, or if there is nothing to do.
    """

    version: Literal["1"]
    kind: Literal["dns-check"] = "dns-check"
    outcome: Literal["nothing-to-do", "pass", "fail"]
    before: str
    after: str
    plan: str
    changes: Changes
    risk: Risk
    names: tuple[str, ...]
    references: tuple[Reference, ...]
    lint: tuple[Finding, ...]
    forecast: tuple[Forecast, ...]
    failed: tuple[FailedCriterion, ...]
    approvals: ApprovalState
    to_pass: tuple[str, ...]
    unplayed: str = ""

    @property
    def passed(self) -> bool:
        """Whether the exit code is 0."""
        return self.outcome != "fail"

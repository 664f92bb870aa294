"""Policies (how many people must approve a change) and approvals (one person's decision about one plan)."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import msgspec

from ssosim.changes.diff import Effect
from ssosim.changes.risk import BlastRadius, Level
from ssosim.estate.toml import TomlMistakeError, convert_toml, format_mistake, read_text

__all__ = [
    "Approval",
    "Policy",
    "Requirements",
    "Rule",
    "identify_person",
    "load_approvals",
    "load_policy",
    "policy_names",
]

_QUESTIONS = {"safer": "is there a safer way?", "needed": "is it needed at all?", "now": "is it needed now?"}


class _Frozen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Immutable, named fields only, unknown keys refused."""


class Rule(_Frozen, frozen=True, kw_only=True):
    """The requirements for a change with this risk and scope; None matches all of them.

    ``executors`` is the number of people who must be present when the change is applied (TMS9-088).
    """

    approvers: int
    risk: Literal["low", "medium", "high"] | None = None
    scope: Literal["global", "views"] | None = None
    executors: int = 1


class Policy(_Frozen, frozen=True, kw_only=True):
    """The rules of change control; the first rule that matches counts.

    ``unmatched``: what happens to a change that no rule matches. ``in_use_blocks``: the effects that are refused for a
    name that is in use. ``drift_locks``: open drift locks its zone. ``rollback_must_restore``: the
    ``rollback_operations`` of a change must restore the last known good state.
    """

    name: str
    rules: tuple[Rule, ...]
    unmatched: Literal["approve", "refuse"] = "refuse"
    in_use_blocks: tuple[Effect, ...] = (Effect.DELETED, Effect.EMPTIED, Effect.SHAPE, Effect.VALUES)
    drift_locks: bool = True
    rollback_must_restore: bool = True

    def requirements_for(self, level: Level, blast: BlastRadius) -> Requirements:
        """The requirements of the first rule that matches this risk and scope."""
        for rule in self.rules:
            if rule.risk in (None, level.word) and rule.scope in (None, blast.scope):
                return Requirements(approvers=rule.approvers, executors=rule.executors)
        return Requirements(refused=self.unmatched == "refuse")


class Requirements(_Frozen, frozen=True, kw_only=True):
    """How many people must approve and be present; ``refused``: no rule matches, and nobody can approve it."""

    approvers: int = 0
    executors: int = 1
    refused: bool = False


class Approval(_Frozen, frozen=True, kw_only=True):
    """One person's decision about one plan (``plan`` is its token), with answers to three questions (TMS9-050).

    ``defer`` means: first build a safer way (TMS9-051).
    """

    person: str
    plan: str
    decision: Literal["approve", "defer", "reject"] = "approve"
    safer: str = ""
    needed: str = ""
    now: str = ""

    @property
    def unanswered(self) -> tuple[str, ...]:
        """The questions that have no answer."""
        return tuple(text for key, text in _QUESTIONS.items() if not getattr(self, key).strip())

    def as_data(self) -> dict[str, Any]:
        """For JSON and the ledger."""
        data: dict[str, Any] = msgspec.to_builtins(self)
        return data


def identify_person(name: str) -> str:
    """What tells one person from another: the name without case, width, invisible characters and further blanks.

    Two approvals of one person must not count as two because they are written differently. Source: Unicode Standard
    Annex 15, normalization form KC; Unicode Standard, section 5.18, case folding.
    """
    visible = "".join(each for each in name if unicodedata.category(each) != "Cf")
    folded = unicodedata.normalize("NFKC", visible).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


class _ApprovalFile(_Frozen, frozen=True, kw_only=True):
    approvals: tuple[Approval, ...]


def load_approvals(paths: Sequence[Path]) -> tuple[Approval, ...]:
    """Read approvals from files with ``[[approvals]]`` tables. Raises TomlMistakeError with file, line and key."""
    found: list[Approval] = []
    for path in paths:
        found += convert_toml(read_text(path), str(path), _ApprovalFile).approvals
    return tuple(found)


def policy_names() -> tuple[str, ...]:
    """The names of the built-in policies."""
    folder = resources.files("ssosim.changes").joinpath("policies")
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")))


def load_policy(name: str) -> Policy:
    """Read the policy ``name``: a file if it ends in ``.toml``, else a built-in one. Raises TomlMistakeError."""
    if name.endswith(".toml"):
        text, source = read_text(Path(name)), name
    elif name in policy_names():
        shipped = resources.files("ssosim.changes").joinpath("policies", f"{name}.toml")
        text, source = shipped.read_text(encoding="utf-8"), f"{name}.toml (built in)"
    else:
        known = ", ".join(policy_names())
        raise TomlMistakeError(f"there is no policy {name!r}; known: {known}; the name of a file must end in .toml")
    policy = convert_toml(text, source, Policy)
    for index, rule in enumerate(policy.rules):
        if rule.approvers < 0 or rule.executors < 1:
            what = "expected approvers of zero or more and executors of one or more"
            raise TomlMistakeError(format_mistake(text, source, ("rules", index), what))
    return policy

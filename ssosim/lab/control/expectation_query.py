"""The parameters of ``GET /v1/verdicts`` for what is expected, with the names of the options of ``ssosim run``."""

from __future__ import annotations

from collections.abc import Mapping

from ssosim.lab.base.errors import LabInputError
from ssosim.lab.control.request_bodies import parse_whole_number
from ssosim.verdict.expectations import Expectation, ExpectationError, ExpectationTable, convert_expectation

__all__ = ["EXPECTATION_KEYS", "parse_expectation"]

EXPECTATION_KEYS = ("expect", "within", "never", "code", "reason_contains", "max_prompts", "max_rate", "no_exposure")
"""The names of the parameters."""

_MAX_PROMPTS = 1_000_000


def parse_expectation(query: Mapping[str, str]) -> Expectation | None:
    """Return the expectation in ``query``; None if there is none. Raises LabInputError."""
    if not any(key in query for key in EXPECTATION_KEYS):
        return None
    no_exposure = query.get("no_exposure")
    if no_exposure not in (None, "true", "false"):
        raise LabInputError(f"no_exposure {str(no_exposure)[:40]!r}: expected true or false")
    prompts = parse_whole_number(query, "max_prompts", 0, 0, _MAX_PROMPTS) if "max_prompts" in query else None
    table = ExpectationTable(
        outcome=query.get("expect", ()),
        never=query.get("never", ()),
        code=query.get("code", ()),
        reason_contains=query.get("reason_contains", ()),
        within=query.get("within"),
        max_prompts=prompts,
        max_rate=query.get("max_rate"),
        no_exposure=None if no_exposure is None else no_exposure == "true",
    )
    try:
        return convert_expectation(table)
    except ExpectationError as error:
        raise LabInputError(str(error)) from error

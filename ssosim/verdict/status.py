"""Whether something was judged, and with which result: ``passed``, ``failed`` or ``not-judged``.

A sign-in of which nothing is expected cannot fail, nor can a client that sent nothing break a bound, such as a number
of prompts. So that nobody counts it as a success, results have a status of three values. JUnit has the same three, with
``skipped`` for what was not judged.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from ssosim.verdict.expectations import SIGNED_IN, BrokenExpectation, Expectation
from ssosim.verdict.measures import Measures
from ssosim.verdict.outcome import Outcome

__all__ = ["Status", "combine_statuses", "decide_status", "is_idle"]

Status = Literal["passed", "failed", "not-judged"]
"""``passed``: all that was expected holds. ``failed``: an expectation is broken. ``not-judged``: no outcome was
expected, so nothing could fail, except by an exposure; or only bounds, and the client sent nothing."""


def is_idle(outcome: Outcome, measures: Measures) -> bool:
    """Return whether a client sent nothing: it then keeps every bound, such as a number of prompts."""
    return not measures.requests and outcome not in SIGNED_IN


def decide_status(expected: Expectation | None, broken: Iterable[BrokenExpectation], *, idle: bool) -> Status:
    """Return the status of one sign-in, from what was ``expected`` of it and what of that is ``broken``.

    ``idle``: the client sent nothing (``is_idle``).
    """
    if any(True for _ in broken):
        return "failed"
    if expected is None or not expected.judges_sign_in:
        return "not-judged"
    return "not-judged" if idle and not expected.names_result else "passed"


def combine_statuses(statuses: Iterable[Status]) -> Status:
    """Return the status of several: ``failed`` if one failed, ``passed`` if none failed and one was judged."""
    found = set(statuses)
    return "failed" if "failed" in found else "passed" if "passed" in found else "not-judged"

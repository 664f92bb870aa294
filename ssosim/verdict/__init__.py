"""The judge: from the records of a trace to an outcome, its reason, its measures and its causes. Pure functions.

The package depends on the trace only, so it works without a lab. ``ssosim.verdict.explain`` has the chains of
causes; it is not imported here, since a judge in a test does without.
"""

from ssosim.verdict.judge import Verdict, judge
from ssosim.verdict.measures import NOTHING_MEASURED, Exposure, Measures, measure
from ssosim.verdict.outcome import Outcome

__all__ = [
    "NOTHING_MEASURED",
    "Exposure",
    "Measures",
    "Outcome",
    "Verdict",
    "judge",
    "measure",
]

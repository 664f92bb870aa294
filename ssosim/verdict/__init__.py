"""The judge: from the records of a trace to an outcome, its reason, its measures and its causes. Pure functions.

It needs the trace and nothing else of a lab, so that it can be used where no lab is.
"""

from ssosim.verdict.explain import Explanation, Link, explain
from ssosim.verdict.judge import Verdict, judge
from ssosim.verdict.measures import NOTHING_MEASURED, Exposure, Measures, measure
from ssosim.verdict.outcome import Outcome

__all__ = [
    "NOTHING_MEASURED",
    "Explanation",
    "Exposure",
    "Link",
    "Measures",
    "Outcome",
    "Verdict",
    "explain",
    "judge",
    "measure",
]

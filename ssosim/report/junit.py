"""JUnit XML for continuous integration systems: one test case for each sign-in of a client in a phase.

There is no standard. The document is valid by both common schemas: Ant's, and that of Jenkins' xUnit plug-in.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from ssosim.report.evidence import evidence
from ssosim.report.safe_text import clean
from ssosim.report.text_table import NOTHING_EXPECTED, describe_figures, describe_unjudged_result, table
from ssosim.trace import Record
from ssosim.verdict.result import PhaseResult, RunResult

__all__ = ["junit_xml"]


def junit_xml(
    result: RunResult, records: Sequence[Record], *, again: str, took_s: float, now: datetime | None = None
) -> str:
    """The document. ``took_s`` is how long the run took, in real seconds; ``now`` when it ended (default: now).

    A test case fails if an expectation is broken. Its failure says what was expected, the reason, the lines of the
    trace behind it, and ``again``, the command that repeats the run. A test case of which nothing is expected is
    skipped, since it could not fail; so is a client that did not play.
    """
    cases = [
        _case(f"ssosim.{result.scenario}.{phase.phase}", phase, client, records, again)
        for phase in result.phases
        for client in phase.clients
    ]
    cases += [_left_out(f"ssosim.{result.scenario}", client, why) for client, why in result.left_out.items()]
    failures = sum(case.find("failure") is not None for case in cases)
    skipped = sum(case.find("skipped") is not None for case in cases)
    counts = {"tests": str(len(cases)), "failures": str(failures), "errors": "0", "time": f"{took_s:.3f}"}
    root = ET.Element("testsuites", {"name": "ssosim", **counts})
    stamp = (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    # Ant's schema requires a host name; a fixed one is used, since the machine's name does not matter for the run.
    suite = ET.SubElement(
        root,
        "testsuite",
        {
            "name": _text(result.scenario),
            "timestamp": stamp,
            "hostname": "localhost",
            **counts,
            "skipped": str(skipped),
        },
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in (
        ("scenario", result.title),
        ("seed", result.seed),
        ("status", result.status),
        ("again", again),
    ):
        ET.SubElement(properties, "property", {"name": name, "value": _text(value)})
    suite.extend(cases)
    ET.SubElement(suite, "system-out").text = _text(table(result))
    ET.SubElement(suite, "system-err").text = ""
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(classname: str, phase: PhaseResult, client: str, records: Sequence[Record], again: str) -> ET.Element:
    # Dots separate packages in most viewers: in the class name, scenario and phase become two levels of them.
    result = phase.clients[client]
    name = client if phase.sign_in_at is None else f"{client}, sign-in at {phase.sign_in_at:.12g} s"
    case = ET.Element("testcase", {"classname": _text(classname), "name": _text(name), "time": "0.000"})
    if not result.is_judged:
        also = "; only an exposure could fail here" if result.expected is not None else ""
        why = describe_unjudged_result(result)
        message = f"{result.outcome}; {why}{' of it' if why == NOTHING_EXPECTED else ''}{also}"
        ET.SubElement(case, "skipped", {"message": _text(message)})
    elif not result.as_expected:
        message = f"{result.outcome}, expected {'; '.join(map(str, result.broken))}: {result.reason}"
        failure = ET.SubElement(case, "failure", {"type": "UnexpectedOutcome", "message": _text(message)})
        message += f" ({result.note})" if result.note else ""
        figures = describe_figures(result)
        message += f"\n{figures}" if figures else ""
        lines = [str(line) for line in evidence(records, result.evidence)]
        begin = f"{client} in phase {phase.label!r}, from {phase.start.isoformat()}"
        failure.text = _text("\n".join([begin, message, *lines, f"again: {again}"]))
    return case


def _left_out(classname: str, client: str, why: str) -> ET.Element:
    case = ET.Element("testcase", {"classname": _text(classname), "name": _text(client), "time": "0.000"})
    ET.SubElement(case, "skipped", {"message": _text(f"left out: {why}")})
    return case


def _text(value: object) -> str:
    return clean(str(value))

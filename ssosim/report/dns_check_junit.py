"""The result of ``ssosim dns check`` as JUnit XML: one test case for each criterion and each client model of a host."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from ssosim.report.dns_check import check_text, outcome_sentence
from ssosim.report.safe_text import clean
from ssosim.scenario.check_result import CheckResult, FailedCriterion
from ssosim.scenario.forecast import Forecast, Prediction, ViewForecast

__all__ = ["check_junit"]

_CRITERIA = ("changes", "risk", "worse", "deletions", "updates", "lint")


def check_junit(result: CheckResult, *, took_s: float, now: datetime | None = None) -> str:
    """The document; valid by the same schemas as that of a run. ``took_s`` is in seconds of real time.

    A criterion fails as in the result. A client model that is worse off fails, unless the check passes without it: then
    its case says so in its output. Where no client model was played, the case of that criterion is skipped.
    """
    worse_fails = any(each.criterion == "worse" and not each.accepted for each in result.failed)
    cases = [_criterion_case(name, [each for each in result.failed if each.criterion == name]) for name in _CRITERIA]
    if result.unplayed:  # "no client model is worse off" was not found out
        ET.SubElement(cases[_CRITERIA.index("worse")], "skipped", {"message": clean(result.unplayed)})
    cases += [
        _model_case(forecast, view, each, fails=worse_fails)
        for forecast in result.forecast
        for view in forecast.views
        for each in view.models
    ]
    if not result.passed and all(each.accepted for each in result.failed):
        case = _case("ssosim.dns-check", "approvals")
        _fail(case, "Approvals", "; ".join(result.approvals.obstacles) or "rejected", "")
        cases.append(case)
    failures = sum(case.find("failure") is not None for case in cases)
    counts = {"tests": str(len(cases)), "failures": str(failures), "errors": "0", "time": f"{took_s:.3f}"}
    root = ET.Element("testsuites", {"name": "ssosim", **counts})
    stamp = (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    # Ant's schema requires a host name; a fixed one is used, since the machine's name does not matter.
    head = {
        "name": "dns check",
        "timestamp": stamp,
        "hostname": "localhost",
        **counts,
        "skipped": str(int(bool(result.unplayed))),
    }
    suite = ET.SubElement(root, "testsuite", head)
    properties = ET.SubElement(suite, "properties")
    for name, value in (("plan", result.plan), ("outcome", outcome_sentence(result))):
        ET.SubElement(properties, "property", {"name": name, "value": clean(value)})
    suite.extend(cases)
    ET.SubElement(suite, "system-out").text = clean(check_text(result))
    ET.SubElement(suite, "system-err").text = ""
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _criterion_case(name: str, failed: list[FailedCriterion]) -> ET.Element:
    case = _case("ssosim.dns-check.criteria", name)
    if open_ones := [each for each in failed if not each.accepted]:
        text = "\n".join(f"{each.text} (limit: {each.limit})\n{each.advice}" for each in open_ones)
        _fail(case, "Criterion", open_ones[0].text, text)
    return case


def _model_case(forecast: Forecast, view: ViewForecast, each: Prediction, *, fails: bool) -> ET.Element:
    where = f" in {view.name}" if view.name else ""
    case = _case(f"ssosim.dns-check.{forecast.host.replace('.', '_')}", f"{each.names[0]}{where}")
    if each.worse:
        message = f"{each.before} → {each.after}: {each.why}"
        spns = f"SPN {', '.join(each.spn_before) or 'none'} → {', '.join(each.spn_after) or 'none'}"
        if fails:
            _fail(case, "WorseOff", message, f"{message}\n{spns}")
        else:
            ET.SubElement(case, "system-out").text = clean(f"{message}\n{spns}")
    return case


def _case(classname: str, name: str) -> ET.Element:
    return ET.Element("testcase", {"classname": clean(classname), "name": clean(name), "time": "0.000"})


def _fail(case: ET.Element, kind: str, message: str, text: str) -> None:
    ET.SubElement(case, "failure", {"type": kind, "message": clean(message)}).text = clean(text or message)

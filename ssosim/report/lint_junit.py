"""The findings of ``ssosim dns lint`` as JUnit XML: one test case for each rule, by its code."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from ssosim.dns.zones.lint import LintFinding
from ssosim.report.safe_text import clean
from ssosim.sources import Sources

__all__ = ["lint_junit"]


def lint_junit(
    found: Iterable[LintFinding],
    failing: Collection[LintFinding],
    codes: Iterable[str],
    sources: Sources,
    now: datetime | None = None,
) -> str:
    """The document. A case fails if one of its findings is in ``failing``; other findings are in its output."""
    by_code: dict[str, list[LintFinding]] = {code: [] for code in sorted(codes)}
    for each in found:
        by_code.setdefault(each.code, []).append(each)
    cases = [_case(code, findings, failing, sources) for code, findings in by_code.items()]
    failures = sum(case.find("failure") is not None for case in cases)
    counts = {"tests": str(len(cases)), "failures": str(failures), "errors": "0", "time": "0.000"}
    root = ET.Element("testsuites", {"name": "ssosim", **counts})
    stamp = (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    # Ant's schema requires a host name; a fixed one is used, since the machine's name does not matter.
    head = {"name": "dns lint", "timestamp": stamp, "hostname": "localhost", **counts, "skipped": "0"}
    suite = ET.SubElement(root, "testsuite", head)
    ET.SubElement(suite, "properties")
    suite.extend(cases)
    ET.SubElement(suite, "system-out").text = ""
    ET.SubElement(suite, "system-err").text = ""
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(code: str, findings: list[LintFinding], failing: Collection[LintFinding], sources: Sources) -> ET.Element:
    case = ET.Element("testcase", {"classname": "ssosim.dns-lint", "name": code, "time": "0.000"})
    lines = [
        clean(f"{each.severity} {each.name} (zone {each.zone}): {each.text} ({sources.title_of(each.source)})")
        for each in findings
    ]
    if any(each in failing for each in findings):
        text = clean(findings[0].text)
        ET.SubElement(case, "failure", {"message": text, "type": "LintFinding"}).text = "\n".join(lines)
    elif lines:
        ET.SubElement(case, "system-out").text = "\n".join(lines)
    return case

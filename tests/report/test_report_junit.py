"""JUnit XML, as continuous integration systems read it."""

from datetime import UTC, datetime
from pathlib import Path

from lxml import etree

from ssosim.report.junit import junit_xml

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).with_name("junit.xsd")))
NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, UTC)


def _suite(story, again="ssosim run story --seed 7"):
    text = junit_xml(story.result, story.records, again=again, took_s=1.5, now=NOW)
    root = etree.fromstring(text.encode())
    SCHEMA.assertValid(root)
    return root[0]


def test_one_case_for_each_client_in_each_phase(story):
    """Cases are named by phase and client; counts, time, seed and command are those of the run."""
    suite = _suite(story())
    assert [(case.get("classname"), case.get("name")) for case in suite.iter("testcase")][:3] == [
        ("ssosim.story.healthy", "office"),
        ("ssosim.story.healthy", "curl"),
        ("ssosim.story.broken", "office"),
    ]
    assert [suite.get(name) for name in ("tests", "failures", "time")] == ["6", "0", "1.500"]
    assert suite.get("timestamp") == "2026-03-01T12:00:00"
    assert {p.get("name"): p.get("value") for p in suite.iter("property")} == {
        "scenario": "A story",
        "seed": "7",
        "status": "passed",
        "again": "ssosim run story --seed 7",
    }
    assert "healthy" in suite.findtext("system-out")


def test_a_failure_says_why_and_how_to_repeat_it(story):
    """An outcome that was not expected fails its case, with reason, evidence and command; others pass."""
    suite = _suite(story(unexpected=True))
    failures = suite.findall("testcase/failure")
    assert [failure.getparent().get("name") for failure in failures] == ["office", "curl"]
    assert suite.get("failures") == "2"
    assert failures[0].get("message") == "stalled, expected interactive: the name has no address (NODATA)"
    lines = failures[0].text.splitlines()
    assert lines[0] == "office in phase 'broken', from 2026-03-01T08:30:00+00:00"
    assert any("fault emptied: record autologon.example emptied" in line for line in lines)
    assert any("A autologon.example → NODATA" in line for line in lines)
    assert lines[-1] == "again: ssosim run story --seed 7"


def test_nothing_in_a_trace_breaks_the_document(story):
    """Mark-up is escaped; characters that XML forbids are shown by their number."""
    hostile = "]]></failure><x a=\"'&\x00\x08\x1b[31m\ufffe\ud800"
    suite = _suite(story(unexpected=True, clients=(hostile, "curl"), title=hostile, detail=hostile), again=hostile)
    shown = "]]></failure><x a=\"'&\\x00\\x08\\x1b[31m\\ufffe\\ud800"
    assert suite.find("testcase").get("name") == shown
    assert f"fault emptied: {shown}" in suite.findtext("testcase/failure")
    assert suite.find("properties/property").get("value") == shown

"""Scenarios on a running lab, steered over the control API, with real curl as the client."""

from __future__ import annotations

import time

from control_api_client import CURL, Api


def test_a_scenario_phase_by_phase(api: Api) -> None:
    """feb-2025 at the caller's pace: real curl comes in each phase to what the scenario expects of it."""
    said = api.ok("POST", "/v1/scenarios", {"name": "feb-2025"})
    assert api.call("POST", "/v1/scenarios", {"name": "feb-2025"})[0] == 409
    seen = []
    while said["state"] == "running":
        phase = said["phase"]
        name = f"curl in {phase['name']}"
        api.bench.run("exec", "--as", name, "--", *CURL, "--fail")
        (verdict,) = api.ok("GET", "/v1/verdicts", client=name, since=phase["since"])["verdicts"]
        assert verdict["outcome"] == phase["expect"]["curl"], verdict
        seen.append((phase["name"], verdict["outcome"], len(said["faults"])))
        said = api.ok("POST", "/v1/scenarios/current/advance")
    assert [name for name, *_ in seen] == said["phases"]
    assert {outcome for _, outcome, _ in seen} > {"silent", "failed"}
    assert api.ok("GET", "/v1/faults")["faults"] == []
    assert api.call("POST", "/v1/scenarios/current/advance")[0] == 409
    assert api.ok("GET", "/v1/scenarios/current")["state"] == "ended"
    assert api.ok("DELETE", "/v1/scenarios/current")["state"] == "ended"
    assert api.call("GET", "/v1/scenarios/current")[0] == 404
    assert api.call("DELETE", "/v1/scenarios/current")[0] == 409


OWN = {
    "name": "own",
    "title": "of a test",
    "end": "2025-02-25T18:00:00Z",
    "clients": [],
    "phases": [
        {
            "name": "broken",
            "start": "2025-02-25T16:00:00Z",
            "faults": [{"fault": "servfail", "names": ["x.example"]}],
            "steps": [{"at": 600, "until": 1200, "faults": [{"fault": "drop", "names": ["y.example"]}]}],
        },
        {"name": "whole", "start": "2025-02-25T17:00:00Z"},
    ],
}


def test_a_scenario_of_ones_own_at_its_own_pace(api: Api) -> None:
    """A whole scenario as JSON; with a speed phases and steps come in their time, and at its end all is well."""
    since = api.ok("GET", "/v1/status")["trace_records"]
    said = api.ok("POST", "/v1/scenarios", {"scenario": OWN, "speed": 7200})
    assert [fault["fault"] for fault in said["faults"]] == ["servfail"]
    assert api.ok("GET", "/v1/wait", since=since, kind="PhaseStarted", text="whole")["phase"] == "whole"
    events = [(r["event"], r.get("name") or r.get("phase")) for r in api.ok("GET", "/v1/trace", since=since)["records"]]
    assert events == [
        ("FaultApplied", "servfail"),
        ("PhaseStarted", "broken"),
        ("FaultApplied", "drop"),
        ("FaultUndone", "drop"),
        ("FaultUndone", "servfail"),
        ("PhaseStarted", "whole"),
    ]
    end = time.monotonic() + 60
    while api.ok("GET", "/v1/scenarios/current")["state"] != "ended" and time.monotonic() < end:
        time.sleep(0.05)
    assert api.ok("DELETE", "/v1/scenarios/current")["state"] == "ended"


def test_ending_a_scenario_undoes_it(api: Api) -> None:
    """Stopped in the middle, its faults are undone; those that somebody else applied stay."""
    other = api.ok("POST", "/v1/faults", {"fault": "drop", "names": ["z.example"]})
    api.ok("POST", "/v1/scenarios", {"scenario": OWN})
    assert api.ok("DELETE", "/v1/scenarios/current")["faults"] == [other]
    api.ok("DELETE", "/v1/faults/all")


def test_a_scenario_that_does_not_fit_breaks_nothing(api: Api) -> None:
    """A fault that cannot be had on this estate: 409, nothing in force, and another scenario can be begun."""
    unfit = [{"fault": "http-silent"}, {"fault": "name-removed", "name": "no.fabrikam.com"}]
    wrong = OWN | {"phases": [OWN["phases"][0] | {"faults": unfit}]}
    status, said = api.call("POST", "/v1/scenarios", {"scenario": wrong})
    assert (status, "own: " in said["error"]) == (409, True)
    assert api.ok("GET", "/v1/faults")["faults"] == []
    assert api.call("POST", "/v1/scenarios", {"name": "negative-cache"})[0] == 409
    assert api.call("GET", "/v1/scenarios/current")[0] == 404


def test_the_sign_ins_of_a_phase(api: Api) -> None:
    """Each time of ``sign_in_at`` has its event; ``since`` and ``expect`` are of the present sign-in."""
    phase = OWN["phases"][0] | {
        "sign_in_at": [0, 1200, 3000],
        "expect": {"x": "silent"},
        "expect_at": {"0": {"x": "failed"}},
    }
    own = OWN | {"phases": [phase], "end": "2025-02-25T17:00:00Z", "clients": [{"name": "x", "run": ["true"]}]}
    since = api.ok("GET", "/v1/status")["trace_records"]
    said = api.ok("POST", "/v1/scenarios", {"scenario": own, "speed": 7200})
    assert (said["phase"]["sign_in_at"], said["phase"]["expect"]) == (0, {"x": "failed"})
    began = api.ok("GET", "/v1/wait", since=since, kind="SignInsStarted", text="3000")
    now = api.ok("GET", "/v1/scenarios/current")["phase"]
    assert (now["sign_in_at"], now["expect"], now["since"]) == (3000, {"x": "silent"}, began["seq"] - 1)
    api.ok("DELETE", "/v1/scenarios/current")
    events = [(r["event"], r.get("sign_in_at")) for r in api.ok("GET", "/v1/trace", since=since)["records"]]
    kinds = [event for event in events if event[0] in ("SignInsStarted", "FaultUndone", "PhaseStarted")]
    assert kinds[:5] == [
        ("PhaseStarted", None),
        ("SignInsStarted", 0),
        ("FaultUndone", None),
        ("SignInsStarted", 1200),
        ("SignInsStarted", 3000),
    ]

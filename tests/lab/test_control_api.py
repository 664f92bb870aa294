"""The control API of a running lab, as a program in any language sees it: over its Unix socket and on loopback."""

from __future__ import annotations

import json
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from control_api_client import DESCRIPTION, Api

from ssosim.faults import FAULTS
from ssosim.lab.control import ControlApi
from ssosim.trace import Trace
from ssosim.trace.export import from_json

AUTOLOGON = "autologon.microsoftazuread-sso.com"
SSO = f"https://{AUTOLOGON}/contoso.com/winauth/sso"
CURL = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--negotiate", "-u", ":", SSO)
CHECKED_IN = Path(__file__).parents[2] / "docs" / "openapi.json"


def test_the_description_has_every_route_and_no_other() -> None:
    """Whatever the application answers is described, and nothing else is; the file in docs/ is the same."""
    lab: Any = SimpleNamespace(lab=SimpleNamespace(trace=Trace()))
    routes = {
        (route.method.lower(), route.resource.canonical)
        for route in ControlApi(lab, lambda: None).app.router.routes()
        if route.method != "HEAD" and route.resource is not None
    }
    described = {(method, path) for path, operations in DESCRIPTION["paths"].items() for method in operations}
    assert routes == described
    assert json.loads(CHECKED_IN.read_text()) == DESCRIPTION, "python -m ssosim.lab.control_spec > docs/openapi.json"
    references = set(_references(DESCRIPTION))
    assert references <= {f"#/components/schemas/{name}" for name in DESCRIPTION["components"]["schemas"]}
    assert set(DESCRIPTION["components"]["schemas"]["Fault"]["discriminator"]["mapping"]) == set(FAULTS)


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from [part["$ref"]] if "$ref" in part else []
    for below in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from _references(below)


def test_the_same_on_the_socket_and_on_loopback(api: Api) -> None:
    """Both doors lead to the same lab; the description is what the lab serves of itself."""
    for path in ("/v1/faults", "/v1/trace?limit=3", "/v1/openapi.json"):
        here, there = api.raw("GET", path), api.raw("GET", path, tcp=True, headers=api.token)
        assert here[0] == there[0] == 200
        assert here[2] == there[2]
    assert api.ok("GET", "/v1/openapi.json") == DESCRIPTION
    assert api.ok("GET", "/v1/status")["api"] == api.where
    assert api.raw("GET", "/v1/status", tcp=True, headers={"Host": "localhost:" + _port(api)} | api.token)[0] == 200


def _port(api: Api) -> str:
    return str(urlsplit(api.where["url"]).port)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer nope"},
        {"Authorization": "Bearer \xe9"},
        {"Authorization": "Basic {token}"},
        {"Authorization": "{token}"},
        {"Authorization": "Bearer {token}x"},
    ],
    ids=str,
)
def test_loopback_asks_for_the_token(api: Api, headers: dict[str, str]) -> None:
    """Without the lab's token, or with anything but it, every path is a 401 that does not say what there is."""
    token = Path(api.where["token_file"]).read_text()
    given = {key: value.replace("{token}", token) for key, value in headers.items()}
    for path in ("/v1/status", "/v1/nothing", "/v1/stop"):
        status, answered, text = api.raw("POST" if path.endswith("stop") else "GET", path, tcp=True, headers=given)
        assert status == 401
        assert answered["WWW-Authenticate"] == "Bearer"
        assert set(json.loads(text)) == {"error"}
    assert api.ok("GET", "/v1/status")["state"] == "up"


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "", "lab", "127.0.0.1.evil.example:{port}"]
)
def test_a_page_that_was_rebound_gets_nothing(api: Api, host: str) -> None:
    """A Host that is not the API's own is refused, token or not; no answer allows another origin to read it."""
    headers = {"Host": host.replace("{port}", _port(api)), "Origin": "https://evil.example"} | api.token
    status, answered, _ = api.raw("GET", "/v1/status", tcp=True, headers=headers)
    assert status == 403
    assert not [name for name in answered if name.lower().startswith("access-control")]
    preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    status, answered, _ = api.raw("OPTIONS", "/v1/faults", tcp=True, headers=preflight | api.token)
    assert status == 405
    assert not [name for name in answered if name.lower().startswith("access-control")]


def test_the_token_is_its_owners(api: Api) -> None:
    """The token's file has mode 0600; people's and programs' status say where it is, and neither what is in it."""
    file = Path(api.where["token_file"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(api.where["socket"]).stat().st_mode) == 0o600
    shown = api.bench.run("status").stdout
    assert api.where["url"] in shown
    assert str(file) in shown
    assert file.read_text() not in shown + api.bench.run("status", "--json").stdout + api.bench.run("trace").stdout


def test_only_when_asked_and_not_for_long(bench: Any) -> None:
    """Without --api there is no port; a taken one is said with exit code 2; token and port go with the lab."""
    bench.up()
    assert set(json.loads(bench.run("status", "--json").stdout)["labs"][0]["api"]) == {"socket"}
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    done = bench.run("up", "--name", "b", "--api", str(port))
    assert (done.returncode, f"--api {port}: " in done.stderr, "Traceback" in done.stderr) == (2, True, False)
    assert bench.run("up", "--name", "b", "--api", "99999").returncode == 2
    taken.close()
    bench.up("--name", "b", "--api", str(port))
    assert bench.run("down", "--name", "b").returncode == 0
    assert bench.run("down").returncode == 0
    bench.assert_nothing_left("b")
    with socket.create_server(("127.0.0.1", port)):
        pass  # it is free again


def test_faults_come_with_limits_and_go(api: Api) -> None:
    """Applied with a body like a scenario's table, listed, undone by id; those with limits go by themselves."""
    made = api.ok("POST", "/v1/faults", {"fault": "servfail", "names": ["a.example"], "first": 2, "for_s": 30})
    assert made["description"] == "SERVFAIL: a.example, the first 2, for 30 s"
    assert api.ok("GET", "/v1/faults")["faults"] == [made]
    assert api.ok("DELETE", f"/v1/faults/{made['id']}")["undone"] == [made]
    api.ok("POST", "/v1/faults", {"fault": "drop", "names": ["b.example"], "for_s": 0.1})
    ended = api.ok("GET", "/v1/wait", kind="FaultUndone", text="after 0.1 s")
    assert ended["reason"] == "after 0.1 s"
    assert api.ok("GET", "/v1/faults")["faults"] == []


def test_curl_tries_again_and_gets_there(api: Api) -> None:
    """Real retries: two answers of three are 503, which costs curl two retries; the trace has all three and the end."""
    since = api.ok("GET", "/v1/status")["trace_records"]
    api.ok("POST", "/v1/faults", {"fault": "http-status", "host": AUTOLOGON, "first": 2})
    done = api.bench.run("exec", "--as", "retrier", "--", *CURL, "--retry", "3", "--retry-delay", "1")
    assert (done.returncode, done.stdout[-3:]) == (0, "200"), done.stdout + done.stderr
    seen = api.ok("GET", "/v1/trace", since=since, client="retrier", kind="HttpExchange")["records"]
    assert [record["status"] for record in seen if record["status"] != 401] == [503, 503, 200]
    (ended,) = api.ok("GET", "/v1/trace", since=since, kind="FaultUndone")["records"]
    assert ended["reason"] == "after the first 2"
    assert api.ok("GET", "/v1/faults")["faults"] == []


def test_limits_from_the_command_line(api: Api) -> None:
    """--first, --for and --client are the fields first, for_s and clients."""
    words = ("kdc-refuses", "--first", "2", "--for", "500ms", "--client", "a", "--client", "b")
    done = api.bench.run("fault", "apply", *words, "--json")
    made = json.loads(done.stdout)
    assert (made["first"], made["for_s"], made["clients"]) == (2, 0.5, ["a", "b"])
    wrong = api.bench.run("fault", "apply", "drop", "--for", "soon")
    assert (wrong.returncode, "expected a time" in wrong.stderr) == (2, True)
    assert api.ok("GET", "/v1/wait", kind="FaultUndone", text="after 0.5 s")["name"] == "kdc-refuses"


def test_the_trace_in_pieces(api: Api) -> None:
    """Reading on from last_seq gives every record once; filters narrow; JSON Lines are those of ssosim trace."""
    assert api.bench.run("exec", "--as", "reader", "--", *CURL).stdout[-3:] == "200"
    pieces, since = [], 0
    while True:
        page = api.ok("GET", "/v1/trace", since=since, limit=7)
        pieces += page["records"]
        since = page["last_seq"]
        if not page["more"]:
            break
    assert [record["seq"] for record in pieces] == list(range(1, since + 1))
    own = api.ok("GET", "/v1/trace", client="reader", layer="kerberos")["records"]
    assert {(record["client"], record["layer"]) for record in own} == {("reader", "kerberos")}
    assert api.ok("GET", "/v1/trace", text=AUTOLOGON, kind="DnsAnswered", client="reader")["records"]
    assert api.ok("GET", "/v1/trace", client="nobody")["records"] == []
    status, headers, text = api.raw("GET", "/v1/trace?client=reader", headers={"Accept": "application/x-ndjson"})
    assert (status, headers.get_content_type()) == (200, "application/x-ndjson")
    records = [from_json(line) for line in text.decode().splitlines()]
    assert {record.client for record in records} == {"reader"}
    time.sleep(0.1)  # the trace's file is written in batches
    assert text.decode() == api.bench.run("trace", "--client", "reader", "--json").stdout


def test_waiting_for_what_comes(api: Api) -> None:
    """What is there is given at once; what comes later, when it comes; 204 where it does not come."""
    since = api.ok("GET", "/v1/status")["trace_records"]
    assert api.call("GET", "/v1/wait", since=since, client="late", timeout_s=0) == (204, None)
    came: list[Any] = []

    def wait() -> None:
        came.append(api.ok("GET", "/v1/wait", since=since, client="late", kind="TokenIssued", timeout_s=15))

    waiter = threading.Thread(target=wait)
    waiter.start()
    api.bench.run("exec", "--as", "late", "--", *CURL)
    waiter.join()
    assert came[0]["kind"] == "assertion" or came[0]["kind"] == "browser", came
    assert api.ok("GET", "/v1/wait", since=since, client="late", kind="TokenIssued") == came[0]
    began = time.monotonic()
    assert api.call("GET", "/v1/wait", client="never", timeout_s=1)[0] == 204
    assert 0.9 < time.monotonic() - began < 5


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
    end = time.monotonic() + 10
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
    wrong = OWN | {"phases": [OWN["phases"][0] | {"faults": [{"fault": "name-removed", "record": "no.fabrikam.com"}]}]}
    status, said = api.call("POST", "/v1/scenarios", {"scenario": wrong})
    assert (status, "own: " in said["error"]) == (409, True)
    assert api.ok("GET", "/v1/faults")["faults"] == []
    assert api.call("POST", "/v1/scenarios", {"name": "negative-cache"})[0] == 409
    assert api.call("GET", "/v1/scenarios/current")[0] == 404


def test_verdicts_on_everybody_and_on_nobody(api: Api) -> None:
    """Without a name everybody who was seen is judged; a client that never came has stalled."""
    api.bench.run("exec", "--as", "one", "--", *CURL)
    found = {each["client"]: each for each in api.ok("GET", "/v1/verdicts")["verdicts"]}
    assert found["one"]["outcome"] == "silent"
    (missing,) = api.ok("GET", "/v1/verdicts", client="ghost")["verdicts"]
    assert (missing["outcome"], missing["after_s"]) == ("stalled", None)

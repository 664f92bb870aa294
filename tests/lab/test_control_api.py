"""The control API of a running lab, as a program in any language sees it: over its Unix socket and on loopback."""

from __future__ import annotations

import json
import re
import socket
import stat
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from control_api_client import AUTOLOGON, CURL, DESCRIPTION, Api

from ssosim.faults import FAULTS
from ssosim.lab.control.api import ControlApi
from ssosim.trace import Trace
from ssosim.trace.export import parse_record

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
    assert json.loads(CHECKED_IN.read_text()) == DESCRIPTION, "python -m ssosim.lab.control.openapi > docs/openapi.json"
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


def test_libkrb5_asks_again_and_gets_its_ticket(api: Api) -> None:
    """The KDC does not hear the first request of this client: libkrb5 sends another, and curl notices nothing."""
    api.ok("POST", "/v1/faults", {"fault": "kdc-silent", "clients": ["unheard"], "first": 1})
    assert api.bench.run("exec", "--as", "heard", "--", *CURL).stdout[-3:] == "200"
    assert api.bench.run("exec", "--as", "unheard", "--", *CURL).stdout[-3:] == "200"
    asked = api.ok("GET", "/v1/trace", client="unheard", kind="KdcExchange")["records"]
    assert [each["outcome"] for each in asked] == ["no answer", "issued"]
    assert api.ok("GET", "/v1/wait", kind="FaultUndone", text="kdc-silent undone after the first 1")


def test_the_first_handshake_and_no_more(api: Api) -> None:
    """An expired certificate at one handshake: curl refuses it (60), and the next one is the good one."""
    api.ok("POST", "/v1/faults", {"fault": "certificate-expired", "host": AUTOLOGON, "first": 1})
    codes = [api.bench.run("exec", "--as", "tls", "--", *CURL).returncode for _ in range(2)]
    assert codes == [60, 0]
    assert api.ok("GET", "/v1/wait", kind="FaultUndone", text="after the first 1: the certificate of")
    assert api.ok("GET", "/v1/faults")["faults"] == []


def test_limits_from_the_command_line(api: Api) -> None:
    """--first, --for and --client are the fields first, for_s and clients."""
    words = ("--for", "500ms", "kdc-refuses", "--first", "2", "error=KDC_ERR_POLICY", "--client", "a", "--client", "b")
    done = api.bench.run("fault", "apply", *words, "--json")
    made = json.loads(done.stdout)
    assert (made["first"], made["for_s"], made["clients"]) == (2, 0.5, ["a", "b"])
    wrong = api.bench.run("fault", "apply", "drop", "--for", "soon")
    assert (wrong.returncode, "expected a duration" in wrong.stderr) == (2, True)
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
    records = [parse_record(line) for line in text.decode().splitlines()]
    assert {record.client for record in records} == {"reader"}
    end = time.monotonic() + 60  # the trace's file is written in batches
    while text.decode() != (written := api.bench.run("trace", "--client", "reader", "--json").stdout):
        assert time.monotonic() < end, written


def test_waiting_for_what_comes(api: Api) -> None:
    """What is there is given at once; what comes later, when it comes; 204 where it does not come."""
    since = api.ok("GET", "/v1/status")["trace_records"]
    assert api.call("GET", "/v1/wait", since=since, client="late", timeout_s=0) == (204, None)
    came: list[Any] = []

    def wait() -> None:
        came.append(api.ok("GET", "/v1/wait", since=since, client="late", kind="TokenIssued", timeout_s=35))

    waiter = threading.Thread(target=wait)
    waiter.start()
    api.bench.run("exec", "--as", "late", "--", *CURL)
    waiter.join()
    assert came[0]["kind"] == "assertion" or came[0]["kind"] == "browser", came
    assert api.ok("GET", "/v1/wait", since=since, client="late", kind="TokenIssued") == came[0]
    began = time.monotonic()
    assert api.call("GET", "/v1/wait", client="never", timeout_s=1)[0] == 204
    assert 0.9 < time.monotonic() - began < 20, "without ``timeout_s`` it is 30"


def test_verdicts_on_everybody_and_on_nobody(api: Api) -> None:
    """Without a name everybody who was seen is judged; a client that never came is a mistake, with near names."""
    api.bench.run("exec", "--as", "one", "--", *CURL)
    found = {each["client"]: each for each in api.ok("GET", "/v1/verdicts")["verdicts"]}
    assert found["one"]["outcome"] == "silent"
    assert (found["one"]["prompts"], found["one"]["measures"]["exposures"]) == (0, [])
    assert found["one"]["measures"]["requests"] > 0
    status, wrong = api.call("GET", "/v1/verdicts", client="onee")
    assert status == 400
    assert "there is no client 'onee' in the trace; clients: " in str(wrong)
    assert "did you mean one?" in str(wrong)


def test_a_verdict_can_be_compared_with_what_is_expected(api: Api) -> None:
    """The parameters are those of ``ssosim run``; a broken one is named with its figure, a wrong one refused."""
    api.bench.run("exec", "--as", "one", "--", *CURL)
    (good,) = api.ok("GET", "/v1/verdicts", client="one", expect="silent|interactive", no_exposure="true")["verdicts"]
    assert (good["as_expected"], good["broken"]) == (True, [])
    (bad,) = api.ok("GET", "/v1/verdicts", client="one", never="silent", max_rate="1/min")["verdicts"]
    assert [each["rule"] for each in bad["broken"]] == ["never", "max-rate"]
    (other,) = api.ok("GET", "/v1/verdicts", client="one", code="AADSTS50126", reason_contains="a text")["verdicts"]
    assert [each["rule"] for each in other["broken"]] == ["code", "reason-contains"]
    assert api.call("GET", "/v1/verdicts", code="AADSTS")[0] == 400
    for parameters in ({"expect": "sillent"}, {"within": "soon"}, {"max_prompts": "x"}, {"no_exposure": "perhaps"}):
        assert api.call("GET", "/v1/verdicts", **parameters)[0] == 400


def test_who_runs_and_an_end_to_it(api: Api) -> None:
    """Programs are listed while they run; one that is stopped ends with its children, also one that will not hear."""
    deaf = "import signal, subprocess, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    polite = api.bench.popen("exec", "--as", "polite", "--", "sh", "-c", "sleep 61 & echo 1; wait")
    rude = api.bench.popen("exec", "--as", "rude", "--", sys.executable, "-c", deaf)
    for each in (polite, rude):
        assert each.stdout.readline() == b"1\n"
    running = {each["client"]: each for each in api.ok("GET", "/v1/devices")["devices"]}
    assert {name: each["program"] for name, each in running.items()} == {
        "polite": "sh",
        "rude": Path(sys.executable).name,
    }
    assert api.ok("DELETE", "/v1/devices/polite")["stopped"][0]["client"] == "polite"
    assert polite.wait(60) == 128 + 15
    assert [each["client"] for each in api.ok("GET", "/v1/devices")["devices"]] == ["rude"]
    api.ok("DELETE", f"/v1/devices/{running['rude']['device']}")
    assert rude.wait(60) == 128 + 9
    assert api.ok("GET", "/v1/devices")["devices"] == []
    assert not [line for line in api.bench.processes().values() if b"sleep" in line]
    ended = {r["client"]: r["exit_code"] for r in api.ok("GET", "/v1/trace", kind="ClientFinished")["records"]}
    assert (ended["polite"], ended["rude"]) == (-15, -9), "stopped from outside: no failure of their own"


def test_the_examples_in_the_manual(api: Api) -> None:
    """Every body in docs/control-api.md is one that the API takes, and every path in it is in the description."""
    manual = (CHECKED_IN.parent / "control-api.md").read_text()
    examples = re.findall(r"\$URL(/v1/\S+) -d '(\{.*?\})'\n", manual)
    assert len(examples) >= 3
    for path, body in examples:
        api.ok("POST", path, json.loads(body))
    api.ok("DELETE", "/v1/scenarios/current")
    api.ok("DELETE", "/v1/faults/all")
    named = {
        path.rstrip("/…").removesuffix("/ID").removesuffix("/NAME").removesuffix("/all")
        for path in re.findall(r"`?(/v1/[\w/.-]*)", manual)
    }
    assert named <= {path.partition("/{")[0] for path in DESCRIPTION["paths"]} | {"/v1/dns"}

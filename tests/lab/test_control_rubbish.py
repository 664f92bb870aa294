"""What the control API says to what it cannot use, and that it lives on."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec
import pytest
from control_api_client import CURL, DESCRIPTION, Api
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.faults import FAULTS

NO_PHASES = {"name": "x", "title": "x", "end": "2025-02-25T18:00:00Z", "clients": [], "phases": []}

BAD: list[tuple[str, str, Any, int, str]] = [
    ("GET", "/v1/nothing", None, 404, ": not found"),
    ("GET", "/", None, 404, "/v1/openapi.json"),
    ("GET", "/v1/dns/nothing", None, 404, "not found"),
    ("PUT", "/v1/faults", {}, 405, "expected GET, POST"),
    ("DELETE", "/v1/trace", None, 405, "expected GET"),
    ("POST", "/v1/faults", [], 400, "not a JSON object"),
    ("POST", "/v1/faults", {"fault": "nope"}, 400, "there is no fault 'nope'; known: aaaa-dead"),
    ("POST", "/v1/faults", {"fault": ["drop"]}, 400, "there is no fault"),
    ("POST", "/v1/faults", {"fault": "drop", "first": {}}, 400, "$.first"),
    ("POST", "/v1/faults", {"fault": "drop", "for_s": -1}, 400, "for_s -1.0 is not above 0"),
    ("POST", "/v1/faults", {"fault": "name-removed", "name": "no.example"}, 400, "no.example"),
    ("DELETE", "/v1/faults/77", None, 400, "no fault '77' is in force"),
    ("GET", "/v1/trace?since=-1", None, 400, "since '-1': expected a whole number from 0"),
    ("GET", "/v1/trace?limit=0", None, 400, "limit '0': expected a whole number from 1 to 10000"),
    ("GET", "/v1/trace?limit=1&limit=2", None, 400, "a parameter may be given once"),
    ("GET", "/v1/trace?colour=red", None, 400, "colour: unknown parameter; known here: since, client"),
    ("GET", "/v1/trace?kind=Nope", None, 400, "kind 'Nope': expected one of AccessTokenChecked"),
    ("GET", "/v1/wait?timeout_s=1e9", None, 400, "expected a whole number from 0 to 300"),
    ("GET", "/v1/wait?layer=ip", None, 400, "layer 'ip': expected one of dns"),
    ("GET", "/v1/verdicts?since=x", None, 400, "since 'x'"),
    ("POST", "/v1/scenarios", {}, 400, "expected either name"),
    ("POST", "/v1/scenarios", {"name": "../x"}, 400, "expected one of all-nameservers-gone"),
    ("POST", "/v1/scenarios", {"name": "feb-2025", "speed": 0}, 400, "speed 0: expected a number above 0"),
    ("POST", "/v1/scenarios", {"name": "feb-2025", "pace": 1}, 400, "pace: unknown key; known here: name"),
    ("POST", "/v1/scenarios", {"scenario": {"name": "x"}}, 400, "is missing"),
    (
        "POST",
        "/v1/scenarios",
        {"scenario": NO_PHASES},
        400,
        "phases: needs at least one phase",
    ),
    ("POST", "/v1/devices", {"pid": 1}, 400, "pid: expected"),
    ("POST", "/v1/devices/1.2.3.4/finished", {"exit_code": 0}, 400, "there is no device"),
    ("DELETE", "/v1/devices/nobody", None, 400, "no program 'nobody' is running; running programs: none"),
    ("POST", "/v1/spn", {}, 400, "host: expected"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "words"), BAD, ids=lambda each: str(each)[:40])
def test_a_mistake_is_named(api: Api, method: str, path: str, body: Any, status: int, words: str) -> None:
    """What is wrong, where, and what is expected, with the status that fits."""
    data = None if body is None else json.dumps(body).encode()
    got, headers, text = api.raw(method, path, data)
    assert (got, headers.get_content_type()) == (status, "application/json"), text
    assert words in json.loads(text)["error"]


def test_bodies_that_are_none(api: Api) -> None:
    """No JSON: 400. Too much of it: 413. Too deep: 400."""
    assert api.raw("POST", "/v1/faults", b"{")[0] == 400
    assert api.raw("POST", "/v1/faults", b"\xff\xfe")[0] == 400
    assert api.raw("POST", "/v1/faults", b"[" * 100_000)[0] == 400
    assert api.raw("POST", "/v1/faults", b'{"a":"' + b"x" * (9 << 20) + b'"}')[0] == 413


PATHS = [path for path in DESCRIPTION["paths"] if path != "/v1/stop" and "substitutions" not in path]
TEXTS = st.text(max_size=12) | st.sampled_from([*FAULTS, "feb-2025", "login.microsoftonline.com", "all", "\ud800", "0"])
KEYS = st.sampled_from(["fault", "names", "record", "name", "scenario", "first", "for_s", "speed", "host", "zone"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | TEXTS, inner, max_size=4),
    max_leaves=8,
)
PARAMETERS = st.sampled_from(["since", "client", "kind", "layer", "text", "limit", "x"])


@settings(max_examples=150)
@given(
    st.sampled_from(["GET", "POST", "DELETE", "PUT", "PATCH", "OPTIONS"]),
    st.sampled_from(PATHS),
    TEXTS,
    st.dictionaries(PARAMETERS, TEXTS, max_size=2),
    st.dictionaries(KEYS, VALUES, max_size=4) | VALUES,
)
def test_rubbish_never_breaks_it(api: Api, method: str, path: str, which: str, query: Any, body: Any) -> None:
    """Whatever comes: an answer in JSON, a mistake with its words, never a 500; and the lab lives on."""
    place = path.replace("{which}", quote(which, safe="", errors="replace") or "x").replace("{device}", "1.2.3.4")
    query |= {"timeout_s": "0"} if path == "/v1/wait" else {}
    place += f"?{urlencode(query, errors='replace')}" if query else ""
    status, headers, text = api.raw(method, place, json.dumps(body).encode())
    assert status < 500, text
    if status >= 400:
        assert json.loads(text)["error"]
    elif status == 200:
        assert headers.get_content_type() == "application/json"


FITTING = st.sampled_from(
    [
        "login.microsoftonline.com",
        "microsoftonline.com",
        "aadg-autologon",
        "contoso.com",
        "192.0.2.10",
        "100::1",
        1,
        2,
        0.5,
    ]
)


@st.composite
def faults(draw: st.DrawFn) -> dict[str, Any]:
    """A fault by its name, with what it needs, as it could be or not."""
    name = draw(st.sampled_from(sorted(FAULTS)))
    body: dict[str, Any] = {"fault": name}
    for field in msgspec.structs.fields(FAULTS[name]):
        if field.required or draw(st.integers(0, 3)) == 0:
            one = FITTING | VALUES
            body[field.name] = draw(one | st.lists(one, max_size=2) | st.dictionaries(TEXTS, TEXTS, max_size=2))
    return body


@settings(max_examples=150)
@given(faults())
def test_any_fields_of_any_fault(api: Api, body: dict[str, Any]) -> None:
    """Whatever the fields hold, it is applied, listed and undone, or refused in words."""
    status, _, text = api.raw("POST", "/v1/faults", json.dumps(body).encode())
    assert status in (200, 400, 409), (body, text)
    if status == 200:
        assert api.raw("GET", "/v1/faults")[0] == 200
        assert api.raw("DELETE", "/v1/faults/all")[0] == 200
    else:
        assert json.loads(text)["error"]


def assert_in_json(answer: bytes) -> None:
    """An error is ``{"error": text}``, and its Server field has no version in it."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if not answer or answer.startswith(b"HTTP/1.1 100") or int(head.split()[1]) < 400:
        return
    assert b"application/json" in head
    assert b"aiohttp" not in head
    assert json.loads(body)["error"]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /v1/nothing HTTP/1.0\r\n\r\n", 404),
        (b"PUT /v1/faults HTTP/1.0\r\n\r\n", 405),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"rubbish\r\n\r\n", 400),
        (b"GET /v1/nothing HTTP/1.1\r\nHost: lab\r\nExpect: wonders\r\n\r\n", 417),
        (b"GET /v1/status HTTP/1.1\r\nHost: lab\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 400),
        (b"POST /v1/faults HTTP/1.0\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 9_000_000, 413),
        (b"GET /v1/status HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    ],
)
def test_every_error_is_json(api: Api, request_: bytes, status: int) -> None:
    """Whichever part says no: the router, the HTTP parser, the limit of a body, the guard."""
    with socket.socket(socket.AF_UNIX) as there:
        there.settimeout(120)
        there.connect(api.where["socket"])
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            there.sendall(request_)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while b"}" not in answer and (more := there.recv(65536)):
                answer += more
    assert int(answer.split()[1]) == status
    assert_in_json(answer)


HEADS = st.sampled_from(
    [b"GET / HTTP/9.9", b"GET http://[ HTTP/1.1", b"GET // HTTP/1.1", b"POST /v1/faults HTTP/1.1", b"\x16\x03\x01"]
)
LINES = st.sampled_from(
    [b"Host: a", b"Content-Length: x", b"Content-Length: 3", b"Transfer-Encoding: chunked", b"Expect: 100-continue"]
)


@settings(max_examples=100)
@given(st.lists(HEADS | LINES | st.binary(max_size=20), max_size=5), st.booleans())
def test_what_is_no_http(api: Api, lines: list[bytes], unix: bool) -> None:
    """Whoever is on the machine may send anything to the port: the lab's log does not grow by it."""
    log = api.bench.home / "labs" / "default" / "lab.log"
    before = log.read_bytes()
    url = urlsplit(api.where["url"])
    there = socket.socket(socket.AF_UNIX) if unix else socket.socket()
    with there, contextlib.suppress(ConnectionError):
        there.connect(api.where["socket"] if unix else (url.hostname, url.port))
        there.sendall(b"\r\n".join(lines) + b"\r\n\r\nzz\r\n")
        there.shutdown(socket.SHUT_WR)
        there.settimeout(120)
        answer = there.recv(4096)
        assert not answer or int(answer.split()[1]) < 500
        assert_in_json(answer)
    assert log.read_bytes() == before


def test_after_all_that_the_lab_is_well(api: Api) -> None:
    """What the tests before sent has left no traceback, and a client signs in."""
    api.call("DELETE", "/v1/scenarios/current")
    api.ok("DELETE", "/v1/faults/all")
    assert "Traceback" not in (api.bench.home / "labs" / "default" / "lab.log").read_text()
    assert api.bench.run("exec", "--", *CURL).stdout[-3:] == "200"

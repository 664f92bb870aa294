"""The control API refuses what it does not read: no key and no parameter is accepted and touches nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from control_api_client import DESCRIPTION, Api

OPERATIONS = [(method.upper(), path) for path, found in DESCRIPTION["paths"].items() for method in found]
FILLED = {"{which}": "all", "{device}": "1.2.3.4"}


def fill(path: str) -> str:
    """Return ``path`` with values for its parameters."""
    for name, value in FILLED.items():
        path = path.replace(name, value)
    return path


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_an_unknown_parameter_is_refused(api: Api, method: str, path: str) -> None:
    """Each route names the parameter and those that it knows, whether or not it reads a query."""
    status, _, text = api.raw(method, f"{fill(path)}?colour=red")
    error = json.loads(text)["error"]
    assert (status, error.partition(";")[0]) == (400, "colour: unknown parameter")
    assert "known here: " in error


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.parametrize("body", [b'{"colour": "red"}', b'{"colour": null}'], ids=["text", "null"])
def test_an_unknown_key_is_refused(api: Api, method: str, path: str, body: bytes) -> None:
    """Each route names the key and those that it knows, whether or not it reads a body; the lab goes on."""
    status, _, text = api.raw(method, fill(path), body)
    error = json.loads(text)["error"]
    assert status == 400, text
    assert "colour" in error or path == "/v1/faults"
    if path == "/v1/faults" and method == "POST":  # which keys there are depends on the fault
        status, _, text = api.raw(method, path, b'{"fault": "drop", "colour": "red"}')
        assert (status, "colour" in json.loads(text)["error"]) == (400, True)
    else:
        assert "colour: unknown key; known here: " in error
    assert api.ok("GET", "/v1/status")["name"]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_a_body_that_is_no_object_is_refused(api: Api, method: str, path: str) -> None:
    """Also where no body is read: whoever sends one believes that it is."""
    for body in (b"[]", b"red", b'"red"'):
        status, _, text = api.raw(method, fill(path), body)
        assert status == 400, text
        assert "the request is not" in json.loads(text)["error"]


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/v1/devices", {"pid": 4_000_000, "labl": "x"}, "labl: unknown key; known here: pid, program"),
        ("/v1/devices", {"pid": 4_000_000, "labl": "x"}, "did you mean 'label'?"),
        ("/v1/devices", {"pid": 4_000_000, "ipv6": "yes"}, "ipv6: expected true or false"),
        ("/v1/devices", {"pid": 4_000_000, "nss": 1}, "nss: expected true or false"),
        ("/v1/devices", {"pid": 4_000_000, "program": ["x"]}, "program: expected text"),
        ("/v1/devices", {"pid": 4_000_000, "label": ""}, "'': expected a name for the program (--as)"),
        ("/v1/devices", {"pid": 4_000_000, "label": "a\nb"}, "expected a name for the program"),
        ("/v1/devices", {"pid": 4_000_000, "person": ""}, "person '': use one of signs-in"),
        ("/v1/devices/1.2.3.4/finished", {"exit_code": 0, "stoped": ""}, "did you mean 'stopped'?"),
        ("/v1/spn", {"host": "login.microsoftonline.com", "rule": []}, "did you mean 'rules'?"),
        (
            "/v1/spn",
            {"host": "login.microsoftonline.com", "rules": []},
            "rules: expected a list of names, at least one",
        ),
        ("/v1/dns/rollback", {"as_writen": True}, "did you mean 'as_written'?"),
        ("/v1/dns/drift", {"outsid": False}, "outsid: unknown key; known here: outside"),
        ("/v1/dns/drift", {"outside": "no"}, "outside: "),
        ("/v1/dns/settings", {"detector": {"alias": False}}, "detector: "),
        ("/v1/dns/substitutions/finish", {"restore": False}, "restore: unknown key; known here: none"),
        ("/v1/federated-tokens", {"claims": []}, "there is no issuer|no issuer|claims: expected an object"),
    ],
    ids=str,
)
def test_a_slip_is_named(api: Api, path: str, body: Any, words: str) -> None:
    """A misspelt key and a value of another type: what is wrong, what is known, and the nearest name."""
    status, said = api.call("POST", path, body)
    assert status == 400, said
    assert any(each in said["error"] for each in words.split("|"))


def test_faults_of_a_client_that_nobody_has_seen(api: Api) -> None:
    """A misspelt client would be told that every fault touched nothing of it."""
    status, said = api.call("GET", "/v1/faults", client="nobody-of-that-name")
    assert (status, said["error"].partition(";")[0]) == (
        400,
        "there is no client 'nobody-of-that-name' in the trace",
    )

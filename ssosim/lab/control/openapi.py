"""The OpenAPI 3.1 description of the control API, which it serves; ``docs/openapi.json`` is a copy.

``python docs/generate.py`` writes the copy. Source: OpenAPI Specification 3.1.1.
"""

from __future__ import annotations

import inspect
import json
from typing import Any

from ssosim import __version__
from ssosim.lab.control.schemas import TEXT, named, schemas
from ssosim.lab.control.trace_handlers import JSON_LINES, KINDS, LAYERS, LONGEST_WAIT_S, MOST_RECORDS
from ssosim.output import json_text, say

__all__ = ["description"]

Data = dict[str, Any]

_OBJECT: Data = {"type": "object"}
_ABOUT = """\
Controls a running lab. The Unix socket needs no authentication. On loopback (`ssosim up --api`) each request needs the
lab's token as a bearer token, and the `Host` of the lab. An error is an object with `error`: what, where, what is
expected.
"""
_DNS = {
    "zones": ("get", "the zones, locks and the ledger of changes"),
    "plan": ("post", "plan a change: its differences, risk, blast radius and usage, and the gate's decision"),
    "apply": ("post", "apply a planned change; 403 with the gate's reasons where it refuses"),
    "rollback": ("post", "roll a change back"),
    "drift": ("post", "detect differences between the desired state and production"),
    "adopt": ("post", "make the current zones the desired state"),
    "settings": ("post", "set policy, inventory and detector"),
    "load": ("post", "replace zones of the lab by your own"),
    "substitutions": ("post", "start counting backends for the names that a change would affect"),
    "substitutions/finish": ("post", "stop the backends and return their counts; the zones are as before"),
}


def description() -> Data:
    """The OpenAPI document as plain data."""
    document = {
        "openapi": "3.1.0",
        "info": {"title": "ssosim control API", "version": __version__, "description": _ABOUT},
        "servers": [{"url": "http://127.0.0.1:{port}", "variables": {"port": {"default": "8765"}}}],
        "security": [{}, {"token": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas(),
        },
    }
    return {key: _without_indents(value) for key, value in document.items()}


def _without_indents(part: Any) -> Any:
    """Return ``part`` with every text as Python 3.13 has docstrings: without the indentation of their lines.

    So the document is the same whichever Python made it.
    """
    if isinstance(part, dict):
        return {key: _without_indents(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_without_indents(value) for value in part]
    return inspect.cleandoc(part) if isinstance(part, str) and "\n" in part else part


def _paths() -> Data:
    device = _path("device", "the device's address")
    paths = {
        "/v1/openapi.json": {"get": _operation("this description", _OBJECT)},
        "/v1/status": {"get": _operation("the parts of the lab, and the endpoints of this API", named("Status"))},
        "/v1/stop": {"post": _operation("stop the lab", _OBJECT)},
        "/v1/faults": {
            "get": _operation(
                "the faults in force, the oldest first",
                named("Faults"),
                parameters=[
                    _query("client", TEXT, "idle is why a fault changed no exchange of this client, not of any"),
                    _query("since", _whole(0), "idle is about the exchanges after this record"),
                ],
            ),
            "post": _operation(
                "apply a fault until it is undone or reaches its limit", named("FaultInForce"), named("Fault")
            ),
        },
        "/v1/faults/{which}": {
            "delete": _operation(
                "undo one fault or all", named("Undone"), parameters=[_path("which", "its id, its name, or all")]
            )
        },
        "/v1/identity-provider": {
            "get": _operation("the settings of the identity provider", named("IdentityProvider")),
            "post": _operation(
                "switch rules of the identity provider off, or on again: not_checked are those that are off; "
                "mutual_authentication is whether a 200 to a ticket has a token of the service",
                named("IdentityProvider"),
                named("IdentityProviderChange"),
            ),
        },
        "/v1/trace": {"get": _trace()},
        "/v1/wait": {"get": _wait()},
        "/v1/verdicts": {
            "get": _operation(
                "the verdict for each client so far, judged from the trace",
                named("Verdicts"),
                parameters=[
                    _query("client", TEXT, "only this client; 400 if the trace does not have it"),
                    _query("since", _whole(0), "judge from the records after this number; times start there"),
                    _query("expect", TEXT, "what is expected of each verdict: outcomes, such as silent|interactive"),
                    _query("within", TEXT, "the longest time to the decision, such as 30s"),
                    _query("never", TEXT, "outcomes that must not occur, such as stalled|refused"),
                    _query("code", TEXT, "the error code of the cause, such as AADSTS50126|AADSTS50034"),
                    _query("reason_contains", TEXT, "a text that the reason must contain"),
                    _query("max_prompts", _whole(0), "the largest number of prompts"),
                    _query("max_rate", TEXT, "the largest number of requests in a minute, such as 60/min"),
                    _query("no_exposure", {"type": "boolean"}, "whether no credential may be sent to a wrong host"),
                ],
            )
        },
        "/v1/scenarios": {
            "get": _operation("the scenarios of the catalogue", named("Scenarios")),
            "post": _operation(
                "start a scenario with its first phase; the lab does not run its clients",
                named("PlayingScenario"),
                named("ScenarioToBegin"),
            ),
        },
        "/v1/scenarios/current": {
            "get": _operation("its phase and active faults; 404 if none was started", named("PlayingScenario")),
            "delete": _operation("stop it and undo its faults", named("PlayingScenario")),
        },
        "/v1/scenarios/current/advance": {
            "post": _operation("start the next phase; after the last phase, end it", named("PlayingScenario"))
        },
        "/v1/spn": {"post": _operation("the SPN that each kind of client forms", _OBJECT, named("SpnQuestion"))},
        "/v1/federated-tokens": {
            "post": _operation(
                "sign a token of an OpenID issuer of the lab", named("FederatedToken"), named("FederatedTokenRequest")
            )
        },
        "/v1/devices": {
            "get": _operation("the running programs, each on its device, the oldest first", named("Devices")),
            "post": _operation("attach a device for a program (ssosim exec)", _OBJECT, _OBJECT),
        },
        "/v1/devices/{device}": {
            "delete": _operation(
                "stop a program: it is killed 3 s later if it does not end",
                named("Stopped"),
                parameters=[_path("device", "its client's name, or its device's address")],
            )
        },
        "/v1/devices/{device}/finished": {
            "post": _operation("report that the program has ended (ssosim exec)", _OBJECT, _OBJECT, parameters=[device])
        },
        "/v1/devices/{device}/device-code": {
            "get": _operation("wait for the next device code of the device (ssosim exec)", _OBJECT, parameters=[device])
        },
    }
    dns = {f"/v1/dns/{action}": _dns(method, about) for action, (method, about) in _DNS.items()}
    return paths | dns


def _dns(method: str, about: str) -> Data:
    operation = _operation(f"{about} (ssosim dns)", _OBJECT, _OBJECT if method == "post" else None)
    operation["responses"]["403"] = _answer("the gate refused", named("Error"))
    return {method: operation}


def _trace() -> Data:
    limit = _query("limit", _whole(1, MOST_RECORDS), "the maximum number of records (1000)")
    operation = _operation("the trace so far, the oldest first", named("Records"), parameters=[*_selection(), limit])
    operation["responses"]["200"]["content"][JSON_LINES] = {"schema": TEXT}
    return operation


def _wait() -> Data:
    timeout = _query("timeout_s", _whole(0, LONGEST_WAIT_S), "for how long to wait, in seconds (30)")
    about = "the first matching record; waits for it if there is none yet"
    operation = _operation(about, named("Record"), parameters=[*_selection(), timeout])
    operation["responses"]["204"] = {"description": "no matching record within the time"}
    return operation


def _selection() -> list[Data]:
    return [
        _query("since", _whole(0), "only records after this number (0)"),
        _query("client", TEXT, "only records that this client caused"),
        _query("kind", {"enum": list(KINDS)}, "only events of this kind"),
        _query("layer", {"enum": list(LAYERS)}, "only events of this layer"),
        _query("text", TEXT, "only events whose text, as ssosim trace prints it, contains this"),
    ]


def _operation(about: str, answer: Data, body: Data | None = None, parameters: list[Data] | None = None) -> Data:
    found: Data = {"summary": about, "responses": {"200": _answer("done", answer)}}
    found["responses"]["default"] = _answer("what is wrong, where, and what is expected", named("Error"))
    if body is not None:
        found["requestBody"] = {"content": {"application/json": {"schema": body}}}
    if parameters:
        found["parameters"] = parameters
    return found


def _answer(about: str, schema: Data) -> Data:
    return {"description": about, "content": {"application/json": {"schema": schema}}}


def _query(name: str, schema: Data, about: str) -> Data:
    return {"name": name, "in": "query", "schema": schema, "description": about}


def _path(name: str, about: str) -> Data:
    return {"name": name, "in": "path", "required": True, "schema": TEXT, "description": about}


def _whole(least: int, most: int | None = None) -> Data:
    return {"type": "integer", "minimum": least} | ({} if most is None else {"maximum": most})


if __name__ == "__main__":
    say(json_text(json.dumps(description(), indent=1, ensure_ascii=False)))

"""The control API's description of itself (OpenAPI 3.1), which it serves; ``docs/openapi.json`` is the same.

``python -m ssosim.lab.control.openapi > docs/openapi.json`` writes it anew. Source: OpenAPI Specification 3.1.1.
"""

from __future__ import annotations

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
Steers a running lab. On its Unix socket it asks for nothing more; on loopback (`ssosim up --api`) for the lab's token
as a bearer token, and for a `Host` of its own. Every error is an object with `error`: what, where, what is expected.
"""
_DNS = {
    "zones": ("get", "the zones, locks and the ledger of changes"),
    "plan": ("post", "what a change would do, and to whom"),
    "apply": ("post", "apply a planned change; 403 with the gate's reasons where it refuses"),
    "rollback": ("post", "take a change back"),
    "drift": ("post", "differences between what is desired and what is there"),
    "adopt": ("post", "what is there is what is desired from now on"),
    "settings": ("post", "policy, inventory and detector"),
    "load": ("post", "zones of your own in the place of the lab's"),
    "substitutions": ("post", "counting backends in front of what a change would touch"),
    "substitutions/finish": ("post", "what the backends counted; the zones are as before"),
}


def description() -> Data:
    """The whole description, as plain data."""
    return {
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


def _paths() -> Data:
    device = _path("device", "the device's address")
    paths = {
        "/v1/openapi.json": {"get": _operation("this description", _OBJECT)},
        "/v1/status": {"get": _operation("what runs, where, and where this API is", named("Status"))},
        "/v1/stop": {"post": _operation("stop the lab", _OBJECT)},
        "/v1/faults": {
            "get": _operation("the faults in force, the oldest first", named("Faults")),
            "post": _operation(
                "put a fault in force until it is undone, or up to its limit", named("FaultInForce"), named("Fault")
            ),
        },
        "/v1/faults/{which}": {
            "delete": _operation(
                "undo one fault or all", named("Undone"), parameters=[_path("which", "its id, its name, or all")]
            )
        },
        "/v1/trace": {"get": _trace()},
        "/v1/wait": {"get": _wait()},
        "/v1/verdicts": {
            "get": _operation(
                "what became of each client so far, judged from the trace",
                named("Verdicts"),
                parameters=[
                    _query("client", TEXT, "only this one, which need not have been seen"),
                    _query("since", _whole(0), "by the records after this number, from which time counts too"),
                ],
            )
        },
        "/v1/scenarios": {
            "get": _operation("the scenarios of the catalogue", named("Scenarios")),
            "post": _operation(
                "begin a scenario with its first phase; its own clients do not play",
                named("PlayingScenario"),
                named("ScenarioToBegin"),
            ),
        },
        "/v1/scenarios/current": {
            "get": _operation("where it is, and what is in force; 404 where none was begun", named("PlayingScenario")),
            "delete": _operation("stop it and undo its faults", named("PlayingScenario")),
        },
        "/v1/scenarios/current/advance": {
            "post": _operation("go on to the next phase; after the last it has ended", named("PlayingScenario"))
        },
        "/v1/spn": {"post": _operation("the SPN that each kind of client forms", _OBJECT, named("SpnQuestion"))},
        "/v1/devices": {
            "get": _operation("the programs that run, each on its device, the oldest first", named("Devices")),
            "post": _operation("a device for a program (ssosim exec)", _OBJECT, _OBJECT),
        },
        "/v1/devices/{device}": {
            "delete": _operation(
                "stop a program: it is asked to end, and killed 3 s later if it does not",
                named("Stopped"),
                parameters=[_path("device", "its client's name, or its device's address")],
            )
        },
        "/v1/devices/{device}/finished": {
            "post": _operation("the program has ended (ssosim exec)", _OBJECT, _OBJECT, parameters=[device])
        },
        "/v1/devices/{device}/device-code": {
            "get": _operation("the next device code of the device (ssosim exec)", _OBJECT, parameters=[device])
        },
    }
    dns = {f"/v1/dns/{action}": _dns(method, about) for action, (method, about) in _DNS.items()}
    return paths | dns


def _dns(method: str, about: str) -> Data:
    operation = _operation(f"{about} (ssosim dns)", _OBJECT, _OBJECT if method == "post" else None)
    operation["responses"]["403"] = _answer("the gate refused", named("Error"))
    return {method: operation}


def _trace() -> Data:
    limit = _query("limit", _whole(1, MOST_RECORDS), "at most so many (1000)")
    operation = _operation("the trace so far, the oldest first", named("Records"), parameters=[*_selection(), limit])
    operation["responses"]["200"]["content"][JSON_LINES] = {"schema": TEXT}
    return operation


def _wait() -> Data:
    timeout = _query("timeout_s", _whole(0, LONGEST_WAIT_S), "for how long to wait, in seconds (30)")
    about = "the first such record, which may be there already; waits for it where it is not"
    operation = _operation(about, named("Record"), parameters=[*_selection(), timeout])
    operation["responses"]["204"] = {"description": "none came in time"}
    return operation


def _selection() -> list[Data]:
    return [
        _query("since", _whole(0), "only records after this number (0)"),
        _query("client", TEXT, "only what this client caused"),
        _query("kind", {"enum": list(KINDS)}, "only events of this kind"),
        _query("layer", {"enum": list(LAYERS)}, "only events of this layer"),
        _query("text", TEXT, "only events whose sentence, as ssosim trace prints it, has this in it"),
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

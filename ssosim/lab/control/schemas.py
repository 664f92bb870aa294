"""JSON Schemas of the control API's requests and responses (draft 2020-12, as OpenAPI 3.1 uses it).

The schemas of faults and events are generated from their classes; the others are written here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ssosim.faults import FAULTS
from ssosim.lab.control.identity_provider_handlers import UNCHECKED_RULES
from ssosim.lab.control.trace_handlers import KINDS
from ssosim.trace import events
from ssosim.verdict.outcome import Outcome

__all__ = ["TEXT", "array", "named", "object_of", "schemas"]

Schema = dict[str, Any]

_REF = "#/components/schemas/{name}"
TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
WHOLE: Schema = {"type": "integer"}
YES_NO: Schema = {"type": "boolean"}
ANYTHING: Schema = {"type": "object"}
_RULE: Schema = {"enum": list(UNCHECKED_RULES)}


def named(name: str) -> Schema:
    """A reference to the schema with that name in ``schemas``."""
    return {"$ref": _REF.format(name=name)}


def array(items: Schema) -> Schema:
    """The schema of a list of ``items``."""
    return {"type": "array", "items": items}


def or_null(schema: Schema) -> Schema:
    """The schema of a value that is null or fits ``schema``."""
    return {"anyOf": [schema, {"type": "null"}]}


def object_of(properties: Mapping[str, Schema], *, optional: tuple[str, ...] = (), open_: bool = False) -> Schema:
    """The schema of an object with these properties. ``open_`` allows further properties."""
    required = [key for key in properties if key not in optional]
    found: Schema = {"type": "object", "properties": dict(properties)}
    if required:
        found["required"] = required
    return found if open_ else found | {"additionalProperties": False}


def schemas() -> dict[str, Schema]:
    """All named schemas."""
    fault_refs, fault_kinds = msgspec.json.schema_components(tuple(FAULTS.values()), ref_template=_REF)
    mapping = {name: ref["$ref"] for name, ref in zip(FAULTS, fault_refs, strict=True)}
    fault: Schema = {"oneOf": list(fault_refs), "discriminator": {"propertyName": "fault", "mapping": mapping}}
    fault["description"] = "A fault to apply: `fault` is its name. A field that is a number may be given as text."
    return {**_static_schemas(), "Fault": fault, **fault_kinds, **_record_schemas()}


def _record_schemas() -> dict[str, Schema]:
    """The schema ``Record``, and one schema for each kind of event."""
    found: dict[str, Schema] = {}
    for kind in KINDS:
        event = getattr(events, kind)
        _, made = msgspec.json.schema_components((event,), ref_template=_REF)
        schema = made[kind]
        head: dict[str, Schema] = {
            "seq": WHOLE | {"description": "number in the trace, from 1 without gaps"},
            "at": TEXT | {"format": "date-time"},
            "client": TEXT | {"description": "the client that caused it, empty for the lab itself"},
            "layer": {"const": event.layer},
            "event": {"const": kind},
        }
        schema["properties"] = head | schema["properties"]
        schema["required"] = list(schema["properties"])
        found |= made
    mapping = {kind: _REF.format(name=kind) for kind in KINDS}
    refs = [named(kind) for kind in KINDS]
    return found | {"Record": {"oneOf": refs, "discriminator": {"propertyName": "event", "mapping": mapping}}}


def _static_schemas() -> dict[str, Schema]:
    part = object_of({"part": TEXT, "what": TEXT, "where": TEXT})
    api = object_of({"socket": TEXT, "url": TEXT, "token_file": TEXT}, optional=("url", "token_file"))
    in_force = {"id": WHOLE, "description": TEXT, "suspended": YES_NO, "fault": TEXT, "idle": TEXT, "note": TEXT}
    phase = {"name": TEXT, "title": TEXT, "number": WHOLE, "since": WHOLE, "sign_in_at": or_null(NUMBER)}
    outcome = {"enum": [str(each) for each in Outcome]}
    return {
        "Error": object_of({"error": TEXT}, open_=True),
        "Status": object_of(
            {
                "name": TEXT,
                "state": TEXT,
                "estate": TEXT,
                "pid": WHOLE,
                "ready_s": NUMBER,
                "uptime_s": NUMBER,
                "trace_records": WHOLE | {"description": "number of the newest record"},
                "folder": TEXT,
                "parts": array(part),
                "api": api,
            },
            open_=True,
        ),
        "FaultInForce": object_of(in_force, optional=("note",), open_=True)
        | {
            "description": "A fault with its own fields. `suspended`: it cannot be applied to the lab at present. "
            "`idle`: why it has changed no exchange so far; empty if it has, or if the trace cannot show it. "
            "`note`, in the answer to POST: clients of the fault that nobody has seen so far."
        },
        "FederatedToken": object_of({"token": TEXT}),
        "FederatedTokenRequest": object_of(
            {
                "issuer": TEXT | {"description": "an issuer of the estate; optional if there is one only"},
                "subject": TEXT | {"description": "the `sub` claim"},
                "audience": TEXT | {"description": "the `aud` claim (api://AzureADTokenExchange)"},
                "expires_in": WHOLE | {"description": "seconds from now; may be negative"},
                "claims": ANYTHING | {"description": "an object: claims to replace or to add; null leaves one out"},
            },
            optional=("issuer", "audience", "expires_in", "claims"),
        ),
        "Faults": object_of(
            {
                "faults": array(named("FaultInForce")),
                "ended": array(object_of({"id": WHOLE, "fault": TEXT, "description": TEXT, "limit": TEXT}))
                | {"description": "with client: the faults that reached a limit before this client asked anything"},
            },
            optional=("ended",),
        ),
        "IdentityProvider": object_of(
            {"not_checked": array(_RULE), "rules": array(_RULE), "mutual_authentication": YES_NO}
        ),
        "IdentityProviderChange": object_of(
            {"not_checked": array(_RULE), "mutual_authentication": YES_NO},
            optional=("not_checked", "mutual_authentication"),
        ),
        "Undone": object_of({"undone": array(named("FaultInForce"))}),
        "Records": object_of({"records": array(named("Record")), "last_seq": WHOLE, "more": YES_NO}),
        "Verdict": object_of(
            {
                "client": TEXT,
                "outcome": outcome,
                "reason": TEXT,
                "after_s": or_null(NUMBER),
                "spn": TEXT,
                "attempts": WHOLE,
                "evidence": array(WHOLE),
                "pauses": array(object_of({"seq": WHOLE, "real_s": NUMBER, "lab_s": NUMBER}))
                | {"description": "pauses of the lab itself while the client was waiting"},
                "note": TEXT | {"description": "what the pauses mean for this verdict, empty if there are none"},
                "prompts": WHOLE | {"description": "how often the user was asked"},
                "measures": ANYTHING | {"description": "requests, rates, exposures; see docs/run-result.schema.json"},
                "expected": or_null(ANYTHING),
                "broken": array(ANYTHING) | {"description": "the expectations that do not hold"},
                "as_expected": YES_NO
                | {"description": "no expectation is broken; see status for whether there was one"},
                "status": {
                    "enum": ["passed", "failed", "not-judged"],
                    "description": "not-judged: the request expects no outcome, so nothing could fail",
                },
            },
            open_=True,
        ),
        "Verdicts": object_of({"verdicts": array(named("Verdict")), "last_seq": WHOLE}),
        "Scenarios": object_of({"scenarios": array(object_of({"name": TEXT, "title": TEXT, "phases": array(TEXT)}))}),
        "ScenarioToBegin": object_of(
            {
                "name": TEXT | {"description": "one of GET /v1/scenarios"},
                "scenario": ANYTHING | {"description": "a whole scenario, with the keys of a scenario file"},
                "speed": {"type": "number", "exclusiveMinimum": 0},
            },
            optional=("name", "scenario", "speed"),
        ),
        "PlayingScenario": object_of(
            {
                "name": TEXT,
                "title": TEXT,
                "state": {"enum": ["running", "ended"]},
                "speed": or_null(NUMBER),
                "phases": array(TEXT),
                "phase": object_of(phase | {"expect": {"type": "object", "additionalProperties": outcome}}),
                "problem": TEXT,
                "faults": array(named("FaultInForce")),
            }
        ),
        "Devices": object_of({"devices": array(named("Device"))}),
        "Stopped": object_of({"stopped": array(named("Device"))}),
        "Device": object_of({"device": TEXT, "client": TEXT, "program": TEXT, "running_s": NUMBER}),
        "SpnQuestion": object_of(
            {"host": TEXT, "rules": array(TEXT), "device": TEXT, "port": WHOLE}, optional=("rules", "device", "port")
        ),
    }

"""The JSON Schema of a run's result; ``docs/run-result.schema.json`` is the same.

``python -m ssosim.verdict.schema > docs/run-result.schema.json`` writes it anew. Source: JSON Schema, draft 2020-12.
"""

from __future__ import annotations

import inspect
import json

import msgspec

from ssosim.output import print_json
from ssosim.verdict.result import VERSION, RunResult

__all__ = ["build_result_schema", "build_schema"]


def build_result_schema() -> dict[str, object]:
    """The schema, as plain data."""
    return build_schema(RunResult, f"the result of a run of ssosim, version {VERSION}")


def build_schema(kind: type[msgspec.Struct], title: str) -> dict[str, object]:
    """The schema of ``kind`` with this title, as plain data."""
    head: dict[str, object] = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    schema = msgspec.json.schema(kind)
    for part in schema["$defs"].values():
        part["description"] = inspect.cleandoc(part["description"])  # Python 3.13 does that to every docstring
        if "properties" in part:  # what may be left out in Python is always written
            part["required"] = list(part["properties"])
    plain: dict[str, object] = json.loads(json.dumps(head | schema))
    return plain


if __name__ == "__main__":
    print_json(build_result_schema())

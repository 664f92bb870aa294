"""The JSON Schema of the result of ``ssosim dns check``; ``docs/dns-check.schema.json`` is the same.

``python -m ssosim.scenario.check_schema > docs/dns-check.schema.json`` writes it anew. Source: JSON
Schema, draft 2020-12.
"""

from __future__ import annotations

from ssosim.output import print_json
from ssosim.scenario.check_result import VERSION, CheckResult
from ssosim.verdict.schema import build_schema

__all__ = ["build_check_schema"]


def build_check_schema() -> dict[str, object]:
    """The schema, as plain data."""
    return build_schema(CheckResult, f"the result of ssosim dns check, version {VERSION}")


if __name__ == "__main__":
    print_json(build_check_schema())

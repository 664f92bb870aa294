"""JSON as Azure Resource Manager reads it: comments, and names without quotation marks.

The Azure CLI relies on both: it puts a template into its request as the text of the user's file, after the name
``template`` without quotation marks (azure-cli 2.91, ``JsonCTemplatePolicy``).
"""

from __future__ import annotations

import json
import re
from typing import Any

__all__ = ["read_relaxed_json"]

_TOKEN = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*")|(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<name>[A-Za-z_$][A-Za-z0-9_$]*)(?=\s*:)""",
    re.DOTALL,
)


def read_relaxed_json(data: bytes) -> Any:
    """Return the value of a JSON text; raises ValueError and RecursionError."""
    text = data.decode("utf-8-sig")
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(_TOKEN.sub(_tighten, text))


def _tighten(found: re.Match[str]) -> str:
    if found["name"]:
        return f'"{found["name"]}"'
    return " " if found["comment"] else found[0]

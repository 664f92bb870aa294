"""A client of the control API that holds every answer against the description."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from ssosim.lab.control.openapi import description

__all__ = ["AUTOLOGON", "CURL", "DESCRIPTION", "Api", "UnixConnection"]

AUTOLOGON = "autologon.microsoftazuread-sso.com"
SSO = f"https://{AUTOLOGON}/contoso.com/winauth/sso"
CURL = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--negotiate", "-u", ":", SSO)


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("lab", timeout=120)
        self._path = path

    def connect(self) -> None:
        """To the socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(120)
        self.sock.connect(self._path)


@dataclass
class Api:
    """A client of the API; ``url`` None: over the Unix socket."""

    bench: Any
    where: dict[str, str]

    def raw(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        tcp: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """One exchange: status, headers, body."""
        url = urlsplit(self.where["url"])
        there = (url.hostname, url.port)
        connection = http.client.HTTPConnection(*there, timeout=120) if tcp else UnixConnection(self.where["socket"])
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, Any]:
        """Status and JSON, which fits the description whatever it is."""
        whole = f"{path}?{urlencode(query)}" if query else path
        data = None if body is None else json.dumps(body).encode()
        status, headers, text = self.raw(method, whole, data)
        if status == 204:
            assert text == b""
            return status, None
        assert headers.get_content_type() == "application/json"
        said = json.loads(text)
        check(said, answer_schema(method, path, status))
        return status, said

    def ok(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """What a request that goes well gives."""
        status, said = self.call(method, path, body, **query)
        assert status == 200, said
        return said

    @property
    def token(self) -> dict[str, str]:
        """The header that a program on loopback needs."""
        return {"Authorization": f"Bearer {Path(self.where['token_file']).read_text()}"}


DESCRIPTION: dict[str, Any] = json.loads(json.dumps(description()))


def answer_schema(method: str, path: str, status: int) -> Any:
    """The schema that the description has for that answer; KeyError where it has none."""
    for template, operations in DESCRIPTION["paths"].items():
        parts, given = template.split("/"), path.split("/")
        if len(parts) == len(given) and all(p.startswith("{") or p == g for p, g in zip(parts, given, strict=True)):
            answers = operations[method.lower()]["responses"]
            answer = answers.get(str(status), answers["default"])
            return answer["content"]["application/json"]["schema"]
    raise KeyError(path)


def check(value: Any, schema: Mapping[str, Any], at: str = "$") -> None:
    """Assert that ``value`` fits ``schema``: as much of JSON Schema as the description uses."""
    if "$ref" in schema:
        check(value, DESCRIPTION["components"]["schemas"][schema["$ref"].rpartition("/")[2]], at)
        return
    if mapping := schema.get("discriminator", {}).get("mapping"):
        check(value, {"$ref": mapping[value[schema["discriminator"]["propertyName"]]]}, at)
        return
    for either in ("anyOf", "oneOf"):
        if either in schema:
            kinds = [kind["type"] for kind in schema[either]]
            check(value, schema[either][kinds.index("null") if value is None else 0], at)
            return
    assert value == schema.get("const", value), at
    assert value in schema.get("enum", [value]), at
    types = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}
    if schema.get("type") == "null":
        assert value is None, at
    elif kind := schema.get("type"):
        assert isinstance(value, types[kind]), f"{at}: {value!r} is no {kind}"
        assert isinstance(value, bool) == (kind == "boolean"), at
    if isinstance(value, dict):
        _check_object(value, schema, at)
    if isinstance(value, list):
        for number, part in enumerate(value):
            check(part, schema.get("items", {}), f"{at}[{number}]")


def _check_object(value: dict[str, Any], schema: Mapping[str, Any], at: str) -> None:
    known = schema.get("properties", {})
    assert set(schema.get("required", ())) <= set(value), f"{at}: lacks {set(schema['required']) - set(value)}"
    extra = schema.get("additionalProperties", True)
    assert extra or set(value) <= set(known), f"{at}: {set(value) - set(known)} is not described"
    for key, part in value.items():
        check(part, known.get(key, extra if isinstance(extra, dict) else {}), f"{at}.{key}")

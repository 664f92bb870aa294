"""Talk to a running lab over its Unix socket.

A few lines of HTTP/1.0 rather than a library: ``ssosim exec`` must add almost nothing to the program that it starts.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import Any

from ssosim.lab.base.errors import LabError, LabInputError, LabRefusedError
from ssosim.lab.base.folder import LabFolder

__all__ = ["ask_raw", "call"]

_TIMEOUT_S = 30.0


def call(folder: LabFolder, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """As ``ask_raw``, the answer read; ``ssosim.lab.control.answers.ask`` has types, at the price of an import."""
    data: dict[str, Any] = json.loads(ask_raw(folder, method, path, body))
    return data


def ask_raw(folder: LabFolder, method: str, path: str, body: Mapping[str, object] | None = None) -> bytes:
    """One request to the control API; the answer's JSON object as it came.

    Raises LabInputError when no such lab is up or the request makes no sense to it, LabError with the lab's own words
    when it refuses.
    """
    payload = json.dumps(body or {}).encode()
    kind = "Content-Type: application/json"
    head = f"{method} {path} HTTP/1.0\r\nHost: lab\r\n{kind}\r\nContent-Length: {len(payload)}\r\n\r\n"
    answer = bytearray()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_TIMEOUT_S)
            connection.connect(str(folder.socket))
            connection.sendall(head.encode("ascii") + payload)
            while chunk := connection.recv(65536):
                answer += chunk
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise LabInputError(f'no lab "{folder.name}" is up; start it with: ssosim up --name {folder.name}') from error
    except TimeoutError as error:
        raise LabError(f'lab "{folder.name}" does not answer; see {folder.log}') from error
    except OSError as error:
        raise LabError(f'lab "{folder.name}" cannot be asked: {error.strerror}') from error
    head_bytes, _, text = bytes(answer).partition(b"\r\n\r\n")
    status = int(head_bytes.split(b" ", 2)[1]) if head_bytes.startswith(b"HTTP/") else 0
    try:
        data: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise LabError(f'lab "{folder.name}" gave an unreadable answer (status {status})') from error
    if status == 403:
        raise LabRefusedError(data.get("error", "the lab refused"), data)
    if status == 400:
        raise LabInputError(data.get("error", "the lab did not understand the request"))
    if status != 200:
        raise LabError(data.get("error", f"the lab refused with status {status}"))
    return text

"""A client of the control API of a running lab, over its Unix socket.

It is a few lines of HTTP/1.0 instead of a library, because ``ssosim exec`` must start a program almost without delay.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import Any

from ssosim.lab.base.errors import LabError, LabInputError, LabRefusedError
from ssosim.lab.base.folder import LabFolder

__all__ = ["request_json", "send_request"]

_TIMEOUT_S = 30.0


def request_json(folder: LabFolder, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Send a request; return the JSON object of the response. Errors: see ``send_request``.

    ``ssosim.lab.control.answers.request_typed`` returns a typed response, but takes longer to import.
    """
    data: dict[str, Any] = json.loads(send_request(folder, method, path, body))
    return data


def send_request(
    folder: LabFolder,
    method: str,
    path: str,
    body: Mapping[str, object] | None = None,
    *,
    timeout: float = _TIMEOUT_S,
) -> bytes:
    """Send one request to the control API; return the body of the response, a JSON object.

    ``timeout``: seconds for connecting, and for each wait for data.
    Raises LabInputError when the lab is not running or the request is invalid, LabRefusedError when a rule of the lab
    refuses it, and LabError for any other error. The text is the lab's.
    """
    payload = json.dumps(body or {}).encode()
    kind = "Content-Type: application/json"
    head = f"{method} {path} HTTP/1.0\r\nHost: lab\r\n{kind}\r\nContent-Length: {len(payload)}\r\n\r\n"
    response = bytearray()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(str(folder.socket))
            connection.sendall(head.encode("ascii") + payload)
            while chunk := connection.recv(65536):
                response += chunk
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise LabInputError(f'no lab "{folder.name}" is up; start it with: ssosim up --name {folder.name}') from error
    except TimeoutError as error:
        raise LabError(f'lab "{folder.name}" does not answer; see {folder.log}') from error
    except OSError as error:
        raise LabError(f'lab "{folder.name}" cannot be reached: {error.strerror}') from error
    head_bytes, _, text = bytes(response).partition(b"\r\n\r\n")
    words = head_bytes.partition(b"\r\n")[0].split(b" ", 2)
    status = int(words[1]) if words[0].startswith(b"HTTP/") and len(words) > 1 and words[1].isdigit() else 0
    try:
        data: dict[str, Any] = json.loads(text)
        if not isinstance(data, dict):
            raise ValueError("not an object")  # noqa: TRY301, TRY004 - reported like text that is not JSON
    except (ValueError, RecursionError) as error:
        raise LabError(f'lab "{folder.name}" sent a response that is not JSON (status {status})') from error
    if status == 403:
        raise LabRefusedError(data.get("error", "the lab refused"), data)
    if status == 400:
        raise LabInputError(data.get("error", "the lab rejected the request as invalid"))
    if status != 200:
        raise LabError(data.get("error", f"the lab responded with status {status}"))
    return text

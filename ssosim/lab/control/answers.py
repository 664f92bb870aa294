"""Responses of the control API as typed models, for the commands that read them.

``request_typed`` sends a request and checks the type of the response. Responses about DNS are in ``dns_answers``.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from ssosim.lab.base.errors import LabError
from ssosim.lab.base.folder import LabFolder
from ssosim.lab.program_devices.control_client import send_request
from ssosim.output import one_line

__all__ = [
    "ApiEndpoint",
    "ApiResponse",
    "FaultInForce",
    "Faults",
    "FederatedToken",
    "LabPart",
    "LabStatus",
    "Ready",
    "UndoneFaults",
    "convert_answer",
    "make_response_error",
    "parse_fault",
    "read_answer",
    "request_typed",
]

_T = TypeVar("_T")


class ApiResponse(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of responses: immutable. Unknown fields are an error, so that ``--json`` never loses a field."""


class LabPart(ApiResponse, frozen=True, kw_only=True):
    """A running part of the lab: its name, what it serves, and its addresses."""

    part: str
    what: str
    where: str


class ApiEndpoint(ApiResponse, frozen=True, kw_only=True, omit_defaults=True):
    """The endpoints of the control API: its socket; with ``--api`` also its URL and the file with the token."""

    socket: str
    url: str | None = None
    token_file: str | None = None


class LabStatus(ApiResponse, frozen=True, kw_only=True):
    """A running lab. Times in seconds; ``trace_records`` is the number of the newest record."""

    name: str
    state: str
    estate: str
    pid: int
    ready_s: float
    uptime_s: float
    trace_records: int
    folder: str
    parts: tuple[LabPart, ...]
    api: ApiEndpoint


class Ready(ApiResponse, frozen=True, kw_only=True):
    """The message of a lab that is ready, to the command that started it.

    ``recovered`` is a text about the DNS changes of an earlier lab of this name that are in force; empty if none are.
    """

    status: LabStatus
    recovered: str = ""


class FaultInForce(msgspec.Struct, frozen=True, kw_only=True):
    """The fields that all active faults have: number, registered name, and a description of what it changes.

    ``idle`` is why the fault has changed no exchange of a client so far; empty if it has changed one, or nobody knows.
    ``note``, in the answer to its application, is about its clients that nobody has seen.
    """

    id: int
    fault: str
    description: str
    idle: str = ""
    note: str = ""


class EndedFault(ApiResponse, frozen=True, kw_only=True):
    """A fault that reached a limit before a client asked anything; ``limit`` is text, such as ``after 2 s``."""

    id: int
    fault: str
    description: str
    limit: str


class Faults(ApiResponse, frozen=True, kw_only=True):
    """The active faults, each with its own fields (see ``parse_fault``).

    ``ended`` are those that reached a limit before the client of the request asked anything.
    """

    faults: tuple[dict[str, object], ...]
    ended: tuple[EndedFault, ...] = ()


class FederatedToken(ApiResponse, frozen=True, kw_only=True):
    """A token that an OpenID issuer of the lab has signed."""

    token: str


class UndoneFaults(ApiResponse, frozen=True, kw_only=True):
    """The faults that were undone."""

    undone: tuple[dict[str, object], ...]


def request_typed(
    folder: LabFolder, method: str, path: str, kind: type[_T], body: dict[str, object] | None = None
) -> _T:
    """Send one request to the lab's control API and return the response as ``kind``.

    Raises LabInputError if no such lab is running or the request is invalid; LabError with the lab's error text if it
    refuses the request, and for a response that is not a ``kind``.
    """
    return read_answer(send_request(folder, method, path, body), kind, f'lab "{folder.name}", {method} {path}')


def read_answer(text: bytes, kind: type[_T], source: str) -> _T:
    """Decode the JSON ``text`` as ``kind``. Raises LabError, which names ``source`` and the mismatch."""
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise make_response_error(f"{source}: an answer", error) from error


def convert_answer(data: object, kind: type[_T], what: str) -> _T:
    """Convert plain ``data`` to ``kind``. Raises LabError, which begins with ``what`` and names the mismatch."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise make_response_error(what, error) from error


def make_response_error(what: str, error: Exception) -> LabError:
    """Make the error for a response that has another format; ``what`` is the subject of its text."""
    return LabError(f"{what} that is not understood: {one_line(str(error))}; is the lab of another version?")


def parse_fault(data: dict[str, object]) -> FaultInForce:
    """Read the common fields of one active fault. Raises LabError."""
    return convert_answer(data, FaultInForce, "a fault in force")

"""What the control API answers, as models: for commands, which print them, and get a clear error where they do not fit.

``ask`` is a request whose answer has a type. Answers about the DNS are in ``dns_answers``.
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
    """Base of answers: immutable, and with no field that is not known here, so that ``--json`` loses none."""


class LabPart(ApiResponse, frozen=True, kw_only=True):
    """A part that runs: what it is, what it serves, and at which addresses."""

    part: str
    what: str
    where: str


class ApiEndpoint(ApiResponse, frozen=True, kw_only=True, omit_defaults=True):
    """Where the control API is: its socket; with ``--api`` its URL too, and the file that holds the token."""

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
    """What a lab tells the command that started it.

    ``recovered`` says, for people, which DNS changes of an earlier lab of this name are in force; empty for none.
    """

    status: LabStatus
    recovered: str = ""


class FaultInForce(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that is in force: its number, its registered name, and what it changes. Its own fields are left out."""

    id: int
    fault: str
    description: str


class Faults(ApiResponse, frozen=True, kw_only=True):
    """The faults in force, each with its own fields (see ``fault_of``)."""

    faults: tuple[dict[str, object], ...]


class UndoneFaults(ApiResponse, frozen=True, kw_only=True):
    """The faults that were taken back."""

    undone: tuple[dict[str, object], ...]


def request_typed(
    folder: LabFolder, method: str, path: str, kind: type[_T], body: dict[str, object] | None = None
) -> _T:
    """One request to the lab's control API; its answer as ``kind``.

    Raises LabInputError when no such lab is up or the request makes no sense to it, LabError with the lab's own words
    when it refuses, and for an answer that is none of the kind.
    """
    return read_answer(send_request(folder, method, path, body), kind, f'lab "{folder.name}", {method} {path}')


def read_answer(text: bytes, kind: type[_T], source: str) -> _T:
    """``text`` as ``kind``. Raises LabError, which says source it came and what does not fit."""
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise make_response_error(f"{source}: an answer", error) from error


def convert_answer(data: object, kind: type[_T], what: str) -> _T:
    """Plain ``data`` as ``kind``. Raises LabError, which says ``what`` they should be and what does not fit."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise make_response_error(what, error) from error


def make_response_error(what: str, error: Exception) -> LabError:
    """The error for ``what`` a lab told and does not fit; ``error`` may repeat keys and values of it."""
    return LabError(f"{what} that is not understood: {one_line(str(error))}; is the lab of another version?")


def parse_fault(data: dict[str, object]) -> FaultInForce:
    """What all faults in force have, of one of them. Raises LabError."""
    return convert_answer(data, FaultInForce, "a fault in force")

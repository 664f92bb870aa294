"""The trace as JSON Lines, and as lines of text for people.

Each line is one JSON object: ``seq``, ``at`` (UTC, ISO 8601 with microseconds), ``version`` (of the format),
``client``, ``layer``, ``event`` (the name of the class) and the fields of the event. Reading a line gives a record
equal to the one that was written.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any

import msgspec

from ssosim.output import DOCUMENT_VERSION, one_line
from ssosim.trace import events
from ssosim.trace.connection_text import describe_failed_connection
from ssosim.trace.log import ClientEvent, Record

__all__ = [
    "TraceFormatError",
    "columns_to_jsonl",
    "describe_event",
    "format_record",
    "parse_record",
    "read_records",
    "record_to_json",
]

_KINDS: Mapping[str, type[events.Event]] = {
    name: kind for name in events.__all__ if issubclass(kind := getattr(events, name), events.Event)
}


_Number = Annotated[int, msgspec.Meta(ge=0)]
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_SENTENCE = 240  # characters of the provider's text in a line


class TraceFormatError(ValueError):
    """A line is not a trace record of this version."""


_encode = msgspec.json.Encoder().encode


def record_to_json(record: Record) -> str:
    """Return one record as one line of JSON, without the line end."""
    return f'{{"seq":{record.seq},"at":"{_moment(record.at)}Z",{_rest(record.client, record.event)}'


def columns_to_jsonl(first: int, moments: Sequence[float], caused: Sequence[ClientEvent]) -> str:
    """Return columns of a trace (``Trace.columns``) as JSON Lines. A repeated event or time is formatted only once."""
    known: dict[int, str] = {}
    lines: list[str] = []
    at, moment, whole, second = -1.0, "", -1, ""
    for seq, now, one in zip(range(first, first + len(caused)), moments, caused, strict=True):
        if now != at:
            microseconds = round(now * 1_000_000)
            if microseconds // 1_000_000 != whole:
                whole = microseconds // 1_000_000
                second = _second(whole)
            at, moment = now, f"{second}.{microseconds % 1_000_000:06d}"
        rest = known.get(id(one))
        if rest is None:
            rest = known[id(one)] = _rest(one.client, one.event)
        lines.append(f'{{"seq":{seq},"at":"{moment}Z",{rest}\n')
    return "".join(lines)


def _moment(at: float) -> str:
    microseconds = round(at * 1_000_000)
    return f"{_second(microseconds // 1_000_000)}.{microseconds % 1_000_000:06d}"


def _time_of_day(at: float) -> str:
    """Hours to milliseconds, UTC; of a moment beyond the calendar, as a trace from elsewhere may have, the number."""
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S.%f")[:-3]
    except (OverflowError, OSError, ValueError):
        return f"{at:g}"


def _rest(client: str, event: events.Event) -> str:
    """Return the part of a line after the time."""
    try:
        fields = _encode(event).decode()
    except UnicodeEncodeError:  # half a surrogate pair in a name from outside: JSON has an escape for it, UTF-8 nothing
        fields = json.dumps(msgspec.structs.asdict(event))
    comma = "," if len(fields) > 2 else ""
    return f"{_head(client, event.layer, type(event).__name__)}{comma}{fields[1:]}"


@lru_cache(maxsize=16)
def _second(whole: int) -> str:
    return datetime.fromtimestamp(whole, UTC).isoformat()[:19]


@lru_cache(maxsize=4096)
def _head(client: str, layer: str, event: str) -> str:
    """Return the part of a line that is the same for all events of one kind and client."""
    head = {"version": DOCUMENT_VERSION, "client": client, "layer": layer, "event": event}
    return json.dumps(head, separators=(",", ":"))[1:-1]


def parse_record(line: str) -> Record:
    """Read a line of ``record_to_json``; raises TraceFormatError."""
    try:
        data: dict[str, Any] = json.loads(line)
        if data.pop("version", DOCUMENT_VERSION) == DOCUMENT_VERSION:  # those of before had none
            return _build_record(data)
    except (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise TraceFormatError(f"not a trace record: {line[:80]!r}") from error
    raise TraceFormatError(f"not a trace record of version {DOCUMENT_VERSION}: {line[:80]!r}")


def _build_record(data: dict[str, Any]) -> Record:
    """Build the record of a line. Each value has the type of its field: a text such as "no" is no truth value."""
    kind = _KINDS[data.pop("event")]
    seq = msgspec.convert(data.pop("seq"), _Number)
    client, at = msgspec.convert(data.pop("client"), str), msgspec.convert(data.pop("at"), _Moment)
    data.pop("layer")
    if unknown := data.keys() - set(kind.__struct_fields__):
        raise ValueError(f"{kind.__name__} has no field {min(unknown)!r}")
    return Record(seq, at.astimezone(UTC).timestamp(), client, msgspec.convert(data, kind))


def read_records(lines: Iterable[str]) -> Iterator[Record]:
    """Read the records of a JSON Lines file; blank lines are skipped.

    Raises TraceFormatError, also for a record whose number is not above that of the record before it: verdicts go by
    the order of records. Numbers may be missing, since a lab keeps the newest records only.
    """
    last = -1
    for line in lines:
        if not line.strip():
            continue
        record = parse_record(line)
        if record.seq <= last:
            raise TraceFormatError(f"record {record.seq} follows record {last}; lines are there twice, or out of order")
        last = record.seq
        yield record


def format_record(record: Record) -> str:
    """Return one record as a line of text: time of day, client, layer, description.

    Names and paths in it come from outside, so control characters are escaped: they could move a terminal's cursor.
    """
    clock = datetime.fromtimestamp(record.at, UTC).strftime("%H:%M:%S.%f")[:-3]
    line = f"{clock}  {record.client or 'lab':<14} {record.event.layer:<8} {describe_event(record.event)}"
    return one_line(line)


def _origin(event: events.HttpExchange) -> str:
    usual = event.port == (443 if event.scheme == "https" else 80)
    return f"{event.scheme}://{event.host}{'' if usual else f':{event.port}'}"


_STOPPED = {"deadline": "at its deadline", "request": "by a request", "limit": "at the limit of events"}


def _describe_end(event: events.ClientFinished) -> str:
    after = "" if event.running_s is None else f" after {event.running_s:.1f} s"
    if event.stopped:
        how = _STOPPED.get(event.stopped, event.stopped)
        return f"{event.program} was stopped {how}{after}, while it was still running"
    if event.error:
        return f"{event.program} raised an error: {event.error}"
    return f"{event.program} ended with {event.exit_code}"


def describe_authentication(event: events.ClientAuthenticated) -> str:
    """Return how a client has proved which application it is, as one short sentence."""
    credential = f" {event.credential}" if event.credential else ""
    subject = f" of {event.issuer} for {event.subject}" if event.method == "federated_credential" else ""
    return (
        f"{event.client_id} has authenticated by {event.method}{credential}{subject}"
        f"{_describe_not_checked(event.not_checked)}"
    )


def _describe_not_checked(names: tuple[str, ...]) -> str:
    return f" (not checked: {', '.join(names)})" if names else ""


def _describe_access_token(event: events.AccessTokenChecked) -> str:
    whose = f" of {event.subject} for {event.audience}" if event.subject else ""
    decision = "accepted" if event.accepted else f"refused: {event.reason}"
    return f"access token{whose} {decision}{_describe_not_checked(event.not_checked)}"


def _describe_key(event: events.KdcExchange | events.TicketChecked) -> str:
    """Return the key of a ticket, with a space before it; empty where it is not known."""
    if not event.etype:
        return ""
    version = "" if event.kvno is None else f" kvno {event.kvno}"
    session = getattr(event, "session_etype", "")
    other = f", session {session}" if session and session != event.etype else ""
    return f" [{event.etype}{version}{other}]"


def describe_identity(event: events.ManagedIdentityRequested) -> str:
    """Return which managed identity a program asked for, and which one its host gave, as one short sentence."""
    asked = event.requested or "no particular identity"
    given = f"gives the identity {event.identity} ({event.client_id})" if event.identity else f"refuses: {event.error}"
    ignored = f", which ignores {event.ignored}" if event.ignored else ""
    return f"{event.device} ({event.host_kind}){ignored}, asked for {asked}, {given}"


def describe_event(event: events.Event) -> str:  # noqa: C901, PLR0911, PLR0912 - one sentence for each kind of event
    """Return what happened, as one short sentence."""
    match event:
        case events.DnsAnswered():
            answer = ", ".join(event.answers) or "-"
            source = ", ".join(filter(None, (event.transport, event.by, event.origin, event.extended_error)))
            return f"{event.type} {event.name} → {event.rcode} {answer} ({source})"
        case events.KdcExchange():
            where = f"{event.transport}, {event.kdc}" if event.kdc else event.transport
            return f"{event.request} {event.service or '?'} → {event.outcome}{_describe_key(event)} ({where})"
        case events.TicketChecked(accepted=True):
            return f"ticket accepted: {event.principal} for {event.service}{_describe_key(event)}"
        case events.TicketChecked():
            return f"{event.mechanism} token refused: {event.reason}"
        case events.HttpExchange():
            error_text = event.error_description or (f"AADSTS{event.code}" if event.code else "")
            code = f" {textwrap.shorten(error_text, _SENTENCE, placeholder=' …')}" if error_text else ""
            auth = "" if event.auth == "none" else f" [{event.auth}]"
            took = f"({event.elapsed_ms:.1f} ms)"
            none = "connection ended" if event.dropped else "no answer"
            answer = f"{event.status or none}{code}{', not from the service' if event.injected else ''}"
            unchecked = _describe_not_checked(event.not_checked)
            return f"{event.method} {_origin(event)}{event.path}{auth} → {answer} {took}{unchecked}"
        case events.ConnectionFailed():
            return describe_failed_connection(event)
        case events.TokenIssued():
            unchecked = _describe_not_checked(event.not_checked)
            return f"{event.kind} token for {event.subject} by {event.grant}{unchecked}"
        case events.AccessTokenChecked():
            return _describe_access_token(event)
        case events.ClientAuthenticated():
            return describe_authentication(event)
        case events.ManagedIdentityRequested():
            return describe_identity(event)
        case events.IssuerDocumentFetched():
            return f"the identity provider fetches {event.url} → {event.error or event.status}"
        case events.CredentialExposed():
            whose = f" of {event.owner}" if event.owner else ""
            return f"EXPOSED: {event.credential}{whose} in the {event.part} to {event.host}: {event.reason}"
        case events.DeviceCodeIssued():
            return f"device code for {event.client_id}, to be typed as {event.user_code}"
        case events.FaultApplied():
            return f"fault {event.name}: {event.detail}"
        case events.FaultUndone():
            return f"fault {event.name} undone{f' {event.reason}' if event.reason else ''}: {event.detail}"
        case events.PhaseStarted():
            return f"{event.scenario}: phase {event.phase}"
        case events.SignInsStarted():
            return f"{event.scenario}: sign-ins in phase {event.phase}, {event.sign_in_at:g} s after its start"
        case events.UnattendedSignIn():
            return f"a program answered a page that nobody saw: {event.reason}"
        case events.UserPrompted():
            return f"the user is asked: {event.reason}"
        case events.ClientMessage():
            return event.text
        case events.ClientFinished():
            return _describe_end(event)
        case events.LabEvent():
            return f"{event.part}: {event.text}"
        case events.LastStepDeclared():
            return f"its sign-in is complete with the step {event.last_step}"
        case events.LabPaused():
            since = _time_of_day(event.started_at)
            stood = "" if event.lab_s else " of real time, in which its clock stood still"
            return f"the lab itself paused for {event.real_s:.2f} s{stood}, from {since}; processor {event.cpu_s:.2f} s"
        case _:
            return repr(event)

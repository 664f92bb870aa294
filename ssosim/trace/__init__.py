"""Typed events in one order: the only source of verdicts and explanations."""

from ssosim.trace.events import (
    ClientFinished,
    ClientSaid,
    ConnectionFailed,
    DeviceCodeIssued,
    DnsAnswered,
    Event,
    FaultApplied,
    FaultUndone,
    HttpExchange,
    KdcExchange,
    LabEvent,
    PhaseStarted,
    TicketChecked,
    TokenIssued,
    UserPrompted,
)
from ssosim.trace.log import Caused, Columns, Record, Trace, in_parts
from ssosim.trace.redact import redacted

__all__ = [
    "Caused",
    "ClientFinished",
    "ClientSaid",
    "Columns",
    "ConnectionFailed",
    "DeviceCodeIssued",
    "DnsAnswered",
    "Event",
    "FaultApplied",
    "FaultUndone",
    "HttpExchange",
    "KdcExchange",
    "LabEvent",
    "PhaseStarted",
    "Record",
    "TicketChecked",
    "TokenIssued",
    "Trace",
    "UserPrompted",
    "in_parts",
    "redacted",
]

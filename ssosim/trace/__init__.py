"""Typed events in one order: the only source of verdicts and explanations."""

from ssosim.trace.events import (
    ClientFinished,
    ClientMessage,
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
from ssosim.trace.steps import NO_FIRST_STEPS, FirstSteps, SignInStep, step_of_host

__all__ = [
    "NO_FIRST_STEPS",
    "Caused",
    "ClientFinished",
    "ClientMessage",
    "Columns",
    "ConnectionFailed",
    "DeviceCodeIssued",
    "DnsAnswered",
    "Event",
    "FaultApplied",
    "FaultUndone",
    "FirstSteps",
    "HttpExchange",
    "KdcExchange",
    "LabEvent",
    "PhaseStarted",
    "Record",
    "SignInStep",
    "TicketChecked",
    "TokenIssued",
    "Trace",
    "UserPrompted",
    "in_parts",
    "redacted",
    "step_of_host",
]

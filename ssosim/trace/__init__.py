"""The trace: typed events in one order. Verdicts and explanations are made from it alone."""

from ssosim.trace.events import (
    ClientFinished,
    ClientMessage,
    ConnectionFailed,
    CredentialExposed,
    DeviceCodeIssued,
    DnsAnswered,
    Event,
    FaultApplied,
    FaultUndone,
    HttpExchange,
    KdcExchange,
    LabEvent,
    LabPaused,
    PhaseStarted,
    TicketChecked,
    TokenIssued,
    UserPrompted,
)
from ssosim.trace.log import ClientEvent, Columns, Record, Trace, split_columns
from ssosim.trace.redact import redact
from ssosim.trace.steps import NO_FIRST_STEPS, FirstSteps, SignInStep, step_of_host

__all__ = [
    "NO_FIRST_STEPS",
    "ClientEvent",
    "ClientFinished",
    "ClientMessage",
    "Columns",
    "ConnectionFailed",
    "CredentialExposed",
    "DeviceCodeIssued",
    "DnsAnswered",
    "Event",
    "FaultApplied",
    "FaultUndone",
    "FirstSteps",
    "HttpExchange",
    "KdcExchange",
    "LabEvent",
    "LabPaused",
    "PhaseStarted",
    "Record",
    "SignInStep",
    "TicketChecked",
    "TokenIssued",
    "Trace",
    "UserPrompted",
    "redact",
    "split_columns",
    "step_of_host",
]

"""SPN rules: how clients form the name of the service for which they request a ticket."""

from __future__ import annotations

from ssosim_clients.spn.realm import guess_realm
from ssosim_clients.spn.rule import (
    NO_TICKET,
    NameForm,
    NegotiateAbandoned,
    OnLookupFailure,
    OnUnknown,
    PortInSpn,
    SpnRule,
)
from ssosim_clients.spn.table import RULES

__all__ = [
    "NO_TICKET",
    "RULES",
    "NameForm",
    "NegotiateAbandoned",
    "OnLookupFailure",
    "OnUnknown",
    "PortInSpn",
    "SpnRule",
    "guess_realm",
]

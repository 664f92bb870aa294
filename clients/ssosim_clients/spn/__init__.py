"""How clients name the service that they want a ticket for."""

from __future__ import annotations

from ssosim_clients.spn.realm import guessed_realm
from ssosim_clients.spn.rule import NO_TICKET, Form, OnLookupFailure, OnUnknown, PortInSpn, SchemeGivenUp, SpnRule
from ssosim_clients.spn.table import RULES

__all__ = [
    "NO_TICKET",
    "RULES",
    "Form",
    "OnLookupFailure",
    "OnUnknown",
    "PortInSpn",
    "SchemeGivenUp",
    "SpnRule",
    "guessed_realm",
]

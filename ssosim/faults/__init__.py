"""Typed, reversible faults: one name, one set of fields, the same from Python, TOML and the command line."""

from ssosim.faults.base import Fault, FaultTarget, Undo
from ssosim.faults.dns import AnyFault, CnameForAlias, DnsFault, NameRemoved, TrafficManagerDeleted

__all__ = [
    "AnyFault",
    "CnameForAlias",
    "DnsFault",
    "Fault",
    "FaultTarget",
    "NameRemoved",
    "TrafficManagerDeleted",
    "Undo",
]

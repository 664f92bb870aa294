"""Fault scenarios for a user's own tests, and a simulated environment in memory for a user's own models and policies.

``play`` and ``host_lab`` use a lab on loopback sockets, with the real KDC, DNS and TLS; the pytest plugin offers them
as fixtures (``sso_play``, ``sso_lab``). ``ClientEnvironment``, ``check_client`` and ``check_policy`` need no socket:
they are pure Python with the real identity provider. Modules that need GSS-API are imported on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from ssosim.memory import Engine, NoProgressError, Run
from ssosim.testing.checks import SITUATIONS, ConformanceError, check_client, check_policy
from ssosim.testing.client_environment import (
    AUTOLOGON,
    FEDERATED_UPN,
    LOGIN,
    MANAGER,
    PASSWORD,
    STS,
    UPN,
    ClientEnvironment,
)
from ssosim.testing.request import Request
from ssosim.testing.wire_event import WireEvent
from ssosim.trace import SignInStep
from ssosim.verdict.outcome import Outcome

if TYPE_CHECKING:
    from ssosim.testing.hosted_lab import HostedLab, IdleFaultWarning, host_lab
    from ssosim.testing.played import ClientPhase, Played
    from ssosim.testing.playing import play, play_sync

__all__ = [
    "AUTOLOGON",
    "FEDERATED_UPN",
    "LOGIN",
    "MANAGER",
    "PASSWORD",
    "SITUATIONS",
    "STS",
    "UPN",
    "ClientEnvironment",
    "ClientPhase",
    "ConformanceError",
    "Engine",
    "HostedLab",
    "IdleFaultWarning",
    "NoProgressError",
    "Outcome",
    "Played",
    "Request",
    "Run",
    "SignInStep",
    "WireEvent",
    "check_client",
    "check_policy",
    "host_lab",
    "play",
    "play_sync",
]

_LATE = {
    "HostedLab": "hosted_lab",
    "IdleFaultWarning": "hosted_lab",
    "host_lab": "hosted_lab",
    "play": "playing",
    "play_sync": "playing",
    "Played": "played",
    "ClientPhase": "played",
}


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATE[name]}"), name)

"""Client models: a flow, an SPN rule, a policy, and whether the program can show a prompt."""

from __future__ import annotations

from ssosim_clients.models.base import Model, SignInReport, SignInState
from ssosim_clients.models.client import Client

__all__ = ["Client", "Model", "SignInReport", "SignInState"]

"""Models of clients: a flow, an SPN rule, a policy, and whether a person can be asked."""

from __future__ import annotations

from ssosim_clients.models.base import Model, SignInReport, SignInState
from ssosim_clients.models.client import Client

__all__ = ["Client", "Model", "SignInReport", "SignInState"]

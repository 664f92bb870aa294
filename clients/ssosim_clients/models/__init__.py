"""Models of clients: a flow, an SPN rule, a policy, and whether a person can be asked."""

from __future__ import annotations

from ssosim_clients.models.base import Belief, Model, State
from ssosim_clients.models.client import Client

__all__ = ["Belief", "Client", "Model", "State"]

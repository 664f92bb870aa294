"""The steps of a sign-in, as small async functions on a device, and flows put together from them."""

from __future__ import annotations

from ssosim_clients.flows.native import Flow, NativeFlow
from ssosim_clients.flows.token import Tokens

__all__ = ["Flow", "NativeFlow", "Tokens"]

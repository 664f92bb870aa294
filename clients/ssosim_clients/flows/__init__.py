"""The steps of a sign-in, as small async functions on a device, and flows put together from them."""

from __future__ import annotations

from ssosim_clients.flows.browser import BrowserFlow
from ssosim_clients.flows.chain import ChainFlow, Link
from ssosim_clients.flows.login_host import AppOnlyFlow, PrtFlow
from ssosim_clients.flows.native import Flow, NativeFlow
from ssosim_clients.flows.password import AdalPassword, MsalDotnetPassword, MsalPythonPassword
from ssosim_clients.flows.token import Tokens

__all__ = [
    "AdalPassword",
    "AppOnlyFlow",
    "BrowserFlow",
    "ChainFlow",
    "Flow",
    "Link",
    "MsalDotnetPassword",
    "MsalPythonPassword",
    "NativeFlow",
    "PrtFlow",
    "Tokens",
]

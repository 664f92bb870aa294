"""Flows: complete silent sign-in attempts. They are made of small async functions, one for each step of a sign-in."""

from __future__ import annotations

from ssosim_clients.flows.browser import BrowserFlow
from ssosim_clients.flows.chain import ChainCredential, ChainFlow
from ssosim_clients.flows.login_host import AppOnlyFlow, PrtFlow
from ssosim_clients.flows.native import Flow, NativeFlow
from ssosim_clients.flows.password import AdalPassword, MsalDotnetPassword, MsalPythonPassword
from ssosim_clients.flows.sso_request import SsoRequestFlow
from ssosim_clients.flows.token import Tokens

__all__ = [
    "AdalPassword",
    "AppOnlyFlow",
    "BrowserFlow",
    "ChainCredential",
    "ChainFlow",
    "Flow",
    "MsalDotnetPassword",
    "MsalPythonPassword",
    "NativeFlow",
    "PrtFlow",
    "SsoRequestFlow",
    "Tokens",
]

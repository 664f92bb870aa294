"""What versions of Az.Accounts did: one table, from its public change log and the issues that the change log names.

A version that is not listed behaves like the newest listed one before it. Sources: the change log of Az.Accounts
(Azure/azure-powershell, src/Accounts/Accounts/ChangeLog.md), the "Postmortem of the Az 5.0 release", and the issues
of Azure/azure-powershell whose numbers stand beside each value.
"""
# ruff: noqa: INP001  a program, not a package

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

NoBrowser = Literal["hangs", "inner-error", "aggregate-error", "warning"]
SecureString = Literal["never", "on-request", "always"]

LATEST = "5.5.5"
"""The newest version that was published when this table was written."""


@dataclass(frozen=True)
class Behaviour:
    """What one version does where versions differ.

    ``library`` signs users in. ``default`` is the way of a bare ``Connect-AzAccount``. ``no_browser`` is what happens
    where no browser can be opened; ``checks_display``: without ``DISPLAY`` the command warns and does nothing.
    ``renews``: a cmdlet asks for a token for each request, so that a long operation gets a new one. ``account_id``:
    ``-Identity -AccountId`` selects the identity. ``device_tenant``: ``-Tenant`` applies to a device code.
    ``interruptible``: CTRL+C ends the wait for the browser. ``needs_profile``: the module does not load without a
    writable profile folder. ``access_token_cmdlet``: ``Get-AzAccessToken`` exists. ``open_cache``:
    ``(Get-AzContext).TokenCache`` shows the tokens. ``shared_cache``: processes wait for each other at the cache.
    ``caches_assertion_token``: a login with ``-FederatedToken`` keeps its token and does not send the assertion again.
    ``secure_string``: whether ``Get-AzAccessToken`` gives its token as a SecureString.
    """

    library: Literal["ADAL", "MSAL"] = "ADAL"
    default: Literal["device-code", "browser"] = "device-code"
    no_browser: NoBrowser = "warning"
    checks_display: bool = False
    renews: bool = True
    account_id: bool = True
    device_tenant: bool = True
    interruptible: bool = False
    needs_profile: bool = False
    access_token_cmdlet: bool = False
    open_cache: bool = True
    shared_cache: bool = True
    caches_assertion_token: bool = False
    secure_string: SecureString = "never"


_V1_9_0 = Behaviour(shared_cache=False)  # jobs at the same time found an empty cache: 9448
_V1_9_1 = replace(_V1_9_0, shared_cache=True)  # "may cause authentication errors in multi-process scenarios": fixed
_PREVIEW = replace(_V1_9_1, library="MSAL", default="browser", no_browser="hangs", open_cache=False)  # 13029, 13080
_V2_1_0 = replace(
    _PREVIEW,
    no_browser="inner-error",  # 13340
    renews=False,  # 13367
    account_id=False,  # 13371, 13376
    device_tenant=False,  # 13470, 13477
    needs_profile=True,  # Azure/azure-functions-powershell-worker 554
)
_V2_1_1 = replace(_V2_1_0, no_browser="warning", renews=True, account_id=True)
_V2_2_0 = replace(
    _V2_1_1,
    no_browser="aggregate-error",  # "Task.Result incorrectly causes unclear error message if browser is not available"
    device_tenant=True,
    interruptible=True,
    needs_profile=False,
    access_token_cmdlet=True,
)
_V2_2_1 = replace(_V2_2_0, no_browser="warning")
_V2_5_2 = replace(_V2_2_1, checks_display=True)  # the warning after 28 ms: 15587
_V2_10_4 = replace(_V2_5_2, caches_assertion_token=True)
_V2_17_0 = replace(_V2_10_4, secure_string="on-request")
_V5_0_0 = replace(_V2_17_0, secure_string="always")

VERSIONS = {
    "1.9.0": _V1_9_0,
    "1.9.1": _V1_9_1,
    "1.9.5": _V1_9_1,
    "2.0.1-preview": _PREVIEW,
    "2.1.0": _V2_1_0,
    "2.1.1": _V2_1_1,
    "2.1.2": _V2_1_1,
    "2.2.0": _V2_2_0,
    "2.2.1": _V2_2_1,
    "2.5.2": _V2_5_2,
    "2.10.4": _V2_10_4,
    "2.17.0": _V2_17_0,
    "5.0.0": _V5_0_0,
    LATEST: _V5_0_0,
}
"""The behaviour from each version on."""

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(-preview)?")


def read_version(text: str) -> tuple[int, int, int, bool]:
    """Return a version as numbers; the last is False for a preview. Raises ValueError."""
    found = _VERSION.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no version of Az.Accounts; expected one such as {LATEST}")
    return int(found[1]), int(found[2]), int(found[3]), not found[4]


def find_behaviour(text: str) -> Behaviour:
    """Return what the version does. Raises ValueError for a text that is no version, or one before all known ones."""
    wanted = read_version(text)
    known = [each for each in VERSIONS if read_version(each) <= wanted]
    if not known:
        raise ValueError(f"Az.Accounts {text}: the table begins with {min(VERSIONS, key=read_version)}")
    return VERSIONS[max(known, key=read_version)]

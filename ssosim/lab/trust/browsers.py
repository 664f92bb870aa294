"""Browsers that bring their own authorities: policies of the machine's administrator add the lab's.

Chromium's ``CACertificates`` (base64 DER) and Firefox's ``Certificates.Install`` (file names). Such a policy changes
nothing else of a browser. Sources: Chrome Enterprise policy list; Mozilla policy templates.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

__all__ = ["browser_policies"]

_CHROMIUM = ("chromium", "opt/chrome", "opt/edge", "brave")
_FIREFOX = "firefox/policies/policies.json"


def browser_policies(ca: bytes, ca_file: Path) -> Iterator[tuple[str, str]]:
    """Names below ``/etc`` and contents. ``ca`` is the authority's certificate (DER), ``ca_file`` the same in PEM.

    Firefox has one file for all policies: where the machine has its own, it stays.
    """
    policy = json.dumps({"CACertificates": [base64.b64encode(ca).decode("ascii")]})
    for browser in _CHROMIUM:
        yield f"{browser}/policies/managed/ssosim.json", policy
    if not Path("/etc", _FIREFOX).exists():
        yield _FIREFOX, json.dumps({"policies": {"Certificates": {"Install": [str(ca_file)]}}})

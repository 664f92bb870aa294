"""Enterprise policies that add the lab's CA to browsers with their own root store.

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
    """Yield each policy file: its name below ``/etc`` and its content.

    ``ca``: the CA certificate (DER). ``ca_file``: the same certificate as a PEM file. Firefox has one file for all
    policies; if the machine has one, it is not replaced.
    """
    policy = json.dumps({"CACertificates": [base64.b64encode(ca).decode("ascii")]})
    for browser in _CHROMIUM:
        yield f"{browser}/policies/managed/ssosim.json", policy
    if not Path("/etc", _FIREFOX).exists():
        yield _FIREFOX, json.dumps({"policies": {"Certificates": {"Install": [str(ca_file)]}}})

"""Enterprise policies that add the lab's CA to browsers with their own root store.

Chromium's ``CACertificates`` (base64 DER) and Firefox's ``Certificates.Install`` (file names). Such a policy changes
nothing else of a browser. Sources: Chrome Enterprise policy list; Mozilla policy templates.

Firefox reads one file for all policies. So policies of the machine, or of a folder given with ``--etc``, are merged
with the lab's, and keep every other setting.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["FIREFOX_POLICIES", "browser_policies", "merge_firefox_policies"]

_CHROMIUM = ("chromium", "opt/chrome", "opt/edge", "brave")
FIREFOX_POLICIES = "firefox/policies/policies.json"
"""The name of Firefox's policies below ``/etc``."""


def browser_policies(ca: bytes, ca_file: Path) -> Iterator[tuple[str, str]]:
    """Yield each policy file: its name below ``/etc`` and its content.

    ``ca``: the CA certificate (DER). ``ca_file``: the same certificate as a PEM file. Firefox's policies of the machine
    are kept, and the lab's CA is added; if they cannot be read, there is no file for Firefox.
    """
    policy = json.dumps({"CACertificates": [base64.b64encode(ca).decode("ascii")]})
    for browser in _CHROMIUM:
        yield f"{browser}/policies/managed/ssosim.json", policy
    firefox = json.dumps({"policies": {"Certificates": {"Install": [str(ca_file)]}}})
    try:
        yield FIREFOX_POLICIES, merge_firefox_policies(Path("/etc", FIREFOX_POLICIES).read_text("utf-8"), firefox)
    except FileNotFoundError:
        yield FIREFOX_POLICIES, firefox
    except (OSError, ValueError, RecursionError):  # Firefox itself ignores policies that are not JSON
        return


def merge_firefox_policies(own: str, added: str) -> str:
    """Merge two contents of Firefox's ``policies.json``: all settings of ``own``, and those of ``added`` besides.

    Lists are joined, entries once; where both have a different value, that of ``own`` is kept. Raises ValueError if
    ``own`` is not a JSON object with an object ``policies``.
    """
    document = json.loads(own)
    if not isinstance(document, dict) or not isinstance(document.get("policies"), dict):
        raise ValueError("expected an object with the key 'policies', whose value is an object")  # noqa: TRY004
    return json.dumps(_merge(document, json.loads(added)))


def _merge(own: Any, added: Any) -> Any:
    if isinstance(own, dict) and isinstance(added, dict):
        return {**added, **{key: _merge(value, added[key]) if key in added else value for key, value in own.items()}}
    if isinstance(own, list) and isinstance(added, list):
        return [*own, *(each for each in added if each not in own)]
    return own

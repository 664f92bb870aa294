"""Real clients that tests need: installed in continuous integration, and never without being asked for elsewhere."""

from __future__ import annotations

import os

import pytest

from ssosim.lab.base.errors import PrerequisiteError
from ssosim.real_clients.installation import check_installed, install
from ssosim.real_clients.manifest import RealClient

__all__ = ["can_run", "prepare"]

_INSTALLS = os.environ.get("CI") == "true" or "all" in map(os.environ.get, ("SSOSIM_LIBRARIES", "SSOSIM_CREDENTIALS"))
"""Whether tests download and install: in .ci/run and .ci/nightly."""


def prepare(client: RealClient) -> None:
    """Skip the test, and say what to install, if ``client`` is not installed. In continuous integration install it."""
    if lacking := _describe_lack(client):
        pytest.skip(lacking)


def can_run(client: RealClient) -> bool:
    """Return whether ``client`` is installed, after an attempt in continuous integration."""
    return not _describe_lack(client)


def _describe_lack(client: RealClient) -> str:
    """Return what is missing; empty if nothing is. What a registry does not deliver at once is asked for twice."""
    lacking = ""
    for _ in range(2 if _INSTALLS else 1):
        try:
            install(client) if _INSTALLS else check_installed(client)
        except PrerequisiteError as error:
            lacking = str(error)
        else:
            return ""
    return lacking

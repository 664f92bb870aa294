"""The identity libraries of the Azure SDKs for four languages, unmodified, as programs with the same arguments."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from ssosim.real_clients.folders import find_client_home
from ssosim.real_clients.lookup import find_real_clients
from tests.real_client_setup import prepare

__all__ = ["EVERY", "LIBRARIES", "find_program", "pair"]

LIBRARIES = {
    "python": "azure-identity",
    "go": "azidentity",
    "node": "azure-identity-node",
    "java": "azure-identity-java",
}
"""The real client of each language."""

EVERY = os.environ.get("SSOSIM_LIBRARIES") == "all"
"""Whether each case is tried with each library (``make nightly``); else with those of its fixed sample."""

_PYTHON = str(Path(__file__).parents[2] / "clients" / "real" / "azure-identity" / "unattended.py")
_found: dict[str, list[str]] = {}


def find_program(language: str) -> list[str]:
    """Return the words that start the program; the test is skipped if it is not installed.

    The library for Python is in the environment of the tests.
    """
    if language == "python":
        return [sys.executable, _PYTHON]
    if language not in _found:
        (client,) = find_real_clients([LIBRARIES[language]])
        prepare(client)
        home = str(find_client_home(client))
        _found[language] = [word.replace("{home}", home) for word in client.manifest.unattended]
    return _found[language]


def pair(samples: Mapping[str, str], without: Iterable[tuple[str, str]] = ()) -> list[tuple[str, str]]:
    """Return pairs of language and case. ``samples``: the languages of each case's sample, separated by blanks.

    ``without``: pairs of a library that does not have what the case is about.
    """
    chosen = {name: tuple(LIBRARIES) if EVERY else tuple(words.split()) for name, words in samples.items()}
    return [
        (each, name) for name, languages in chosen.items() for each in languages if (each, name) not in set(without)
    ]

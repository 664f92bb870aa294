"""The folder in which the directories of Samba are prepared once for all tests."""

import os
from pathlib import Path

import pytest

from .domains import MISSING

if MISSING and os.environ.get("CI") == "true":  # a skip fails there; `make nightly` has Samba, and plays these tests
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def domains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the cache of prepared realms."""
    return tmp_path_factory.mktemp("domains")

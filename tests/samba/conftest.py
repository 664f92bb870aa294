"""The folder in which the directories of Samba are prepared once for all tests."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def domains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the cache of prepared realms."""
    return tmp_path_factory.mktemp("domains")

"""The zones of the default estate as a fixture."""

from __future__ import annotations

import pytest

from ssosim.dns import ZoneSet, zones_of
from ssosim.estate import default_estate


@pytest.fixture(scope="session")
def contoso() -> ZoneSet:
    """The default estate's zones."""
    return zones_of(default_estate())

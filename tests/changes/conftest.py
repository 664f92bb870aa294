"""Fixtures of change control; the helpers are in ``conftest_ops``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from conftest_ops import office, zones

__all__ = ["office", "zones"]

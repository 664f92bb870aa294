"""What the tests of services share: another package that is installed for a while."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from conftest_services import package

__all__ = ["package"]

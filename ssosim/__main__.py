"""``python -m ssosim``."""

import sys

from ssosim.cli import main

sys.exit(main())

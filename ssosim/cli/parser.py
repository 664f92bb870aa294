"""The parser of options that all commands use."""

from __future__ import annotations

import argparse
from typing import NoReturn

from ssosim.output import one_line

__all__ = ["Parser"]


class Parser(argparse.ArgumentParser):
    """As argparse has it; what it repeats of the user's words stays on one line."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and ``message``; exit code 2."""
        super().error(one_line(message))

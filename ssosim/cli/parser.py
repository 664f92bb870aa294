"""The parser of options that all commands use."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from ssosim.output import one_line

__all__ = ["Parser"]


class Parser(argparse.ArgumentParser):
    """As argparse has it; what it repeats of the user's words stays on one line.

    An option with one value is refused if it is given twice: argparse would drop the first value in silence.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:  # type: ignore[explicit-any] # argparse's
        super().__init__(*args, **settings)
        for name in (None, "store"):
            self.register("action", name, _StoreOnce)

    def error(self, message: str) -> NoReturn:
        """Print the usage and ``message``; exit code 2."""
        super().error(one_line(message))


class _StoreOnce(argparse.Action):
    """Store the value of an option that is there once, or of an argument without an option."""

    _last: argparse.Namespace | None = None

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002 - as argparse calls it
        namespace: argparse.Namespace,
        values: str | Sequence[object] | None,
        option_string: str | None = None,
    ) -> None:
        """Set the value. Raises ArgumentError for the second one of one command line."""
        if option_string is not None and self._last is namespace:
            raise argparse.ArgumentError(self, "is given twice; give one value")
        self._last = namespace
        setattr(namespace, self.dest, values)

"""Durations on the command line, written alike for every option: ``30s``, ``500ms``, ``2m``, ``1h30m`` or ``30``."""

from __future__ import annotations

import argparse
import re

from ssosim.lab.base.errors import LabInputError

__all__ = ["duration", "parse_duration", "signed_duration"]

_ZERO = re.compile(r"0+(\.0*)?(ms|min|s|m|h)?")


def parse_duration(text: str, option: str) -> float:
    """Return ``text`` in seconds, as in scenario files. Raises LabInputError that names ``option``."""
    from ssosim.verdict.expectations import ExpectationError  # noqa: PLC0415 - exec without a duration starts sooner
    from ssosim.verdict.expectations import parse_duration as parse  # noqa: PLC0415

    try:
        return parse(text)
    except ExpectationError as error:
        raise LabInputError(f"{option} {error}".strip()) from error


def duration(text: str) -> float:
    """Return ``text`` in seconds, for argparse; 0 is allowed."""
    if _ZERO.fullmatch(text.strip()):
        return 0.0
    try:
        return parse_duration(text, "")
    except LabInputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def signed_duration(text: str) -> float:
    """Return ``text`` in seconds, for argparse: a duration, 0, or with a minus sign one in the past."""
    return -duration(text[1:]) if text.startswith("-") else duration(text)

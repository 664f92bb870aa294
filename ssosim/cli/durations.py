"""Lengths of time on the command line, written alike for every option: ``30s``, ``500ms``, ``2m``, ``1h`` or ``30``."""

from __future__ import annotations

import argparse
import math

from ssosim.lab.base.errors import LabInputError

__all__ = ["duration", "parse_duration"]

_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: str, option: str) -> float:
    """Return ``text`` in seconds. Raises LabInputError that names ``option``."""
    number = text.rstrip("hms")
    try:
        seconds = float(number) * _UNITS[text[len(number) :]]
    except (KeyError, ValueError) as error:
        raise LabInputError(f"{option} {text!r}: expected a time such as 30s, 500ms or 2m") from error
    return seconds


def duration(text: str) -> float:
    """Return ``text`` in seconds, for argparse; it is at least 0 and finite."""
    try:
        seconds = parse_duration(text, "")
    except LabInputError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 30s, 500ms or 2m")
    return seconds

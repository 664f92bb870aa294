"""Durations on the command line, written alike for every option: ``30s``, ``500ms``, ``2m``, ``1h30m`` or ``30``."""

from __future__ import annotations

import argparse

from ssosim.lab.base.errors import LabInputError

__all__ = ["duration", "parse_duration", "signed_duration"]


def parse_duration(text: str, option: str) -> float:
    """Return ``text`` in seconds, as in scenario files. Raises LabInputError that names ``option``."""
    from ssosim.verdict.expectations import ExpectationError  # noqa: PLC0415 - exec without a duration starts sooner
    from ssosim.verdict.expectations import parse_duration as parse  # noqa: PLC0415

    try:
        return parse(text)
    except ExpectationError as error:
        raise LabInputError(f"{option} {error}".strip()) from error


def duration(text: str) -> float:
    """Return ``text`` in seconds, for argparse; it is above 0."""
    try:
        return parse_duration(text, "")
    except LabInputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def signed_duration(text: str) -> float:
    """Return ``text`` in seconds, for argparse: a duration, one with a minus sign for the past, or 0."""
    if text.strip("-+0.") == "":
        return 0.0 if "0" in text else duration(text)
    return -duration(text[1:]) if text.startswith("-") else duration(text)

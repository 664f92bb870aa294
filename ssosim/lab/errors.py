"""What can go wrong when a lab is started or used, by exit code."""

from __future__ import annotations

__all__ = ["LabError", "LabInputError", "MachineLacksError", "NameTakenError"]


class LabError(Exception):
    """A lab could not do what was asked. The text is ready for the user; ``exit_code`` is the command's."""

    exit_code = 1


class LabInputError(LabError):
    """The user's input cannot be used: what, where, what to do."""

    exit_code = 2


class NameTakenError(LabInputError):
    """A lab of this name is up already."""


class MachineLacksError(LabError):
    """The machine lacks something; the text names the command that fixes it."""

    exit_code = 3

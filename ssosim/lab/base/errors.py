"""What can go wrong when a lab is started or used, by exit code."""

from __future__ import annotations

from typing import Any

__all__ = ["LabError", "LabInputError", "LabRefusedError", "MachineLacksError", "NameTakenError"]


class LabError(Exception):
    """A lab could not do what was asked. The text is ready for the user; ``exit_code`` is the command's."""

    exit_code = 1


class LabRefusedError(LabError):
    """A gate of the lab said no; ``data`` holds its reasons."""

    def __init__(self, text: str, data: dict[str, Any]) -> None:
        super().__init__(text)
        self.data = data


class LabInputError(LabError):
    """The user's input cannot be used: what, where, what to do."""

    exit_code = 2


class NameTakenError(LabInputError):
    """A lab of this name is up already."""


class MachineLacksError(LabError):
    """The machine lacks something; the text names the command that fixes it."""

    exit_code = 3

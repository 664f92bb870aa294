"""Errors of starting and using a lab, by exit code."""

from __future__ import annotations

from typing import Any

__all__ = ["LabError", "LabInputError", "LabNameTakenError", "LabRefusedError", "PrerequisiteError"]


class LabError(Exception):
    """A lab could not do what was requested. The text is ready for the user; ``exit_code`` is the command's."""

    exit_code = 1


class LabRefusedError(LabError):
    """A rule of the lab (the gate for DNS changes, for example) refused the request; ``data`` holds the reasons."""

    def __init__(self, text: str, data: dict[str, Any]) -> None:
        super().__init__(text)
        self.data = data


class LabInputError(LabError):
    """The user's input cannot be used. The text names the input, the mistake and the remedy."""

    exit_code = 2


class LabNameTakenError(LabInputError):
    """Another lab of this name is running."""


class PrerequisiteError(LabError):
    """The machine lacks a program, a library or a kernel feature. The text names the command that installs it."""

    exit_code = 3

"""The interface of a client model, and the report that it returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from ssosim_clients.failures import Stage
from ssosim_clients.flows.token import Tokens
from ssosim_clients.ports import Device

__all__ = ["Model", "SignInReport", "SignInState"]


class SignInState(StrEnum):
    """How a sign-in ended, according to the client."""

    SILENT = "signed in silently"
    INTERACTIVE = "signed in by asking"
    DECLINED = "the user did not answer"
    FAILED = "gave up with an error"


@dataclass(frozen=True, slots=True)
class SignInReport:
    """A client's own account of its sign-in. No verdict depends on it: verdicts use the trace.

    ``stage``: where the last silent attempt failed, None if it did not. ``attempts``: the silent attempts of all
    rounds.
    """

    state: SignInState
    detail: str = ""
    stage: Stage | None = None
    attempts: int = 0
    tokens: Tokens | None = field(default=None, repr=False)


class Model(Protocol):
    """A client model: an object with these four members. ``Client`` is sufficient for most models."""

    @property
    def name(self) -> str:
        """A short lower-case name, used on the command line."""
        ...

    @property
    def description(self) -> str:
        """One line: which client it models, and how it behaves."""
        ...

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources of its behaviour; ``unconfirmed: …`` for a part without a source."""
        ...

    async def sign_in(self, device: Device) -> SignInReport:
        """Sign in.

        It may never return. The caller then cancels it at any await; do not catch the cancellation.
        """
        ...

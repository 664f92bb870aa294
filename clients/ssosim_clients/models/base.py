"""What every model is, and what it says of itself when it is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from ssosim_clients.failures import Stage
from ssosim_clients.flows.token import Tokens
from ssosim_clients.ports import Device

__all__ = ["Model", "SignInReport", "SignInState"]


class SignInState(StrEnum):
    """How a client thinks that its sign-in ended."""

    SILENT = "signed in silently"
    INTERACTIVE = "signed in by asking"
    DECLINED = "the person did not answer"
    FAILED = "gave up with an error"


@dataclass(frozen=True, slots=True)
class SignInReport:
    """A client's own account of its sign-in. A verdict never rests on it; the trace decides.

    ``stage`` is where the last silent attempt stopped, None if it did not; ``attempts`` counts silent attempts over all
    rounds.
    """

    state: SignInState
    detail: str = ""
    stage: Stage | None = None
    attempts: int = 0
    tokens: Tokens | None = field(default=None, repr=False)


class Model(Protocol):
    """Anything that signs in. A dataclass with these four members is enough; ``Client`` suits most."""

    @property
    def name(self) -> str:
        """Short and lower-case, as typed on a command line."""
        ...

    @property
    def description(self) -> str:
        """One line: what it stands for and how it behaves."""
        ...

    @property
    def sources(self) -> tuple[str, ...]:
        """Where its behaviour is known from; ``unconfirmed: …`` for what is not."""
        ...

    async def sign_in(self, device: Device) -> SignInReport:
        """Sign in, for as long as it takes.

        May never return: whoever runs it cancels it at any await, which is normal and must not be caught.
        """
        ...

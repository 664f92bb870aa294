"""The base class of faults that change what the identity provider knows: users, applications, domains."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import ClassVar

import msgspec

from ssosim.estate import Application, Estate, User
from ssosim.faults.core.errors import FaultError
from ssosim.faults.core.fault import Applied, Fault, FaultState
from ssosim.faults.core.mentions import mentions
from ssosim.trace import SignInStep

__all__ = ["EstateFault", "change_application", "change_user"]


class EstateFault(Fault, frozen=True, kw_only=True):
    """A change of the estate that the identity provider uses.

    The KDCs know of it whether a user's account is disabled or locked, or its password has expired, and nothing else.

    ``CODES`` are the AADSTS codes of what it makes fail.
    """

    CODES: ClassVar[tuple[int, ...]] = ()

    @property
    def subject(self) -> str:
        """The user or application that it changes, as a request names it; ``""`` for another change."""
        return str(getattr(self, "user", "") or getattr(self, "client_id", ""))

    def explains(self, text: str, code: int, healthy: Estate) -> bool:  # noqa: ARG002 - for subclasses
        """Whether it is why the request ``text`` was refused with ``code``: the request names whom it changes.

        A ticket, an assertion and a refresh token name nobody in plain text: the name of the user that the provider has
        found in it is appended to ``text``. ``healthy`` is the estate without faults.
        """
        return code in self.CODES and mentions(text.lower(), self.subject)

    def changes_answer(self, step: SignInStep) -> bool:  # noqa: ARG002 - for subclasses
        """Whether it changes each good answer at this step, whoever asks."""
        return False

    def fold(self, state: FaultState, applied: Applied) -> FaultState:  # noqa: ARG002 - needs no memory
        """Return ``state`` with the change."""
        return dataclasses.replace(state, estate=(*state.estate, self.change))

    def change(self, estate: Estate) -> Estate:
        """Return ``estate`` with the change. Raises FaultError if it names what the estate does not have."""
        raise NotImplementedError


def change_user(estate: Estate, upn: str, change: Callable[[User], User]) -> Estate:
    """Return ``estate`` with the user ``upn`` changed. Raises FaultError for an unknown user."""
    if estate.user(upn) is None:
        raise FaultError(f"there is no user {upn!r} in the estate")
    wanted = upn.lower()
    users = tuple(change(user) if user.upn.lower() == wanted else user for user in estate.users)
    return msgspec.structs.replace(estate, users=users)


def change_application(estate: Estate, client_id: str, change: Callable[[Application], Application]) -> Estate:
    """Return ``estate`` with the application ``client_id`` changed.

    Raises FaultError for an application that the file does not name: those of Microsoft have nothing to change.
    """
    wanted = client_id.lower()
    if not any(application.client_id.lower() == wanted for application in estate.applications):
        raise FaultError(f"there is no application {client_id!r} in the estate file")
    applications = tuple(change(app) if app.client_id.lower() == wanted else app for app in estate.applications)
    return msgspec.structs.replace(estate, applications=applications)
